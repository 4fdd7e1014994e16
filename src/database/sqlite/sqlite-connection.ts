import { accessSync, constants } from 'node:fs';
import type Sqlite from 'better-sqlite3';
import { OtaError } from '../../errors.ts';
import { compareVersions } from '../../protocol/version.ts';
import { errorCode, messageOf } from '../../runtime/error-details.ts';
import { RUN_AS_ITS_USER } from '../../runtime/private-file.ts';
import { copyWhereNeeded, type DatabaseCopy } from './copy-where-needed.ts';
import { hasInterruptedChange, RESTORE_HINT } from './database-file.ts';
import { fullDisk } from './full-disk.ts';
import { requireOwnSchema } from './own-schema.ts';

/** The oldest SQLite with the fix of the WAL-reset bug; 3.52.0 was withdrawn. */
const MINIMUM_SQLITE = '3.51.3';
const WITHDRAWN_SQLITE = '3.52.0';

/** In milliseconds. */
const BUSY_TIMEOUT_MS = 5000;

export interface SqliteFileOptions {
  readonly readonly?: boolean;
  /** Whether an interrupted change is undone in a copy only. For `readonly`. */
  readonly keepsAll?: boolean;
}

/**
 * Opens a SQLite file with the settings that all connections of this project have: WAL, and durable commits. For reading it
 * opens a copy where SQLite could create no files.
 * @throws OtaError `store_unavailable` when the native module is missing, the file cannot be opened or was prepared by
 *   others
 */
export async function openSqliteFile(
  path: string,
  { readonly = false, keepsAll = false }: SqliteFileOptions = {},
): Promise<Sqlite.Database> {
  if (!readonly) for (const suffix of ['', '-wal', '-shm']) requireWritable(path + suffix);
  const copy = readonly ? copyWhereNeeded(path, keepsAll) : undefined;
  const file = copy?.file ?? path;
  let connection: Sqlite.Database | undefined;
  try {
    if (readonly) await rollBackInterrupted(file);
    connection = await connectSqlite(file, { readonly, timeout: BUSY_TIMEOUT_MS });
    requireSoundSqlite(connection);
    connection.pragma('trusted_schema = OFF');
    requireOwnSchema(connection);
    if (!readonly) connection.pragma('journal_mode = WAL');
    // In this build, WAL sets NORMAL, which loses the last commits with the power: so FULL, and after WAL.
    connection.pragma('synchronous = FULL');
    connection.pragma('fullfsync = ON');
    connection.pragma('checkpoint_fullfsync = ON');
    connection.pragma('foreign_keys = ON');
    // The checkpoints that a commit makes fail unnoticed: see threads/checkpoints.ts.
    connection.pragma('wal_autocheckpoint = 0');
    return copy === undefined ? connection : removingAtClose(connection, copy);
  } catch (error) {
    connection?.close();
    copy?.remove();
    throw error instanceof OtaError ? error : cannotOpenFile(path, error);
  }
}

function removingAtClose(connection: Sqlite.Database, copy: DatabaseCopy): Sqlite.Database {
  const { close } = connection;
  connection.close = () => {
    close.call(connection);
    copy.remove();
    return connection;
  };
  return connection;
}

/** The first start of a store, when interrupted, leaves a rollback journal, which a connection for reading cannot apply. */
async function rollBackInterrupted(file: string): Promise<void> {
  if (!hasInterruptedChange(file)) return;
  const connection = await connectSqlite(file, { timeout: BUSY_TIMEOUT_MS });
  try {
    connection.prepare('select count(*) from sqlite_schema').get();
  } catch (error) {
    throw cannotOpenFile(file, error);
  } finally {
    connection.close();
  }
}

/** Before the first write, the pragma reads FULL even where it is not. @throws OtaError `store_unavailable` */
export function assertDurable(connection: Sqlite.Database): void {
  connection.exec('begin immediate; commit');
  const synchronous = connection.pragma('synchronous', { simple: true });
  const journal = connection.pragma('journal_mode', { simple: true });
  if (synchronous !== 2 || journal !== 'wal') {
    throw new OtaError(
      'store_unavailable',
      `the database is not durable (journal_mode ${journal}, synchronous ${synchronous})`,
      { hint: 'Put the data folder on a local file system that supports shared memory maps.' },
    );
  }
}

/** SQLite would open it for reading only, and name no file when something is to be written. */
function requireWritable(file: string): void {
  try {
    accessSync(file, constants.W_OK);
  } catch (cause) {
    if (errorCode(cause) === 'ENOENT') return;
    throw new OtaError('store_unavailable', `${file} cannot be written: ${messageOf(cause)}`, {
      cause,
      hint: `${RUN_AS_ITS_USER} That user has to be able to write to the file.`,
    });
  }
}

function requireSoundSqlite(connection: Sqlite.Database): void {
  const version = String(connection.prepare('select sqlite_version()').pluck().get());
  if (compareVersions(version, MINIMUM_SQLITE) >= 0 && version !== WITHDRAWN_SQLITE) return;
  throw new OtaError('store_unavailable', `SQLite ${version} has bugs that can lose data`, {
    hint: `Install a better-sqlite3 with SQLite ${MINIMUM_SQLITE} or later.`,
  });
}

/** Opens a SQLite file without changing any setting, and loads the native module on first use. */
export async function connectSqlite(file: string, options: Sqlite.Options): Promise<Sqlite.Database> {
  let module: typeof Sqlite;
  try {
    module = (await import('better-sqlite3')).default;
  } catch (error) {
    throw missingModule(error);
  }
  try {
    return new module(file, options);
  } catch (error) {
    const isAboutFile = errorCode(error)?.startsWith('SQLITE_') || error instanceof TypeError;
    throw isAboutFile ? cannotOpenFile(file, error) : missingModule(error);
  }
}

function missingModule(cause: unknown): OtaError {
  return new OtaError(
    'store_unavailable',
    'the native module better-sqlite3 is missing or cannot be loaded',
    {
      cause,
      hint: 'Reinstall it: npm install --global synckit-ota (Linux, macOS and Windows, on x64 and arm64).',
    },
  );
}

export function cannotOpenFile(file: string, cause: unknown): OtaError {
  const full = fullDisk(file, cause);
  if (full !== undefined) return full;
  if (/^SQLITE_(CORRUPT|NOTADB)/.test(errorCode(cause) ?? '')) {
    const message = `${file} is damaged: ${messageOf(cause)}`;
    return new OtaError('store_unavailable', message, { cause, hint: RESTORE_HINT });
  }
  return new OtaError('store_unavailable', `${file} cannot be opened: ${messageOf(cause)}`, {
    cause,
    hint: 'Check that the data folder is yours, writable, on a local disk, and holds a synckit-ota store.',
  });
}
