import { createReadStream } from 'node:fs';
import { join } from 'node:path';
import pMap from 'p-map';
import type { Database } from '../database/database.ts';
import { databaseFailure } from '../database/database-error.ts';
import { forgetCopyUnderWay, recordCopyBegun, recordCopyDone } from '../database/queries/copy-state.ts';
import { databaseId } from '../database/queries/settings.ts';
import {
  type CompleteRow,
  completeRows,
  countPromised,
  describeRow,
  digestOf,
  readRows,
  replaceRows,
  type StoreRows,
} from '../database/queries/snapshot.ts';
import { requireStorageBinding } from '../database/queries/storage-binding.ts';
import { transact } from '../database/transaction.ts';
import { OtaError } from '../errors.ts';
import { servedFolder } from '../storage/disk/disk-storage.ts';
import type { S3Storage } from '../storage/s3/s3-storage.ts';
import { type CopyTarget, checkCopyPreconditions, readTarget, verifiedKeys } from './copy-preconditions.ts';

/** Small ones wait for the store's answers more than for bytes. */
const FILES_AT_ONCE = 3;
const READ_SIZE = 1024 * 1024;

/** A store on one machine, which nobody changes meanwhile. */
export interface CopySource {
  readonly dataDir: string;
  readonly queries: Database['queries'];
}

/** What is to be copied. */
export interface CopyPlan {
  readonly rows: StoreRows;
  readonly files: readonly CompleteRow[];
  /** Bytes of all files. */
  readonly bytes: number;
  /** Uploads that were promised and not made. */
  readonly promised: number;
}

export interface CopyProgress {
  /** Calls with bytes that are in the store now. */
  onBytes(bytes: number): void;
  /** Called when a file is in the store; `name` is for people. */
  onFile(name: string, outcome: 'sent' | 'already_there', bytes: number): void;
}

export interface CopyOptions extends CopyProgress {
  readonly source: CopySource;
  readonly target: Database;
  readonly storage: S3Storage;
  /** `s3://bucket/prefix`. */
  readonly place: string;
  readonly signal: AbortSignal;
}

export async function planCopy({ queries }: CopySource): Promise<CopyPlan> {
  const rows = await queries.transaction().execute(readRows);
  const files = completeRows(rows);
  const bytes = files.reduce((sum, { file_size }) => sum + file_size, 0);
  return { rows, files, bytes, promised: countPromised(rows) };
}

/** Judges a database before anything is written; see `checkCopyPreconditions`. @throws OtaError `conflict` */
export async function requireFitTarget(plan: CopyPlan, target: Database, place: string): Promise<void> {
  checkCopyPreconditions(plan.rows, await transact(target.queries, readTarget), place);
}

/**
 * Takes a store to another database and bucket: each file first, read back and hashed, then all rows in one transaction.
 * Before that nothing of it is to be seen, and what a run that was cut off brought is not sent again by the next.
 * @returns `same` when everything was there already
 * @throws OtaError `network` when the database or the store went away: the same call goes on;
 *   `verification_failed` when files are not what was recorded; `conflict`, as `checkCopyPreconditions`; `store_unavailable` when
 *   the bucket belongs to another database
 */
export async function copyStore(plan: CopyPlan, options: CopyOptions): Promise<'copied' | 'same'> {
  const { target, storage, place } = options;
  await storage.requireOwner(await databaseId(target.queries));
  await requireStorageBinding(target.queries, place);
  try {
    return await copyAll(plan, options);
  } catch (error) {
    throw laterPerhaps(error);
  }
}

async function copyAll(plan: CopyPlan, options: CopyOptions): Promise<'copied' | 'same'> {
  const { source, target, place, signal } = options;
  const found = await transact(target.queries, async (transaction) => {
    const state = await readTarget(transaction);
    checkCopyPreconditions(plan.rows, state, place);
    await recordCopyBegun(transaction, target.clock());
    return state;
  });
  await importFiles(plan, found, options);
  signal.throwIfAborted();
  const { rows } = await planCopy(source); // tokens may have been revoked meanwhile
  requireBrought(rows, plan);
  await requireStillThere(plan, options);
  return transact(target.queries, async (transaction) => {
    if (checkCopyPreconditions(rows, await readTarget(transaction), place) === 'same') {
      await forgetCopyUnderWay(transaction);
      return 'same';
    }
    await replaceRows(transaction, rows);
    await recordCopyDone(transaction, digestOf(rows, { promises: false }));
    return 'copied';
  });
}

/** @throws OtaError `verification_failed`, naming every file that is not what was recorded of it */
async function importFiles(plan: CopyPlan, target: CopyTarget, options: CopyOptions): Promise<void> {
  const { source, storage, signal, onBytes, onFile } = options;
  const verified = verifiedKeys(target);
  const damaged: string[] = [];
  const bring = async (row: CompleteRow) => {
    signal.throwIfAborted();
    const { storage_key: key, file_size: size, sha256 } = row;
    const path = join(servedFolder(source.dataDir), key);
    const file = { size, sha256, read: () => readFile(path) };
    const name = describeRow(plan.rows, row);
    try {
      const outcome = await storage.importFile(key, file, { verified: verified.has(key), onBytes });
      if (outcome === 'differs') damaged.push(`${name}: ${path} is not what was published`);
      else onFile(name, outcome, size);
    } catch (error) {
      if (!(error instanceof Unreadable)) throw error;
      damaged.push(`${name}: ${error.message}`);
    }
  };
  await pMap(plan.files, bring, { concurrency: FILES_AT_ONCE, signal });
  if (damaged.length === 0) return;
  const files = damaged.length === 1 ? '1 file' : `${damaged.length} files`;
  throw new OtaError(
    'verification_failed',
    [`${files} cannot be copied:`, ...damaged.sort().map((text) => `  - ${text}`)].join('\n'),
    {
      hint: 'Bring them back from a backup, or start `serve` again and delete their releases; then run the same command again. Nothing was changed in the database.',
    },
  );
}

/** A file at the source that cannot be read. */
class Unreadable extends Error {}

async function* readFile(path: string): AsyncIterable<Buffer> {
  try {
    yield* createReadStream(path, { highWaterMark: READ_SIZE });
  } catch (cause) {
    throw new Unreadable((cause as Error).message, { cause });
  }
}

/** Only a server brings files, and none runs; so this finds what was changed by hand. */
function requireBrought(rows: StoreRows, { files }: CopyPlan): void {
  const brought = new Set(files.map(({ storage_key, sha256 }) => `${storage_key} ${sha256}`));
  if (completeRows(rows).every(({ storage_key, sha256 }) => brought.has(`${storage_key} ${sha256}`))) return;
  throw new OtaError('network', 'the store was changed while it was copied', {
    hint: 'See to it that nobody writes to it, and run the same command again.',
  });
}

/**
 * Files may have been found there that an earlier run brought, and a server that serves the target may have begun to
 * remove them as left-overs before this run was recorded.
 */
async function requireStillThere(
  { files }: CopyPlan,
  { storage, signal }: Pick<CopyOptions, 'storage' | 'signal'>,
): Promise<void> {
  const look = async ({ storage_key, file_size }: CompleteRow) => {
    if (await storage.holds(storage_key, file_size)) return;
    throw new OtaError('network', 'files that were copied are gone from the bucket', {
      hint: 'Run the same command again: it sends them again. If it comes again, look who else deletes there.',
    });
  };
  await pMap(files, look, { concurrency: FILES_AT_ONCE, signal });
}

/** The store and the database could be used at the start, so whatever is the matter now can be waited for. */
function laterPerhaps(error: unknown): unknown {
  const failure = databaseFailure(error) ?? error;
  if (!(failure instanceof OtaError)) return failure;
  if (failure.code !== 'store_unavailable' && failure.code !== 'outcome_unknown') return failure;
  return new OtaError('network', failure.message, {
    cause: failure.cause,
    hint: 'Run the same command again when that is over: it goes on where this one stopped.',
  });
}
