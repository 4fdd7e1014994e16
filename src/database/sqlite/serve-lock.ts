import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type Sqlite from 'better-sqlite3';
import { OtaError } from '../../errors.ts';
import { errorCode } from '../../runtime/error-details.ts';
import { createPrivateFile, type FolderWords } from '../../runtime/private-file.ts';
import { cannotOpenFile, connectSqlite } from './sqlite-connection.ts';

export const SERVE_LOCK = 'serve.lock';
const WORKERS_LOCK = 'serve.lock.workers';

/** How long a start waits for workers of a server that was killed, in milliseconds: they end by themselves at once. */
const WORKERS_END_MS = 10_000;
const WORKERS_CHECK_MS = 50;

/** Keeps the connections of locks from being garbage-collected, which would close them and release the locks. */
const held = new Set<Sqlite.Database>();

export interface ServeLockOptions {
  readonly dataDir: string;
  /** What to do where another process has the lock. */
  readonly hint?: string;
}

interface LockWords {
  readonly message: string;
  readonly hint: string;
}

/**
 * Acquires the lock of a data folder, for as long as this process lives: a file lock that SQLite holds and the kernel
 * drops with the process, so that a crash leaves none behind.
 * @returns releases the lock
 * @throws OtaError `store_unavailable` when another process serves the folder
 */
export async function lockForServing({
  dataDir,
  hint = 'Stop it first, or give this one another --data-dir.',
}: ServeLockOptions): Promise<() => void> {
  const words = { message: `another \`synckit-ota serve\` is using ${dataDir}`, hint };
  const unlock = await lockFolder(dataDir, SERVE_LOCK, words);
  try {
    await untilWorkersEnded(dataDir, words);
    return unlock;
  } catch (error) {
    unlock();
    throw error;
  }
}

/**
 * Acquires the lock that every worker has besides, until it ends. A worker that outlives the process that started it can
 * thus write nothing beside a new server.
 */
export async function lockAsWorker({ dataDir }: Pick<ServeLockOptions, 'dataDir'>): Promise<() => void> {
  createPrivateFile(dataDir, WORKERS_LOCK);
  const connection = await connectSqlite(join(dataDir, WORKERS_LOCK), { timeout: WORKERS_END_MS });
  try {
    connection.exec('begin; select * from sqlite_schema'); // to read is enough: it excludes whoever wants it alone
  } catch (error) {
    connection.close();
    throw cannotOpenFile(join(dataDir, WORKERS_LOCK), error);
  }
  return hold(connection);
}

async function untilWorkersEnded(dataDir: string, words: LockWords): Promise<void> {
  if (!existsSync(join(dataDir, WORKERS_LOCK))) return;
  const deadline = performance.now() + WORKERS_END_MS;
  for (;;) {
    const unlock = await tryLock(dataDir, WORKERS_LOCK);
    if (unlock !== undefined) return unlock();
    if (performance.now() > deadline)
      throw new OtaError('store_unavailable', words.message, { hint: words.hint });
    await sleep(WORKERS_CHECK_MS);
  }
}

export interface LockOptions {
  /** Where another process has the lock. */
  readonly message: string;
  readonly hint: string;
  /** What the folder is, where it cannot be written; the data folder by default. */
  readonly words?: FolderWords;
}

/**
 * Acquires a lock of a folder in the same way.
 * @param name of the lock's file, which stays
 * @throws OtaError `store_unavailable` when another process has it, or the folder cannot be written; `no_space`
 */
export async function lockFolder(
  folder: string,
  name: string,
  { message, hint, words }: LockOptions,
): Promise<() => void> {
  createPrivateFile(folder, name, words);
  const unlock = await tryLock(folder, name);
  if (unlock !== undefined) return unlock;
  const links = statSync(join(folder, name), { throwIfNoEntry: false })?.nlink ?? 1;
  const isShared = `${name} there has ${links} names (hard links): the other may be using another folder, from which this one was made by \`cp -al\``;
  throw new OtaError('store_unavailable', links > 1 ? `${message}; ${isShared}` : message, {
    hint: links > 1 ? 'Make a copy with `synckit-ota backup` instead.' : hint,
  });
}

/** @returns undefined when another process has it */
async function tryLock(folder: string, name: string): Promise<(() => void) | undefined> {
  const connection = await connectSqlite(join(folder, name), { timeout: 0 });
  try {
    connection.exec('begin exclusive');
  } catch (error) {
    connection.close();
    if (errorCode(error) !== 'SQLITE_BUSY') throw cannotOpenFile(join(folder, name), error);
    return undefined;
  }
  return hold(connection);
}

function hold(connection: Sqlite.Database): () => void {
  held.add(connection);
  return () => {
    held.delete(connection);
    connection.close();
  };
}
