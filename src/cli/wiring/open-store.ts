import type { Database } from '../../database/database.ts';
import { databaseFailure } from '../../database/database-error.ts';
import { isPostgresUrl, openPostgres, type PostgresOptions } from '../../database/postgres/open-postgres.ts';
import { openSqlite } from '../../database/sqlite/open-sqlite.ts';
import { OtaError } from '../../errors.ts';

export interface StoreOptions {
  /** The server's data folder. */
  readonly dataDir: string;
  /** A `postgres://` URL; by default SQLite in the data folder. */
  readonly database?: string | undefined;
}

/** Opens the server's own store for one command, also while `serve` runs on it. */
export async function withStore<T>(
  options: StoreOptions,
  use: (database: Database) => Promise<T>,
): Promise<T> {
  process.umask(0o077); // what is created in the store is for this user only
  const database = await openStore(options);
  try {
    return await use(database);
  } catch (error) {
    throw databaseFailure(error) ?? error;
  } finally {
    await database.close();
  }
}

/**
 * Opens the database of `--database`, else the one in the data folder.
 * @throws OtaError `usage`, `store_unavailable`
 */
export async function openStore(
  { dataDir, database }: StoreOptions,
  options: Omit<PostgresOptions, 'url'> = {},
): Promise<Database> {
  if (!database) return openSqlite({ dataDir });
  requirePostgresUrl(database);
  return openPostgres({ url: database, ...options });
}

/** @throws OtaError `usage`, which does not repeat the value: it may hold a password all the same */
export function requirePostgresUrl(database: string | undefined, option = '--database'): void {
  if (!database || isPostgresUrl(database)) return;
  const remedy = 'Give it like postgres://user@host:5432/database';
  throw new OtaError('usage', `${option} is not a postgres:// URL`, {
    hint: option === '--database' ? `${remedy}, or leave it out for SQLite in --data-dir.` : `${remedy}.`,
  });
}
