import type { Logger } from 'pino';
import type { Database } from '../../database/database.ts';
import { databaseFailure } from '../../database/database-error.ts';
import { EXIT } from '../exit-codes.ts';
import { openStore, type StoreOptions } from './open-store.ts';

/** From how far on a machine's clock is worth a warning, in milliseconds. */
const CLOCK_TOLERANCE_MS = 10_000;

/**
 * Opens the database that is served.
 * @param ownsFiles whether the artifacts are on this node's disk, where no other node can serve them
 * @throws OtaError `store_unavailable`, also when another node serves them
 */
export async function openServedDatabase(
  options: StoreOptions,
  ownsFiles: boolean,
  logger: Logger,
): Promise<Database> {
  const database = await openStore(options, {
    onConnection: (state, err) => {
      if (state === 'lost') logger.error({ err }, 'the database is away; connecting again');
      else logger.info('the database is back');
    },
  });
  try {
    if (ownsFiles) {
      await database.lockDisk((err) => {
        logger.fatal({ err }, 'another node took over while the database was away; stopping');
        process.exit(EXIT.store);
      });
    }
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
