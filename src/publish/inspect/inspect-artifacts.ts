import { readFile, stat } from 'node:fs/promises';
import type { Issue } from '../../issue.ts';
import { MAX_SIGNATURE_LENGTH } from '../../protocol/messages.ts';
import { checkSignature, otherFile } from './check-signature.ts';
import { type FileHashes, hashFile, unreadable } from './hash-file.ts';
import type { ArtifactInput, InspectOptions, LocalArtifact } from './local-artifact.ts';

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
