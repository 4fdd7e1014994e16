import { closeSync, fsyncSync, openSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type Sqlite from 'better-sqlite3';
import { Kysely } from 'kysely';
import { OtaError } from '../../errors.ts';
import { createPrivateFile, syncFolder } from '../../runtime/private-file.ts';
import type { Database } from '../database.ts';
import { migrate } from '../migrate.ts';
import type { Schema } from '../schema.ts';
import { openSqliteFile } from './sqlite-connection.ts';
import { ImmediateSqliteDialect } from './sqlite-dialect.ts';

export const DATABASE_FILE = 'synckit-ota.sqlite';

export interface SqliteOptions {
  readonly dataDir: string;
}

/**
 * Opens the SQLite store of a data folder, creating and migrating it as needed. Several processes may open it.
 * @throws OtaError `store_unavailable`
 */
export async function openSqlite({ dataDir }: SqliteOptions): Promise<Database> {
  const file = join(dataDir, DATABASE_FILE);
  createPrivateFile(dataDir, DATABASE_FILE); // SQLite gives its -wal and -shm the mode of the main file
  const writer = await openSqliteFile(file);
  const queries = new Kysely<Schema>({ dialect: new ImmediateSqliteDialect({ database: writer }) });
  try {
    const beforeChange = async (lastApplied: string) => backUp(writer, dataDir, lastApplied);
    await migrate(queries, { beforeChange });
    assertDurable(writer);
    // SQLite counts the commits of other connections only: a second connection sees those of the writer, too.
    const observer = await openSqliteFile(file, { readonly: true });
    const dataVersion = observer.prepare('pragma data_version').pluck();
    return {
      queries,
      location: file,
      clock: () => new Date(),
      async lockDisk() {},
      changeCounter: () => Number(dataVersion.get()),
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

/** Before the first write, the pragma reads FULL even where it is not. */
function assertDurable(connection: Sqlite.Database): void {
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
