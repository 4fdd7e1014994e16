import {
  accessSync,
  closeSync,
  constants,
  existsSync,
  fsyncSync,
  openSync,
  renameSync,
  rmSync,
} from 'node:fs';
import { basename, join, resolve } from 'node:path';
import type Sqlite from 'better-sqlite3';
import { Kysely } from 'kysely';
import { OtaError } from '../../errors.ts';
import { errorCode } from '../../runtime/error-details.ts';
import { createPrivateFile, syncFolder, syncFoldersAbove } from '../../runtime/private-file.ts';
import type { Database, DatabaseFault, OpenOptions, QueryObserver } from '../database.ts';
import { migrate } from '../migrate.ts';
import { queryLog } from '../query-log.ts';
import type { Schema } from '../schema.ts';
import { ChangeLog } from './change-log.ts';
import { creationMarkOf } from './database-file.ts';
import { fullDisk, withFullDisk } from './full-disk.ts';
import { requireTables } from './own-schema.ts';
import { assertDurable, cannotOpenFile, connectSqlite, openSqliteFile } from './sqlite-connection.ts';
import { ImmediateSqliteDialect } from './sqlite-dialect.ts';
import { sqliteIdentity } from './sqlite-identity.ts';
import { SqliteWriter } from './threads/sqlite-writer.ts';
import { ThreadedSqliteDialect } from './threads/threaded-dialect.ts';

export const DATABASE_FILE = 'synckit-ota.sqlite';

export interface SqliteOptions extends OpenOptions {
  readonly dataDir: string;
}

/**
 * Opens the SQLite store of a data folder, creating and migrating it as needed. Several processes may open it.
 * @throws OtaError `store_unavailable`
 */
export async function openSqlite(options: SqliteOptions): Promise<Database> {
  const { dataDir, onNewStore, onOlderStore, onQuery, writesOnThread = false } = options;
  const file = resolve(dataDir, DATABASE_FILE);
  const mark = creationMarkOf(file);
  const isNew = !existsSync(file) || existsSync(mark);
  if (isNew) onNewStore?.(resolve(dataDir));
  if (!existsSync(file)) createPrivateFile(dataDir, basename(mark));
  createPrivateFile(dataDir, DATABASE_FILE); // SQLite gives its -wal and -shm the mode of the main file
  const writer = await openSqliteFile(file);
  let queries = new Kysely<Schema>({
    dialect: new ImmediateSqliteDialect({ database: withFullDisk(writer) }),
  });
  try {
    const beforeChange = async (lastApplied: string) => {
      onOlderStore?.(file);
      backUp(writer, dataDir, lastApplied);
    };
    await migrate(queries, { beforeChange });
    requireTables(writer);
    assertDurable(writer);
    syncFolder(dataDir); // the -wal is new in it, with the tables perhaps; SQLite's own fsync of it may fail unnoticed
    if (isNew) syncFoldersAbove(dataDir);
    rmSync(mark, { force: true });
    const reader = await openSqliteFile(file, { readonly: true });
    const changes = new ChangeLog(reader);
    if (writesOnThread) {
      const threaded = await openOnThread(file, reader, onQuery);
      await queries.destroy();
      queries = threaded;
    }
    return {
      ...sqliteDatabase(file, changes),
      queries,
      fault: () => faultOf(file, () => changes.lastChange()),
      async close() {
        reader.close(); // first: only who may write deletes the -wal when it is the last
        await queries.destroy();
      },
    };
  } catch (error) {
    await queries.destroy();
    throw fullDisk(file, error) ?? error;
  }
}

/** What a database in a file has, however it was opened. */
export function sqliteDatabase(file: string, changes: ChangeLog) {
  return {
    location: file,
    clock: () => new Date(),
    identity: async () => sqliteIdentity(file),
    async lockDisk() {},
    doubtCounter: () => 0,
    changeCounter: (appId?: string) => changes.lastChange(appId),
  };
}

/**
 * Checks that the process that closed a store last has left no -wal: SQLite does not report that it could not be removed.
 * @throws OtaError `store_unavailable`
 */
export async function requireMerged(file: string): Promise<void> {
  const left = [`${file}-wal`, `${file}-shm`].find((name) => existsSync(name));
  if (left === undefined || (await isOpen(file))) return;
  throw new OtaError('store_unavailable', `${left} could not be removed when the store was closed`, {
    hint: 'Nothing is lost: the next start reads it. Check the disk.',
  });
}

/** Whether another connection has it, which removes the -wal itself when it closes. */
async function isOpen(file: string): Promise<boolean> {
  const connection = await connectSqlite(file, { timeout: 0 });
  try {
    connection.pragma('locking_mode = EXCLUSIVE');
    connection.exec('begin exclusive; rollback');
    return false;
  } catch (error) {
    if (errorCode(error) === 'SQLITE_BUSY') return true;
    throw cannotOpenFile(file, error);
  } finally {
    connection.close();
  }
}

async function openOnThread(
  file: string,
  reader: Sqlite.Database,
  onQuery?: QueryObserver,
): Promise<Kysely<Schema>> {
  const writer = await SqliteWriter.start(file);
  return new Kysely<Schema>({ dialect: new ThreadedSqliteDialect({ reader, writer }), ...queryLog(onQuery) });
}

function faultOf(file: string, read: () => unknown): DatabaseFault | undefined {
  try {
    read();
    accessSync(file, constants.R_OK);
  } catch {
    return 'unreachable';
  }
  try {
    accessSync(file, constants.W_OK);
    return undefined;
  } catch {
    return 'read_only';
  }
}

function backUp(connection: Sqlite.Database, dataDir: string, lastApplied: string): void {
  const copy = join(dataDir, `before-migration-from-${lastApplied}.sqlite`);
  const unfinished = `${copy}.tmp`;
  rmSync(unfinished, { force: true });
  const file = openSync(unfinished, 'wx', 0o600); // as secret as the store itself
  try {
    connection.prepare('vacuum into ?').run(unfinished);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  renameSync(unfinished, copy);
  syncFolder(dataDir);
}
