import { databaseFailure } from '../database/failure.ts';
import { type Database, openDatabase } from '../database/open.ts';

export interface StoreOptions {
  readonly dataDir: string;
}

/** Opens the server's own store for one command; `serve` may be running on it. */
export async function withStore<T>(
  { dataDir }: StoreOptions,
  use: (database: Database) => Promise<T>,
): Promise<T> {
  process.umask(0o077); // what is created in the store is for this user only
  const database = await openDatabase(dataDir);
  try {
    return await use(database);
  } catch (error) {
    throw databaseFailure(error) ?? error;
  } finally {
    await database.close();
  }
}
