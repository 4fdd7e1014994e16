import { createReadStream } from 'node:fs';
import { join } from 'node:path';
import pMap from 'p-map';
import type { Snapshot } from '../database/queries/snapshot.ts';
import { OtaError } from '../errors.ts';
import { servedFolder } from '../storage/disk/disk-storage.ts';
import type { S3Storage } from '../storage/s3/s3-storage.ts';
import { type CompleteArtifact, describeArtifact } from './snapshot.ts';

const CONCURRENCY = 3;
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
}

/**
 * Imports the files of a data folder into a bucket, under the same keys.
 * @throws OtaError `verification_failed`, naming every file that differs from its record or cannot be read
 */
export async function importFiles(
  files: readonly CompleteArtifact[],
  snapshot: Snapshot,
  { dataDir, storage, verified, signal, onBytes, onFile }: ImportFilesOptions,
): Promise<void> {
  const damaged: string[] = [];
  const importFile = async (artifact: CompleteArtifact) => {
    signal.throwIfAborted();
    const { storage_key: key, file_size: size, sha256 } = artifact;
    const path = join(servedFolder(dataDir), key);
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
  await pMap(files, importFile, { concurrency: CONCURRENCY, signal });
  if (damaged.length === 0) return;
  const count = damaged.length === 1 ? '1 file' : `${damaged.length} files`;
  throw new OtaError(
    'verification_failed',
    [`${count} cannot be copied:`, ...damaged.sort().map((text) => `  - ${text}`)].join('\n'),
    {
      hint: 'Restore them from a backup, or start `serve` again and delete their releases; then run the same command again. The database was not changed.',
    },
  );
}

class UnreadableFile extends Error {}

async function* readFile(path: string): AsyncIterable<Buffer> {
  try {
    yield* createReadStream(path, { highWaterMark: READ_SIZE });
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
  { storage, signal }: Pick<ImportFilesOptions, 'storage' | 'signal'>,
): Promise<void> {
  const check = async ({ storage_key, file_size }: CompleteArtifact) => {
    if (await storage.holds(storage_key, file_size)) return;
    throw new OtaError('network', 'files that were copied are gone from the bucket', {
      hint: 'Run the same command again to send them again. If it happens again, find out what deletes files there.',
    });
  };
  await pMap(files, check, { concurrency: CONCURRENCY, signal });
}
