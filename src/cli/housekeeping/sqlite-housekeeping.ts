import type { Logger } from 'pino';
import type { Database } from '../../database/database.ts';
import { checkWhileServing } from '../../database/sqlite/threads/check-integrity.ts';
import { Checkpoints } from '../../database/sqlite/threads/checkpoints.ts';
import type { OtaError } from '../../errors.ts';
import { EXIT } from '../exit-codes.ts';

/** Until a start is over, in milliseconds. */
const DELAY_MS = 500;

export interface SqliteHousekeepingOptions {
  readonly logger: Logger;
  readonly onDurabilityLost: (cause: OtaError) => void;
}

/**
 * What a SQLite store needs while it is served: its checkpoints, and a check of one that is too large to be checked before.
 * The process exits if it is damaged.
 * @returns ends it
 */
export async function startSqliteHousekeeping(
  { location: file }: Pick<Database, 'location'>,
  { logger, onDurabilityLost }: SqliteHousekeepingOptions,
): Promise<() => Promise<void>> {
  const onChange = (err: OtaError | undefined) => {
    if (err === undefined) logger.info('the -wal of the database is merged again');
    else logger.warn({ err }, 'the -wal of the database cannot be merged, and grows; trying again');
  };
  const checkpoints = await Checkpoints.start({ file, onDurabilityLost, onChange });
  const giveUp = new AbortController();
  const onError = (err: unknown) => logger.error({ err }, 'the database could not be checked');
  const timer = setTimeout(
    () => void exitIfDamaged(file, giveUp.signal, logger).catch(onError),
    DELAY_MS,
  ).unref();
  return () => {
    clearTimeout(timer);
    giveUp.abort();
    return checkpoints.stop();
  };
}

async function exitIfDamaged(file: string, signal: AbortSignal, logger: Logger): Promise<void> {
  const damage = await checkWhileServing(file, signal);
  if (damage === undefined) return;
  logger.fatal({ err: damage, hint: damage.hint }, 'the database is damaged; stopping');
  process.exit(EXIT.store);
}
