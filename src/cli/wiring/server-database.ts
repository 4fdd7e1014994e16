import type { Logger } from 'pino';
import type { Database, OpenOptions } from '../../database/database.ts';
import { databaseFailure } from '../../database/database-error.ts';
import { messageOf } from '../../runtime/error-details.ts';
import { EXIT } from '../exit-codes.ts';
import { openStore, type StoreOptions } from './open-store.ts';

/** Clocks further apart than this are worth a warning, in milliseconds. */
const CLOCK_TOLERANCE_MS = 10_000;

/** How long a database may take until it can be used when a server starts, in milliseconds. */
const START_PATIENCE_MS = 10_000;

/**
 * Opens the database to serve from.
 * @param ownsFiles whether the artifacts are on this node's disk, where no other node can serve them
 * @throws OtaError `store_unavailable`, also when another node serves them
 */
export async function openServerDatabase(
  options: StoreOptions & Pick<OpenOptions, 'onQuery'>,
  ownsFiles: boolean,
  logger: Logger,
): Promise<Database> {
  const database = await openStore(options, {
    onNewStore: (store) => logger.info({ store }, 'creating a new store'),
    writesOnThread: true,
    onQuery: options.onQuery,
    startPatienceMs: START_PATIENCE_MS,
    onWaiting: (cause) => {
      logger.warn(
        { reason: messageOf(cause) },
        `the database cannot be used yet; trying again for ${START_PATIENCE_MS / 1000} seconds`,
      );
    },
    onExposed: () => {
      logger.warn(
        'the connection to PostgreSQL is not encrypted: add sslmode=verify-full to --database, or sslmode=disable if the network is your own',
      );
    },
    onConnection: (state, err) => {
      if (state === 'lost') logger.error({ err }, 'database connection lost; reconnecting');
      else logger.info('database connection restored');
    },
  });
  try {
    if (ownsFiles) {
      await database.lockDisk((err) => {
        logger.fatal({ err }, 'another node took over while the database was unavailable; stopping');
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
      "this machine's clock differs from the database's; using the database's",
    );
  }
  return database;
}
