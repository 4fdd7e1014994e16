import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { MAX_SIGNATURE_LENGTH } from '../protocol/messages.ts';
import { type PublicKey, parseSignature, type SignedContent, verifySignature } from '../protocol/minisign.ts';
import { type Platform, platformName } from '../protocol/platform.ts';
import type { Fault } from './fault.ts';

/** A file and the platform it is for. */
export interface ArtifactInput extends Platform {
  readonly file: string;
}

/** A file as it was found: read once, hashed, with its signature. */
export interface LocalArtifact extends ArtifactInput {
  /** Bytes. */
  readonly size: number;
  readonly sha256: string;
  /** The text of `FILE.sig`, trimmed. */
  readonly signature: string;
}

export interface InspectOptions {
  /** The app's key, to check each signature against. */
  readonly publicKey?: PublicKey | undefined;
  /** The version a trusted comment must name, if it names one. */
  readonly version: string;
  readonly onHashing?: (file: string) => void;
}

export interface Inspection {
  readonly artifacts: readonly LocalArtifact[];
  readonly faults: readonly Fault[];
  readonly warnings: readonly string[];
}

/** Reads, hashes and checks all files before anything is sent, and finds every fault in one go. */
export async function inspectArtifacts(
  inputs: readonly ArtifactInput[],
  options: InspectOptions,
): Promise<Inspection> {
  const artifacts: LocalArtifact[] = [];
  const faults: Fault[] = [];
  const warnings: string[] = [];
  for (const input of inputs) {
    const [size, signature] = [await fileSize(input.file), await readSignature(`${input.file}.sig`)];
    if (typeof size !== 'number') faults.push(size);
    if (typeof signature !== 'string') faults.push(signature);
    if (typeof size !== 'number' || typeof signature !== 'string') continue;
    options.onHashing?.(input.file);
    const { sha256, blake2b512 } = await hashFile(input.file);
    const verdict = await judgeSignature({ ...input, signature, blake2b512 }, options);
    if (verdict !== undefined) options.publicKey ? faults.push(verdict) : warnings.push(verdict.message);
    artifacts.push({ ...input, size, sha256, signature });
  }
  return { artifacts, faults, warnings };
}

async function fileSize(file: string): Promise<number | Fault> {
  const stats = await stat(file).catch(() => undefined);
  if (stats === undefined) {
    return { code: 'usage', message: `${file} does not exist`, hint: 'Build it first, or correct the path.' };
  }
  if (!stats.isFile()) {
    return {
      code: 'usage',
      message: `${file} is not a file`,
      hint: 'Name the bundle itself, not its folder.',
    };
  }
  if (stats.size === 0) return { code: 'usage', message: `${file} is empty`, hint: 'Build it again.' };
  return stats.size;
}

async function readSignature(file: string): Promise<string | Fault> {
  const stats = await stat(file).catch(() => undefined);
  const hint =
    'Sign the bundle: set bundle.createUpdaterArtifacts in tauri.conf.json, or run `tauri signer sign`.';
  if (!stats?.isFile()) {
    return { code: 'usage', message: `${file} ${stats ? 'is not a file' : 'does not exist'}`, hint };
  }
  if (stats.size > MAX_SIGNATURE_LENGTH) {
    return {
      code: 'preflight_refused',
      message: `${file} is too large for a signature (${stats.size} bytes)`,
      hint,
    };
  }
  const text = (await readFile(file, 'utf8')).trim(); // a newline at the end breaks every client
  return text === '' ? { code: 'usage', message: `${file} is empty`, hint } : text;
}

/** What is wrong with a signature, if anything is. Without a key only its form can be looked at. */
async function judgeSignature(
  artifact: ArtifactInput & { signature: string; blake2b512: Buffer },
  { publicKey, version }: InspectOptions,
): Promise<Fault | undefined> {
  const name = `${artifact.file}.sig`;
  const signature = parseSignature(artifact.signature);
  if ('malformed' in signature) {
    const message = `${name} ${signature.malformed}, so Tauri's updater would refuse it`;
    return { code: 'preflight_refused', message, hint: 'Sign the file with `tauri signer sign`.' };
  }
  if (publicKey === undefined) return undefined;
  const content: SignedContent = signature.prehashed
    ? { blake2b512: artifact.blake2b512 }
    : { bytes: await readFile(artifact.file) };
  const verification = verifySignature(signature, publicKey, content, version);
  if (verification.valid) return undefined;
  const message = `${name} (${platformName(artifact)}) does not verify: ${verification.reason}`;
  const hint = 'Sign exactly these bytes, for this version, with the key whose public half the app has.';
  return { code: 'preflight_refused', message, hint };
}

async function hashFile(file: string): Promise<{ sha256: string; blake2b512: Buffer }> {
  const sha256 = createHash('sha256');
  const blake2b512 = createHash('blake2b512');
  for await (const chunk of createReadStream(file, { highWaterMark: 1024 * 1024 })) {
    sha256.update(chunk);
    blake2b512.update(chunk);
  }
  return { sha256: sha256.digest('hex'), blake2b512: blake2b512.digest() };
}
