import { setTimeout as sleep } from 'node:timers/promises';
import type { Kysely, Transaction } from 'kysely';
import { errorCode } from '../runtime/error-details.ts';
import type { Schema } from './schema.ts';

/**
 * The SQLSTATEs with which PostgreSQL aborts one of several concurrent transactions: serialization_failure,
 * deadlock_detected, and unique_violation, when another one inserted a row that this one had not found.
 */
const LOST_RACES: readonly (string | undefined)[] = ['40001', '40P01', '23505'];
const MAX_TRIES = 15;
/** Bounds of the random waits in between, in milliseconds: the first, doubled each time, up to the longest. */
const BASE_WAIT_MS = 10;
const MAX_WAIT_MS = 1000;

/**
 * Runs a serializable transaction. One that loses against a concurrent one runs again from its start, so the operation
 * must have no effects besides its queries.
 */
export async function transact<T>(
  db: Kysely<Schema>,
  operation: (transaction: Transaction<Schema>) => Promise<T>,
): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await db.transaction().setIsolationLevel('serializable').execute(operation);
    } catch (error) {
      if (attempt === MAX_TRIES || !LOST_RACES.includes(errorCode(error))) throw error;
      await sleep(Math.random() * Math.min(MAX_WAIT_MS, BASE_WAIT_MS * 2 ** (attempt - 1)));
    }
  }
}
