import { join } from 'node:path';
import type Sqlite from 'better-sqlite3';
import { OtaError } from '../../errors.ts';
import { errorCode } from '../../runtime/error-details.ts';
import { createPrivateFile } from '../../runtime/private-file.ts';
import { cannotOpenFile, connectSqlite } from './sqlite-connection.ts';

const LOCK_FILE = 'serve.lock';

/** Keeps the connections of locks from being garbage-collected, which would close them and release the locks. */
const held = new Set<Sqlite.Database>();

export interface ServeLockOptions {
  readonly dataDir: string;
  /** What to do where another process has the lock. */
  readonly hint?: string;
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
  createPrivateFile(dataDir, LOCK_FILE);
  const connection = await connectSqlite(join(dataDir, LOCK_FILE), { timeout: 0 });
  try {
    connection.exec('begin exclusive');
  } catch (error) {
    connection.close();
    if (errorCode(error) !== 'SQLITE_BUSY') throw cannotOpenFile(join(dataDir, LOCK_FILE), error);
    throw new OtaError('store_unavailable', `another \`synckit-ota serve\` is using ${dataDir}`, {
      cause: error,
      hint,
    });
  }
  held.add(connection);
  return () => {
    held.delete(connection);
    connection.close();
  };
}
