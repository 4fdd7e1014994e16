import { readFile, stat } from 'node:fs/promises';
import { type Checked, type Issue, issuesOf, ok, refused } from '../../issue.ts';
import { MAX_SIGNATURE_LENGTH } from '../../protocol/messages.ts';
import { checkSignature, otherFile } from './check-signature.ts';
import { type FileHashes, hashFile, unreadable } from './hash-file.ts';
import type { ArtifactInput, InspectOptions, LocalArtifact } from './local-artifact.ts';

export interface Inspection {
  readonly artifacts: readonly LocalArtifact[];
  readonly issues: readonly Issue[];
  readonly warnings: readonly string[];
}

/** The issues that can be found without hashing the files. */
export async function presenceIssues(inputs: readonly ArtifactInput[]): Promise<Issue[]> {
  const files = new Set(inputs.map(({ file }) => file));
  const found = await Promise.all([...files].map((file) => findFile({ file })));
  return found.flatMap(issuesOf);
}

/** What is known of files without hashing them. */
export interface FoundFiles {
  readonly files: readonly Omit<LocalArtifact, 'sha256'>[];
  readonly issues: readonly Issue[];
}

/** Finds files with their sizes and signatures. */
export async function findFiles(inputs: readonly ArtifactInput[]): Promise<FoundFiles> {
  const find = async (input: ArtifactInput) => ({ input, found: await findFile(input) });
  const results = await Promise.all(inputs.map(find));
  return {
    files: results.flatMap(({ input, found }) => (found.kind === 'ok' ? [{ ...input, ...found.value }] : [])),
    issues: results.flatMap(({ found }) => issuesOf(found)),
  };
}

/** Reads, hashes and checks all files before anything is sent, and finds every issue in one pass. */
export async function inspectArtifacts(
  inputs: readonly ArtifactInput[],
  options: InspectOptions,
): Promise<Inspection> {
  const inspector = new Inspector(options);
  const artifacts: LocalArtifact[] = [];
  const issues: Issue[] = [];
  const warnings: string[] = [];
  for (const input of inputs) {
    const inspected = await inspector.inspect(input);
    issues.push(...(inspected.kind === 'ok' ? inspected.value.issues : inspected.issues));
    if (inspected.kind === 'refused') continue;
    artifacts.push(inspected.value.artifact);
    warnings.push(...inspected.value.warnings);
  }
  return { artifacts, issues, warnings: [...new Set(warnings)] };
}

/** The same for a single file. */
export async function inspectArtifact(
  input: ArtifactInput,
  options: InspectOptions,
): Promise<Checked<InspectedArtifact>> {
  const inspected = await new Inspector(options).inspect(input);
  const issues = inspected.kind === 'ok' ? inspected.value.issues : [];
  return issues.length > 0 ? refused(...issues) : inspected;
}

export interface InspectedArtifact {
  readonly artifact: LocalArtifact;
  /** With its signature. */
  readonly issues: readonly Issue[];
  readonly warnings: readonly string[];
}

class Inspector {
  readonly #options: InspectOptions;
  /** By file: a universal bundle is listed for two platforms. */
  readonly #hashed = new Map<string, Checked<FileHashes>>();

  constructor(options: InspectOptions) {
    this.#options = options;
  }

  /** Refuses a file that cannot be read or has no signature. */
  async inspect(input: ArtifactInput): Promise<Checked<InspectedArtifact>> {
    const found = await findFile(input);
    if (found.kind === 'refused') return found;
    const hashes = await this.#hash(input.file);
    if (hashes.kind === 'refused') return hashes;
    const { sha256, blake2b512 } = hashes.value;
    const artifact = { ...input, ...found.value, sha256 };
    const issue = await checkSignature({ ...artifact, blake2b512 }, this.#options);
    const renamed = otherFile(artifact);
    const hasKey = this.#options.publicKey !== undefined;
    return ok({
      artifact,
      issues: issue !== undefined && hasKey ? [issue] : [],
      warnings: [
        ...(issue !== undefined && !hasKey ? [issue.message] : []),
        ...(renamed === undefined ? [] : [renamed]),
      ],
    });
  }

  async #hash(file: string): Promise<Checked<FileHashes>> {
    const known = this.#hashed.get(file);
    if (known !== undefined) return known;
    this.#options.onHashing?.(file);
    const hashes = await hashFile(file, this.#options.signal);
    this.#hashed.set(file, hashes);
    return hashes;
  }
}

/** A file's size and its signature. */
async function findFile({
  file,
  givenSignature,
}: Pick<ArtifactInput, 'file' | 'givenSignature'>): Promise<Checked<{ size: number; signature: string }>> {
  const size = await fileSize(file);
  if (size.kind === 'refused') return size;
  const signature = givenSignature === undefined ? await readSignature(`${file}.sig`) : ok(givenSignature);
  if (signature.kind === 'refused') return signature;
  return ok({ size: size.value, signature: signature.value });
}

async function fileSize(file: string): Promise<Checked<number>> {
  const stats = await stat(file).catch(() => undefined);
  const issue = (id: Issue['id'], problem: string, hint: string) =>
    refused({ id, code: 'usage', message: `${file} ${problem}`, hint });
  if (stats === undefined) {
    return issue('file.missing', 'does not exist', 'Build it first, or correct the path.');
  }
  if (!stats.isFile())
    return issue('file.not_a_file', 'is not a file', 'Name the bundle itself, not its folder.');
  if (stats.size === 0) return issue('file.empty', 'is empty', 'Build it again.');
  return ok(stats.size);
}

async function readSignature(file: string): Promise<Checked<string>> {
  const stats = await stat(file).catch(() => undefined);
  const hint =
    'Sign the bundle: set bundle.createUpdaterArtifacts in tauri.conf.json, or run `tauri signer sign`.';
  if (stats === undefined) {
    return refused({ id: 'signature.missing', code: 'usage', message: `${file} does not exist`, hint });
  }
  if (!stats.isFile()) {
    return refused({ id: 'signature.not_a_file', code: 'usage', message: `${file} is not a file`, hint });
  }
  if (stats.size > MAX_SIGNATURE_LENGTH) {
    const message = `${file} is too large for a signature (${stats.size} bytes)`;
    return refused({ id: 'signature.too_large', code: 'preflight_refused', message, hint });
  }
  try {
    const text = (await readFile(file, 'utf8')).trim(); // a newline at the end breaks every client
    if (text !== '') return ok(text);
    return refused({ id: 'signature.empty', code: 'usage', message: `${file} is empty`, hint });
  } catch (error) {
    return unreadable(file, error);
  }
}
