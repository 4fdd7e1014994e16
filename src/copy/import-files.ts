import type { Snapshot } from '../database/queries/snapshot.ts';
import { OtaError } from '../errors.ts';
import { mapConcurrently } from '../runtime/map-concurrently.ts';
import { readRegularFile } from '../storage/regular-file.ts';
import type { S3Storage } from '../storage/s3/s3-storage.ts';
import { servedFolder, storedPath } from '../storage/stored-path.ts';
import { type CompleteArtifact, describeArtifact } from './snapshot.ts';

/** Files up to this size are held in memory whole, as many at once as `concurrency` says. Larger ones are sent in parts. */
const SMALL_BYTES = 1024 * 1024;
/** Each takes the memory of two parts. */
const LARGE_AT_ONCE = 3;
const READ_SIZE = 1024 * 1024;

export interface CopyProgress {
  /** Called with the number of further bytes that are in the store. */
  onBytes(bytes: number): void;
  /** Called when a file is in the store; `name` is for people. */
  onFile(name: string, outcome: 'sent' | 'already_there', bytes: number): void;
}

export interface ImportFilesOptions extends CopyProgress {
  readonly dataDir: string;
  readonly storage: S3Storage;
  /** The storage keys of files that were verified earlier: of those only the size is checked. */
  readonly verified: ReadonlySet<string>;
  readonly signal: AbortSignal;
  /** How many small files at once. */
  readonly concurrency: number;
}

/**
 * Imports the files of a data folder into a bucket, under the same keys.
 * @throws OtaError `verification_failed`, naming every file that differs from its record or cannot be read
 */
export async function importFiles(
  files: readonly CompleteArtifact[],
  snapshot: Snapshot,
  { dataDir, storage, verified, signal, concurrency, onBytes, onFile }: ImportFilesOptions,
): Promise<void> {
  const damaged: string[] = [];
  const importFile = async (artifact: CompleteArtifact) => {
    const { storage_key: key, file_size: size, sha256 } = artifact;
    const path = storedPath(servedFolder(dataDir), key);
    const file = { size, sha256, read: () => readFile(path) };
    const name = describeArtifact(snapshot, artifact);
    try {
      const outcome = await storage.importFile(key, file, { verified: verified.has(key), onBytes });
      if (outcome === 'differs') damaged.push(`${name}: ${path} differs from what was published`);
      else onFile(name, outcome, size);
    } catch (error) {
      if (!(error instanceof UnreadableFile)) throw error;
      damaged.push(`${name}: ${error.message}`);
    }
  };
  const [small, large] = [files.filter(isSmall), files.filter((file) => !isSmall(file))];
  const failed = new AbortController();
  const either = AbortSignal.any([signal, failed.signal]);
  const importAll = (some: readonly CompleteArtifact[], atOnce: number) =>
    mapConcurrently(some, importFile, { concurrency: atOnce, signal: either }).catch((error) => {
      failed.abort(error);
      throw error;
    });
  const results = await Promise.allSettled([
    importAll(small, concurrency),
    importAll(large, Math.min(concurrency, LARGE_AT_ONCE)),
  ]);
  for (const result of results) if (result.status === 'rejected') throw result.reason;
  if (damaged.length === 0) return;
  const count = damaged.length === 1 ? '1 file' : `${damaged.length} files`;
  throw new OtaError('verification_failed', `${count} cannot be copied:`, {
    items: damaged.sort(),
    hint: 'Restore them from a backup, or start `serve` again and publish the same files again or delete their releases; then run the same command again. The database was not changed.',
  });
}

function isSmall({ file_size }: CompleteArtifact): boolean {
  return file_size <= SMALL_BYTES;
}

class UnreadableFile extends Error {}

async function* readFile(path: string): AsyncIterable<Buffer> {
  try {
    yield* readRegularFile(path, READ_SIZE);
  } catch (cause) {
    throw new UnreadableFile(cause instanceof Error ? cause.message : path, { cause });
  }
}

/**
 * Makes sure that files are still there at the end: a server on the target may have removed those that an earlier run
 * imported as orphans, before this run was recorded.
 * @throws OtaError `network`
 */
export async function requireStillThere(
  files: readonly CompleteArtifact[],
  { storage, signal, concurrency }: Pick<ImportFilesOptions, 'storage' | 'signal' | 'concurrency'>,
): Promise<void> {
  const check = async ({ storage_key, file_size }: CompleteArtifact) => {
    if (await storage.holds(storage_key, file_size)) return;
    throw new OtaError('network', 'files that were copied are gone from the bucket', {
      hint: 'Run the same command again to send them again. If it happens again, find out what deletes files there.',
    });
  };
  await mapConcurrently(files, check, { concurrency, signal });
}
