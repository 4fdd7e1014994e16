import type { Logger } from 'pino';
import { databaseFailure } from '../database/failure.ts';
import type { Database } from '../database/open.ts';
import { requireStoragePlace } from '../database/storage-place.ts';
import { dataFolderId } from '../storage/data-folder-id.ts';
import { EXIT } from './exit-codes.ts';
import { openStore, type StoreOptions } from './store.ts';

/** From how far on a machine's clock is worth a warning, in milliseconds. */
const CLOCK_TOLERANCE_MS = 10_000;

/**
 * Opens the database that is served, for a node with the artifacts on its own disk.
 * @throws OtaError `store_unavailable` when they are somewhere else, or another node serves them
 */
export async function openServedDatabase(options: StoreOptions, logger: Logger): Promise<Database> {
  const database = await openStore(options, {
    onConnection: (state, err) => {
      if (state === 'lost') logger.error({ err }, 'the database is away; connecting again');
      else logger.info('the database is back');
    },
  });
  try {
    await database.claimDisk((err) => {
      logger.fatal({ err }, 'another node took over while the database was away; stopping');
      process.exit(EXIT.store);
    });
    const isOwn = !options.database; // SQLite is in the folder with the artifacts
    const place = isOwn ? 'disk' : `disk:${await dataFolderId(options.dataDir)}`;
    await requireStoragePlace(database.queries, place);
  } catch (error) {
    await database.close();
    throw databaseFailure(error) ?? error;
  }
  const ahead = Date.now() - database.clock().getTime();
  if (Math.abs(ahead) > CLOCK_TOLERANCE_MS) {
    logger.warn(
      { seconds: Math.round(ahead / 1000) },
      "this machine's clock is not the database's, which is used",
    );
  }
  return database;
}
