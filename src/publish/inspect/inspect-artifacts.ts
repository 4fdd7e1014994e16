import { stat } from 'node:fs/promises';
import { findIdentity } from '../../client/transfer/file-identity.ts';
import { endHashing, type FileHashes, hashFile, sha256OfFile } from '../../client/transfer/hash-file.ts';
import { type Checked, type Issue, issuesOf, ok, refused } from '../../issue.ts';
import { isVerifiable } from '../../protocol/minisign.ts';
import { systemOf } from '../../protocol/platform.ts';
import { namedFileIssues } from '../../tauri/file/named-file.ts';
import type { TauriApp } from '../../tauri/project/tauri-app.ts';
import { otherFile, type SignedArtifact, type SignedFile } from './check-signature.ts';
import { type FoundSignature, findSignature } from './find-signature.ts';
import type { ArtifactInput, InspectOptions, LocalArtifact } from './local-artifact.ts';
import { tryToHash } from './try-to-hash.ts';

export interface Inspection {
  readonly artifacts: readonly LocalArtifact[];
  /** What the signature of each file is checked with. */
  readonly signed: ReadonlyMap<string, SignedFile>;
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

/** What is known of files without hashing them. */
export interface FoundFiles {
  readonly files: readonly Omit<LocalArtifact, 'sha256'>[];
  readonly issues: readonly Issue[];
}

/** Finds files with their sizes and signatures. */
export async function findFiles(
  inputs: readonly ArtifactInput[],
  options: Pick<InspectOptions, 'projectApp'>,
): Promise<FoundFiles> {
  const find = async (input: ArtifactInput) => ({ input, found: await findFile(input, options) });
  const results = await Promise.all(inputs.map(find));
  return {
    files: results.flatMap(({ input, found }) => {
      if (found.kind === 'refused') return [];
      const { size, signature } = found.value;
      return [{ ...input, size, signature: signature.text }];
    }),
    issues: results.flatMap(({ found }) => issuesOf(found)),
  };
}

/**
 * Reads and hashes all files before anything is sent, and finds every issue in one pass. Signatures are verified later
 * (`checkSignatures`), because the server may know the keys that they are made with.
 */
export async function inspectArtifacts(
  inputs: readonly ArtifactInput[],
  options: InspectOptions,
): Promise<Inspection> {
  const inspector = new Inspector(options);
  const artifacts: LocalArtifact[] = [];
  const signed = new Map<string, SignedFile>();
  const issues: Issue[] = [];
  const warnings: string[] = [];
  for (const input of inputs) {
    issues.push(...(await inspector.mismatches(input)));
    const inspected = await inspector.inspect(input);
    issues.push(...issuesOf(inspected));
    if (inspected.kind === 'refused') continue;
    const { blake2b512, signatureFile, isBinary, projectNeedsVersion, ...artifact } = inspected.value;
    artifacts.push(artifact);
    const hash = blake2b512 === undefined ? {} : { blake2b512 };
    signed.set(artifact.file, { ...hash, signatureFile, isBinary, projectNeedsVersion });
    const renamed = otherFile(inspected.value);
    if (renamed !== undefined) warnings.push(renamed);
  }
  endHashing();
  return { artifacts, signed, issues, warnings: [...new Set(warnings)] };
}

class Inspector {
  readonly #options: InspectOptions;
  /** By file: a universal bundle is listed for two platforms. */
  readonly #hashed = new Map<string, Checked<NeededHashes>>();

  readonly #mismatched = new Map<string, readonly Issue[]>();

  constructor(options: InspectOptions) {
    this.#options = options;
  }

  /** Refuses a file that cannot be read or has no signature. */
  async inspect(input: ArtifactInput): Promise<Checked<SignedArtifact>> {
    const found = await findFile(input, this.#options);
    if (found.kind === 'refused') return found;
    const { text } = found.value.signature;
    const hashes = await this.#hash(input.file, isVerifiable(text));
    if (hashes.kind === 'refused') return hashes;
    const { size, signature } = found.value;
    const { file: signatureFile, isBinary } = signature;
    const projectNeedsVersion = (await this.#appFor(input))?.config.requiresSignedVersion ?? false;
    const signed = { signatureFile, isBinary, projectNeedsVersion };
    return ok({ ...input, size, signature: text, ...hashes.value, ...signed });
  }

  /** What contradicts the platform or version; once for a file with several platforms. Nothing where it cannot be read. */
  async mismatches(input: ArtifactInput): Promise<Issue[]> {
    const { allowMismatch, version } = this.#options;
    const stats = await stat(input.file).catch(() => undefined);
    if (allowMismatch || !stats?.isFile() || stats.size === 0) return [];
    const app = await this.#appFor(input);
    const issues = await namedFileIssues(input, { version, app }).catch(() => []);
    const known = this.#mismatched.get(input.file) ?? [];
    this.#mismatched.set(input.file, [...known, ...issues]);
    return issues.filter(({ id }) => !known.some((other) => other.id === id));
  }

  /** The app of the project, as it is on the system that a file is for. */
  async #appFor({ target }: ArtifactInput): Promise<TauriApp | undefined> {
    const system = systemOf(target);
    return system && (await this.#options.projectApp?.(system));
  }

  async #hash(file: string, isVerifiable: boolean): Promise<Checked<NeededHashes>> {
    const known = this.#hashed.get(file);
    const isEnough = !isVerifiable || known?.kind === 'refused' || known?.value.blake2b512 !== undefined;
    if (known !== undefined && isEnough) return known;
    this.#options.onHashing?.(file);
    const identity = await findIdentity(file); // before it is read
    const hash = isVerifiable ? hashFile : sha256Alone;
    const hashed = await tryToHash<NeededHashes>(file, hash, this.#options.signal);
    const hashes = hashed.kind === 'ok' ? ok({ ...hashed.value, identity }) : hashed;
    this.#hashed.set(file, hashes);
    return hashes;
  }
}

/** The BLAKE2b-512 only where a signature can be verified with it: it takes longer than all the rest. */
type NeededHashes = Pick<FileHashes, 'sha256'> & Partial<FileHashes> & Pick<LocalArtifact, 'identity'>;

async function sha256Alone(file: string, signal?: AbortSignal): Promise<NeededHashes> {
  return { sha256: await sha256OfFile(file, signal) };
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
