import { stat } from 'node:fs/promises';
import { type Checked, type Issue, issuesOf, ok, refused } from '../../issue.ts';
import { namedFileIssues } from '../../tauri/file/named-file.ts';
import { checkSignature, otherFile } from './check-signature.ts';
import { type FoundSignature, findSignature, howToSign } from './find-signature.ts';
import { type FileHashes, hashFile } from './hash-file.ts';
import type { ArtifactInput, InspectOptions, LocalArtifact } from './local-artifact.ts';

export interface Inspection {
  readonly artifacts: readonly LocalArtifact[];
  readonly issues: readonly Issue[];
  readonly warnings: readonly string[];
}

/** The issues that can be found without hashing the files. */
export async function presenceIssues(
  inputs: readonly ArtifactInput[],
  options: Pick<InspectOptions, 'projectApp'>,
): Promise<Issue[]> {
  const files = new Set(inputs.map(({ file }) => file));
  const found = await Promise.all([...files].map((file) => findFile({ file }, options)));
  return found.flatMap(issuesOf);
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

  readonly #mismatched = new Map<string, readonly Issue[]>();

  constructor(options: InspectOptions) {
    this.#options = options;
  }

  /** Refuses a file that cannot be read or has no signature. */
  async inspect(input: ArtifactInput): Promise<Checked<InspectedArtifact>> {
    const mismatches = await this.#mismatches(input);
    const found = await findFile(input, this.#options);
    if (found.kind === 'refused') return refused(...mismatches, ...found.issues);
    const hashes = await this.#hash(input.file);
    if (hashes.kind === 'refused') return hashes;
    const { sha256, blake2b512 } = hashes.value;
    const { size, signature } = found.value;
    const artifact = { ...input, size, signature: signature.text, sha256 };
    const signed = { ...artifact, blake2b512, signatureFile: signature.file };
    const { publicKey, projectApp } = this.#options;
    const issue = signature.isBinary
      ? binaryIssue(input.file, signature.file, projectApp !== undefined)
      : await checkSignature(signed, this.#options);
    const renamed = otherFile(signed);
    const isRefused = publicKey !== undefined || (signature.isBinary && projectApp !== undefined);
    return ok({
      artifact,
      issues: [...mismatches, ...(issue !== undefined && isRefused ? [issue] : [])],
      warnings: [
        ...(issue !== undefined && !isRefused ? [issue.message] : []),
        ...(renamed === undefined ? [] : [renamed]),
      ],
    });
  }

  /** What contradicts the platform or version; once for a file with several platforms. Nothing where it cannot be read. */
  async #mismatches(input: ArtifactInput): Promise<Issue[]> {
    const { allowMismatch, projectApp, version } = this.#options;
    const stats = await stat(input.file).catch(() => undefined);
    if (allowMismatch || !stats?.isFile() || stats.size === 0) return [];
    const app = await projectApp?.(input.target);
    const issues = await namedFileIssues(input, { version, app }).catch(() => []);
    const known = this.#mismatched.get(input.file) ?? [];
    this.#mismatched.set(input.file, [...known, ...issues]);
    return issues.filter(({ id }) => !known.some((other) => other.id === id));
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

/** A warning where the app may have an updater of its own. */
function binaryIssue(file: string, signatureFile: string, isTauri: boolean): Issue {
  const who = isTauri ? "Tauri's updater" : 'an app that expects minisign';
  const message = `${signatureFile} is binary: it is served as base64, and ${who} would refuse it`;
  return { id: 'signature.binary', code: 'preflight_refused', message, hint: howToSign({ isTauri }), file };
}

/** A file's size and its signature. */
async function findFile(
  { file, givenSignature }: Pick<ArtifactInput, 'file' | 'givenSignature'>,
  { projectApp }: Pick<InspectOptions, 'projectApp'>,
): Promise<Checked<{ size: number; signature: FoundSignature }>> {
  const size = await fileSize(file);
  if (size.kind === 'refused') return size;
  const given =
    givenSignature === undefined ? undefined : { file: `${file}.sig`, text: givenSignature, isBinary: false };
  const signature = given ? ok(given) : await findSignature(file, { isTauri: projectApp !== undefined });
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
