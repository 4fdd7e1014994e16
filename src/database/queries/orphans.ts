import { randomUUID } from 'node:crypto';
import type { ExpressionBuilder, Kysely } from 'kysely';
import type { OrphansTable, Queries, Schema } from '../schema.ts';
import { transact } from '../transaction.ts';
import { chunks } from './chunks.ts';

export type OrphanName = Pick<OrphansTable, 'name' | 'kind'>;

/** A storage key that no file had before, recorded. */
export async function newStorageKey(db: Queries, now: Date): Promise<string> {
  const name = randomUUID();
  await recordOrphans(db, [{ name, kind: 'file' }], now);
  return name;
}

/** Records what is going to be written, or may be. One that is recorded already counts as new. */
export async function recordOrphans(db: Queries, names: readonly OrphanName[], now: Date): Promise<void> {
  const created_at = now.getTime();
  for (const some of chunks(names.map((one) => ({ ...one, created_at, removing: 0, drop_at: null })))) {
    await db
      .insertInto('orphans')
      .values(some)
      .onConflict((conflict) => conflict.column('name').doUpdateSet({ created_at }))
      .execute();
  }
}

/**
 * Forgets a file that an artifact refers to from now on, in its transaction.
 * @returns false when it is being removed
 */
export async function keepFile(transaction: Queries, name: string): Promise<boolean> {
  const row = await transaction
    .selectFrom('orphans')
    .select('removing')
    .where('name', '=', name)
    .executeTakeFirst();
  if (row?.removing === 1) return false;
  if (row !== undefined) await forgetOrphan(transaction, name);
  return true;
}

/** Whether this database has recorded what has that name. */
export async function isRecordedOrphan(db: Queries, name: string): Promise<boolean> {
  const row = await db.selectFrom('orphans').select('name').where('name', '=', name).executeTakeFirst();
  return row !== undefined;
}

/**
 * Chooses what is removed next: recorded before `olderThan`, and referred to by no artifact, neither now nor later.
 * @param limit the most at once
 */
export async function takeOrphans(db: Kysely<Schema>, olderThan: Date, limit: number): Promise<OrphanName[]> {
  return transact(db, async (transaction) => {
    const found = await transaction
      .selectFrom('orphans')
      .select(['name', 'kind'])
      .where('created_at', '<', olderThan.getTime())
      .where(isUnreferenced)
      .orderBy('created_at')
      .limit(limit)
      .execute();
    for (const some of chunks(found.map(({ name }) => name))) {
      await transaction.updateTable('orphans').set({ removing: 1 }).where('name', 'in', some).execute();
    }
    return found;
  });
}

/** Has what arrives for uploads that no artifact has any more removed soon. Belongs into the transaction that drops them. */
export async function queueDropped(
  transaction: Queries,
  uploads: readonly { readonly id: string }[],
): Promise<void> {
  for (const some of chunks(uploads.map(({ id }) => id)))
    await transaction.updateTable('orphans').set({ drop_at: 0 }).where('name', 'in', some).execute();
}

export interface DropTurn {
  readonly now: Date;
  /** When they are taken again. */
  readonly again: Date;
  /** The most at once. */
  readonly limit: number;
}

/** Takes dropped uploads, the bytes of which are to be removed now. Of several nodes one gets each. */
export async function takeDropped(
  db: Kysely<Schema>,
  { now, again, limit }: DropTurn,
): Promise<(OrphanName & { readonly createdAt: Date })[]> {
  return transact(db, async (transaction) => {
    const found = await transaction
      .selectFrom('orphans')
      .select(['name', 'kind', 'created_at'])
      .where('drop_at', '<=', now.getTime())
      .where(isUnreferenced)
      .orderBy('drop_at')
      .limit(limit)
      .execute();
    for (const some of chunks(found.map(({ name }) => name)))
      await transaction
        .updateTable('orphans')
        .set({ drop_at: again.getTime() })
        .where('name', 'in', some)
        .execute();
    return found.map(({ created_at, ...orphan }) => ({ ...orphan, createdAt: new Date(created_at) }));
  });
}

/** Leaves an upload to the removal of old orphans: nothing arrives for it any more. */
export async function endDrop(db: Queries, name: string): Promise<void> {
  await db.updateTable('orphans').set({ drop_at: null }).where('name', '=', name).execute();
}

/** No artifact refers to it, neither now nor later. */
function isUnreferenced({ and, not, exists, selectFrom }: ExpressionBuilder<Schema, 'orphans'>) {
  const artifacts = selectFrom('artifacts').select('id');
  return and([
    not(exists(artifacts.whereRef('storage_key', '=', 'orphans.name'))),
    not(exists(artifacts.whereRef('artifacts.id', '=', 'orphans.name').where('status', '=', 'pending'))),
  ]);
}

export async function forgetOrphan(db: Queries, name: string): Promise<void> {
  await db.deleteFrom('orphans').where('name', '=', name).execute();
}

/** Forgets those; all: nothing that is in the storage now is removed as orphaned. */
export async function forgetOrphans(db: Queries, names: readonly OrphanName[] | 'all'): Promise<void> {
  if (names === 'all') {
    await db.deleteFrom('orphans').execute();
    return;
  }
  for (const some of chunks(names.map(({ name }) => name))) {
    await db.deleteFrom('orphans').where('name', 'in', some).execute();
  }
}
