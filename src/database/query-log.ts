import type { KyselyConfig } from 'kysely';
import type { QueryObserver } from './database.ts';
import { hasLost } from './transaction.ts';

/** Kysely's settings that report each query. A transaction that is tried again is no failure. */
export function queryLog(onQuery: QueryObserver | undefined): Pick<KyselyConfig, 'log'> {
  if (onQuery === undefined) return {};
  return {
    log: (event) =>
      onQuery(event.queryDurationMillis / 1000, event.level === 'error' && !hasLost(event.error)),
  };
}
