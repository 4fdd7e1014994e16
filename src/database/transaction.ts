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
/** How long a transaction that lost waits for others that did, in milliseconds. */
const MAX_TURN_WAIT_MS = 15_000;

type Step = () => Promise<void>;

/** What the open transactions of `transact` do before they commit. */
const lastSteps = new WeakMap<Transaction<Schema>, Step[]>();

/** Adds a step that a transaction of `transact` runs right before its commit, after those that were added before. */
export function beforeCommit(transaction: Transaction<Schema>, step: Step): void {
  const steps = lastSteps.get(transaction);
  if (steps === undefined) throw new Error('this is not a transaction of `transact`');
  steps.push(step);
}

/** Transactions of a database that go on one after the other, while any that lost has not succeeded. */
interface Turns {
  last: Promise<void>;
  open: number;
}

const turns = new WeakMap<Kysely<Schema>, Turns>();

/**
 * Runs a serializable transaction. One that loses against a concurrent one runs again from its start, so the operation
 * must have no effects besides its queries. All changes have the end of the audit log in common: once one loses, those of
 * this process run one at a time until it has succeeded, so that they do not go on losing against each other.
 */
export async function transact<T>(
  db: Kysely<Schema>,
  operation: (transaction: Transaction<Schema>) => Promise<T>,
): Promise<T> {
  if (!turns.get(db)?.open) {
    try {
      return await runOnce(db, operation);
    } catch (error) {
      if (!hasLost(error)) throw error;
    }
  }
  const endTurn = await takeTurn(db);
  try {
    for (let attempt = 1; ; attempt++) {
      try {
        return await runOnce(db, operation);
      } catch (error) {
        if (attempt === MAX_TRIES || !hasLost(error)) throw error;
        await sleep(Math.random() * Math.min(MAX_WAIT_MS, BASE_WAIT_MS * 2 ** (attempt - 1)));
      }
    }
  } finally {
    endTurn();
  }
}

/** Whether a transaction was aborted because of a concurrent one: it is tried again. */
export function hasLost(error: unknown): boolean {
  return LOST_RACES.includes(errorCode(error));
}

function runOnce<T>(
  db: Kysely<Schema>,
  operation: (transaction: Transaction<Schema>) => Promise<T>,
): Promise<T> {
  return db
    .transaction()
    .setIsolationLevel('serializable')
    .execute(async (transaction) => {
      const steps: Step[] = [];
      lastSteps.set(transaction, steps);
      const result = await operation(transaction);
      for (const step of steps) await step();
      return result;
    });
}

/** Waits for those before, but not long: the database may not answer them. @returns ends the turn */
async function takeTurn(db: Kysely<Schema>): Promise<() => void> {
  const ofDatabase = turns.get(db) ?? { last: Promise.resolve(), open: 0 };
  turns.set(db, ofDatabase);
  const before = ofDatabase.last;
  let resolveTurn = () => {};
  const turn = new Promise<void>((resolve) => {
    resolveTurn = resolve;
  });
  ofDatabase.last = before.then(() => turn);
  ofDatabase.open += 1;
  await Promise.race([before, sleep(MAX_TURN_WAIT_MS, undefined, { ref: false })]);
  return () => {
    ofDatabase.open -= 1;
    resolveTurn();
  };
}
