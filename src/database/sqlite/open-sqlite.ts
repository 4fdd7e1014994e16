import { closeSync, fsyncSync, openSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type Sqlite from 'better-sqlite3';
import { Kysely } from 'kysely';
import { OtaError } from '../../errors.ts';
import type { Clock } from '../../protocol/time.ts';
import { createPrivateFile, syncFolder } from '../../runtime/private-file.ts';
import { migrate } from '../migrate.ts';
import type { Schema } from '../schema.ts';
import { openSqlite } from './sqlite-connection.ts';
import { ImmediateSqliteDialect } from './sqlite-dialect.ts';

/** The metadata store, open and at the current schema. */
export interface Database {
  readonly queries: Kysely<Schema>;
  /** Where it is, for people: a file, or host and name without credentials. */
  readonly location: string;
  /** The time that is recorded and compared: of this machine, or of a server that several share. */
  readonly clock: Clock;
  /**
   * A number that differs from an earlier one if anything was committed in between, by this process or another.
   * Cheap enough for every request. Throws when the store cannot be asked.
   *
   * On PostgreSQL a change by another process is told within milliseconds; where nobody can tell, the number differs
   * once a second. A commit by this process counts at once.
   */
  changeCounter(): number;
  /**
   * Takes the right to serve artifacts from a disk, for as long as this process lives: of several nodes on one
   * database each would have some of the files only. A data folder's own store needs nothing more than its lock.
   * @param onLost called when another process has the right after the connection was lost
   * @throws OtaError `store_unavailable` when another process has it
   */
  lockDisk(onLost: (cause: OtaError) => void): Promise<void>;
  close(): Promise<void>;
}

/** The database's file in a data folder. */
export const DATABASE_FILE = 'synckit-ota.sqlite';

/**
 * Opens the SQLite store of a data folder, creating and migrating it as needed. Several processes may have it open.
 * @throws OtaError `store_unavailable`
 */
export async function openDatabase(dataDir: string): Promise<Database> {
  const file = join(dataDir, DATABASE_FILE);
  createPrivateFile(dataDir, DATABASE_FILE); // SQLite gives its -wal and -shm the mode of the main file
  const writer = await openSqlite(file);
  const queries = new Kysely<Schema>({ dialect: new ImmediateSqliteDialect({ database: writer }) });
  try {
    await migrate(queries, undefined, async (lastApplied) => backUp(writer, dataDir, lastApplied));
    assertDurable(writer);
    // A connection of its own: SQLite counts the commits of all other connections, so it sees the writer's too.
    const observer = await openSqlite(file, { readonly: true });
    const dataVersion = observer.prepare('pragma data_version').pluck();
    return {
      queries,
      location: file,
      clock: () => new Date(),
      async lockDisk() {},
      changeCounter: () => dataVersion.get() as number,
      async close() {
        observer.close();
        await queries.destroy();
      },
    };
  } catch (error) {
    await queries.destroy();
    throw error;
  }
}

function backUp(connection: Sqlite.Database, dataDir: string, lastApplied: string): void {
  const copy = join(dataDir, `before-migration-from-${lastApplied}.sqlite`);
  const unfinished = `${copy}.tmp`;
  rmSync(unfinished, { force: true });
  const file = openSync(unfinished, 'wx', 0o600); // it holds what the store holds
  try {
    connection.prepare('vacuum into ?').run(unfinished);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  renameSync(unfinished, copy); // whole or not at all
  syncFolder(dataDir);
}

/** The pragma reads FULL even where it is not until the first write: so it is read after one. */
function assertDurable(connection: Sqlite.Database): void {
  connection.exec('begin immediate; commit');
  const synchronous = connection.pragma('synchronous', { simple: true });
  const journal = connection.pragma('journal_mode', { simple: true });
  if (synchronous !== 2 || journal !== 'wal') {
    throw new OtaError(
      'store_unavailable',
      `the database would not keep what it acknowledged (journal_mode ${journal}, synchronous ${synchronous})`,
      { hint: 'Put the data folder on a local file system that supports shared memory maps.' },
    );
  }
}
