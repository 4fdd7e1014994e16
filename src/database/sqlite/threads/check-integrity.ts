import { statSync } from 'node:fs';
import { Worker } from 'node:worker_threads';
import type Sqlite from 'better-sqlite3';
import { OtaError } from '../../../errors.ts';
import { errorCode, messageOf } from '../../../runtime/error-details.ts';
import { workerFile } from '../../../runtime/worker-file.ts';
import { hasUnmergedChanges, RESTORE_HINT } from '../database-file.ts';
import { openSqliteFile } from '../sqlite-connection.ts';

/** A database up to this size is checked in some 100 ms, in bytes. */
const SMALL = 4 * 1024 * 1024;

/** `quick` compares no index with its table and looks for no duplicates, in a fifth of the time or less. */
export type CheckDepth = 'quick' | 'full';

export interface IntegrityRequest {
  readonly file: string;
  readonly depth: CheckDepth;
}

/** What is wrong inside a database, by SQLite's own check: the first 20 findings; none when it is sound. */
export function findCorruption(connection: Sqlite.Database, depth: CheckDepth = 'full'): string[] {
  try {
    const rows = connection
      .prepare<[], string>(depth === 'quick' ? 'pragma quick_check(20)' : 'pragma integrity_check(20)')
      .pluck()
      .all();
    return rows.flatMap((row) => row.split('\n')).filter((line) => line !== 'ok' && !line.startsWith('***'));
  } catch (error) {
    if (isCorruption(error)) return [messageOf(error)];
    throw error;
  }
}

/** Rows that refer to others that do not exist, by table. */
export function findBrokenReferences(connection: Sqlite.Database): string[] {
  const rows = connection.prepare<[], string>('select "table" from pragma_foreign_key_check').pluck().all();
  const counts = new Map<string, number>();
  for (const table of rows) counts.set(table, (counts.get(table) ?? 0) + 1);
  return [...counts].map(([table, count]) => `${count} rows of ${table} refer to rows that are missing`);
}

/**
 * Checks a store before it is used, as far as that takes no time that a start would notice: a small database completely, a
 * larger one not at all. It is opened for reading, as one with a foreign -wal would be spoilt for good when it is closed.
 * @throws OtaError `store_unavailable`
 */
export async function requireSoundWhenSmall(file: string): Promise<void> {
  const bytes = bytesOf(file);
  if (bytes > 0 && bytes <= SMALL) requireNone(file, await runCheck({ file, depth: 'full' }));
}

/**
 * Checks a large store that its last process did not close, or that is open, before it is opened for writing.
 * @throws OtaError `store_unavailable`
 */
export async function requireSoundAfterCrash(file: string): Promise<void> {
  if (bytesOf(file) <= SMALL || !hasUnmergedChanges(file)) return;
  requireNone(file, await checkInWorker({ file, depth: 'quick' }));
}

/**
 * Checks a large store that is being served, completely and beside it.
 * @param signal gives up
 * @returns what is wrong; undefined when nothing is, it was given up, or the store is small and was checked before
 */
export async function checkWhileServing(file: string, signal: AbortSignal): Promise<OtaError | undefined> {
  if (bytesOf(file) <= SMALL) return undefined;
  const problems = await checkInWorker({ file, depth: 'full' }, signal);
  return problems.length > 0 ? damaged(file, problems) : undefined;
}

/** Opens the database for reading, and checks it. */
export async function runCheck({ file, depth }: IntegrityRequest): Promise<string[]> {
  const connection = await openSqliteFile(file, { readonly: true, keepsAll: true });
  try {
    return findCorruption(connection, depth);
  } finally {
    connection.close();
  }
}

/** Does not block this thread. With a signal it does not keep the process alive, either. */
function checkInWorker(request: IntegrityRequest, signal?: AbortSignal): Promise<string[]> {
  const worker = new Worker(workerFile(import.meta.url, 'check-worker'), { workerData: request });
  if (signal !== undefined) worker.unref();
  return new Promise((resolve, reject) => {
    worker.on('message', resolve).on('error', reject);
    worker.on('exit', () => resolve([])); // terminated; otherwise one of the others came first
    signal?.addEventListener('abort', () => void worker.terminate(), { once: true });
  });
}

function requireNone(file: string, problems: readonly string[]): void {
  if (problems.length > 0) throw damaged(file, problems);
}

function damaged(file: string, problems: readonly string[]): OtaError {
  return new OtaError('store_unavailable', `${file} is damaged: ${problems[0]}`, { hint: RESTORE_HINT });
}

function isCorruption(error: unknown): boolean {
  return /^SQLITE_(CORRUPT|NOTADB)/.test(errorCode(error) ?? '');
}

function bytesOf(file: string): number {
  return statSync(file, { throwIfNoEntry: false })?.size ?? 0;
}
