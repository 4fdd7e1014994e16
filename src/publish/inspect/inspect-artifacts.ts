import { createHash } from 'node:crypto';
import { open, readFile, stat } from 'node:fs/promises';
import { basename } from 'node:path';
import type { Issue } from '../../issue.ts';
import { MAX_SIGNATURE_LENGTH } from '../../protocol/messages.ts';
import {
  MAX_UNHASHED_BYTES,
  otherVersion,
  type PublicKey,
  parseSignature,
  type SignedContent,
  trustedCommentFields,
  verifySignature,
} from '../../protocol/minisign.ts';
import { type Platform, platformName } from '../../protocol/platform.ts';

/** Bytes read from a file at once. */
const READ_SIZE = 1024 * 1024;

/** A file and the platform it is for. */
export interface ArtifactInput extends Platform {
  readonly file: string;
  /** A signature in place of what `FILE.sig` holds. */
  readonly givenSignature?: string;
}

/** A file as it was found: read once, hashed, with its signature. */
export interface LocalArtifact extends ArtifactInput {
  /** Bytes. */
  readonly size: number;
  readonly sha256: string;
  /** The text of `FILE.sig`, trimmed, or what was given in its place. */
  readonly signature: string;
}

export interface InspectOptions {
  /** The app's key, to check each signature against. */
  readonly publicKey?: PublicKey | undefined;
  /** The version a trusted comment must name, if it names one. */
  readonly version: string;
  readonly onHashing?: (file: string) => void;
  readonly signal?: AbortSignal | undefined;
}

export interface Inspection {
  readonly artifacts: readonly LocalArtifact[];
  readonly issues: readonly Issue[];
  readonly warnings: readonly string[];
}

/** What can be told to be wrong with files by looking for them, without hashing them. */
export async function presenceIssues(inputs: readonly ArtifactInput[]): Promise<Issue[]> {
  const files = new Set(inputs.map(({ file }) => file));
  const found = await Promise.all([...files].map((file) => findFile({ file })));
  return found.filter((item) => 'code' in item);
}

/** A file's size and its signature; a file that is not right is built, and so signed, anew. */
async function findFile({
  file,
  givenSignature,
}: Pick<ArtifactInput, 'file' | 'givenSignature'>): Promise<{ size: number; signature: string } | Issue> {
  const size = await fileSize(file);
  if (typeof size !== 'number') return size;
  const signature = givenSignature ?? (await readSignature(`${file}.sig`));
  return typeof signature === 'string' ? { size, signature } : signature;
}

/** Reads, hashes and checks all files before anything is sent, and finds every issue in one go. */
export async function inspectArtifacts(
  inputs: readonly ArtifactInput[],
  options: InspectOptions,
): Promise<Inspection> {
  const artifacts: LocalArtifact[] = [];
  const issues: Issue[] = [];
  const warnings: string[] = [];
  const hashed = new Map<string, FileHashes | Issue>(); // a universal bundle stands for two platforms
  for (const input of inputs) {
    const found = await findFile(input);
    if ('code' in found) {
      issues.push(found);
      continue;
    }
    if (!hashed.has(input.file)) options.onHashing?.(input.file);
    const hashes = hashed.get(input.file) ?? (await hashFile(input.file, options.signal));
    hashed.set(input.file, hashes);
    if ('code' in hashes) {
      issues.push(hashes);
      continue;
    }
    const { size, signature } = found;
    const { sha256, blake2b512 } = hashes;
    const verdict = await checkSignature({ ...input, size, signature, blake2b512 }, options);
    const { file } = input;
    if (verdict !== undefined)
      options.publicKey ? issues.push({ ...verdict, file }) : warnings.push(verdict.message);
    const renamed = otherFile(file, signature);
    if (renamed !== undefined && !warnings.includes(renamed)) warnings.push(renamed);
    artifacts.push({ ...input, size, sha256, signature });
  }
  return { artifacts, issues, warnings };
}

async function fileSize(file: string): Promise<number | Issue> {
  const stats = await stat(file).catch(() => undefined);
  if (stats === undefined) {
    const message = `${file} does not exist`;
    return { id: 'file.missing', code: 'usage', message, hint: 'Build it first, or correct the path.' };
  }
  if (!stats.isFile()) {
    return {
      id: 'file.not_a_file',
      code: 'usage',
      message: `${file} is not a file`,
      hint: 'Name the bundle itself, not its folder.',
    };
  }
  if (stats.size === 0) {
    return { id: 'file.empty', code: 'usage', message: `${file} is empty`, hint: 'Build it again.' };
  }
  return stats.size;
}

async function readSignature(file: string): Promise<string | Issue> {
  const stats = await stat(file).catch(() => undefined);
  const hint =
    'Sign the bundle: set bundle.createUpdaterArtifacts in tauri.conf.json, or run `tauri signer sign`.';
  if (stats === undefined) {
    return { id: 'signature.missing', code: 'usage', message: `${file} does not exist`, hint };
  }
  if (!stats.isFile()) {
    return { id: 'signature.not_a_file', code: 'usage', message: `${file} is not a file`, hint };
  }
  if (stats.size > MAX_SIGNATURE_LENGTH) {
    return {
      id: 'signature.too_large',
      code: 'preflight_refused',
      message: `${file} is too large for a signature (${stats.size} bytes)`,
      hint,
    };
  }
  const content = await readFile(file, 'utf8').catch((error) => unreadable(file, error));
  if (typeof content !== 'string') return content;
  const text = content.trim(); // a newline at the end breaks every client
  return text === '' ? { id: 'signature.empty', code: 'usage', message: `${file} is empty`, hint } : text;
}

/** What is wrong with a signature, if anything is. Without a key only its form can be looked at. */
async function checkSignature(
  artifact: ArtifactInput & { size: number; signature: string; blake2b512: Buffer },
  { publicKey, version }: InspectOptions,
): Promise<Issue | undefined> {
  const name = `${artifact.file}.sig`;
  const signature = parseSignature(artifact.signature);
  if ('malformed' in signature) {
    const message = `${name} ${signature.malformed}, so Tauri's updater would refuse it`;
    const remedy = 'Sign the file with `tauri signer sign`.';
    return { id: 'signature.malformed', code: 'preflight_refused', message, hint: remedy };
  }
  const hint = 'Sign exactly these bytes, for this version, with the key whose public half the app has.';
  if (publicKey === undefined) {
    const reason = otherVersion(signature, version);
    return reason === undefined
      ? undefined
      : { id: 'signature.wrong_version', code: 'preflight_refused', message: `${name} is ${reason}`, hint };
  }
  if (!signature.prehashed && artifact.size > MAX_UNHASHED_BYTES) {
    const message = `${name} is not prehashed, which is only checked for files up to ${MAX_UNHASHED_BYTES} bytes`;
    const remedy = 'Sign the file with a current `tauri signer sign`.';
    return { id: 'signature.not_prehashed', code: 'preflight_refused', message, hint: remedy };
  }
  const content: SignedContent = signature.prehashed
    ? { blake2b512: artifact.blake2b512 }
    : { bytes: await readFile(artifact.file) };
  const verification = verifySignature(signature, publicKey, content, version);
  if (verification.valid) return undefined;
  const message = `${name} (${platformName(artifact)}) does not verify: ${verification.reason}`;
  return { id: 'signature.invalid', code: 'preflight_refused', message, hint };
}

/** A warning where a trusted comment names another file than the one it lies beside, which may have been renamed. */
function otherFile(file: string, text: string): string | undefined {
  const signature = parseSignature(text);
  if ('malformed' in signature) return undefined;
  const signed = trustedCommentFields(signature.trustedComment).get('file');
  if (signed === undefined || signed === basename(file)) return undefined;
  return `${file}.sig is of a file called ${signed}, not ${basename(file)}: that is fine if it was renamed`;
}

interface FileHashes {
  readonly sha256: string;
  readonly blake2b512: Buffer;
}

/** Reads a file once, for all its hashes. @returns them, or why it cannot be read */
export async function hashFile(path: string, signal: AbortSignal | undefined): Promise<FileHashes | Issue> {
  const sha256 = createHash('sha256');
  const blake2b512 = createHash('blake2b512');
  const buffer = Buffer.allocUnsafe(READ_SIZE); // one for all reads: a stream's would pile up until collected
  try {
    const file = await open(path);
    try {
      for (;;) {
        signal?.throwIfAborted();
        const { bytesRead } = await file.read(buffer);
        if (bytesRead === 0) break;
        sha256.update(buffer.subarray(0, bytesRead));
        blake2b512.update(buffer.subarray(0, bytesRead));
      }
    } finally {
      await file.close();
    }
  } catch (error) {
    if (signal?.aborted) throw error;
    return unreadable(path, error);
  }
  return { sha256: sha256.digest('hex'), blake2b512: blake2b512.digest() };
}

function unreadable(file: string, error: unknown): Issue {
  const message = `${file} cannot be read: ${(error as Error).message}`;
  return { id: 'file.unreadable', code: 'usage', message, hint: 'Check its permissions.' };
}
