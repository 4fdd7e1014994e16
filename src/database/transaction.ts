import { setTimeout as sleep } from 'node:timers/promises';
import type { Kysely, Transaction } from 'kysely';
import type { Schema } from './schema.ts';

/**
 * What PostgreSQL ends one of several transactions with that ran at once: serialization_failure, deadlock_detected,
 * and unique_violation, which is how it may notice that another one inserted what was looked for in vain. SQLite
 * never does: there one transaction writes at a time.
 */
const LOST_RACES = ['40001', '40P01', '23505'];
const MAX_TRIES = 15;
/** The first wait is up to this, in milliseconds; each further one up to twice the last, up to the longest. */
const BASE_WAIT_MS = 10;
const MAX_WAIT_MS = 1000;

/**
 * Runs a transaction as if no other ran at the same time. One that loses against others is run again from its start,
 * so it does nothing but queries.
 */
export async function transact<T>(
  db: Kysely<Schema>,
  operation: (transaction: Transaction<Schema>) => Promise<T>,
): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await db.transaction().setIsolationLevel('serializable').execute(operation);
    } catch (error) {
      const { code } = error as { code?: unknown };
      if (attempt === MAX_TRIES || typeof code !== 'string' || !LOST_RACES.includes(code)) throw error;
      await sleep(Math.random() * Math.min(MAX_WAIT_MS, BASE_WAIT_MS * 2 ** (attempt - 1)));
    }
  }
}
