import { join, resolve } from 'node:path';
import type Sqlite from 'better-sqlite3';
import { Kysely, SqliteDialect } from 'kysely';
import { OtaError } from '../../errors.ts';
import type { Database } from '../database.ts';
import { requireCurrentSchema } from '../migrate.ts';
import type { Schema } from '../schema.ts';
import { ChangeLog } from './change-log.ts';
import { statDatabase } from './database-file.ts';
import { DATABASE_FILE, type SqliteOptions, sqliteDatabase } from './open-sqlite.ts';
import { requireTables } from './own-schema.ts';
import { openSqliteFile } from './sqlite-connection.ts';

/** A store that is only read. */
export interface ReadOnlyStore {
  readonly queries: Kysely<Schema>;
  readonly connection: Sqlite.Database;
  close(): Promise<void>;
}

/**
 * Opens the SQLite store of a data folder for reading, also while it is served.
 * @throws OtaError `usage` when there is none; `store_unavailable` when it cannot be read or has another schema
 */
export async function openSqliteReadOnly(options: SqliteOptions): Promise<Kysely<Schema>> {
  return (await openReadOnlyStore(options)).queries;
}

/** The same as a database, for what reads only. @throws OtaError as `openSqliteReadOnly` */
export async function openUnwritableSqlite(options: SqliteOptions): Promise<Database> {
  const file = resolve(options.dataDir, DATABASE_FILE);
  const { queries, connection, close } = await openReadOnlyStore(options);
  const changes = new ChangeLog(connection);
  return { ...sqliteDatabase(file, changes), queries, fault: () => 'read_only', close };
}

export interface ReadOnlyOptions extends SqliteOptions {
  /** Whether a store with any schema is opened. */
  readonly anySchema?: boolean;
}

/** The same, with the connection beneath. */
export async function openReadOnlyStore({
  dataDir,
  anySchema = false,
}: ReadOnlyOptions): Promise<ReadOnlyStore> {
  const file = join(dataDir, DATABASE_FILE);
  if (statDatabase(file) === undefined) {
    throw new OtaError('usage', `there is no store in ${dataDir}: it has no ${DATABASE_FILE}`, {
      hint: 'Pass the folder that `synckit-ota serve` has as --data-dir.',
    });
  }
  const connection = await openSqliteFile(file, { readonly: true, keepsAll: true });
  const queries = new Kysely<Schema>({ dialect: new SqliteDialect({ database: connection }) });
  try {
    if (!anySchema) {
      await requireCurrentSchema(queries);
      requireTables(connection);
    }
    return { queries, connection, close: () => queries.destroy() };
  } catch (error) {
    await queries.destroy();
    throw error;
  }
}
