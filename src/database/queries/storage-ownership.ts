import Type from 'typebox';
import { matches } from '../../protocol/validate.ts';
import type { Queries, StorageClaimTable } from '../schema.ts';

/** A renewal of what says that the files are this database's. */
export interface Renewal {
  readonly epoch: number;
  readonly nonce: string;
}

/** What a database knows of its place of files. */
export interface StorageClaim {
  /** Epoch 0: it never had one. */
  readonly last: Renewal;
  /** Renewals that may have reached the place, although nothing confirmed it, oldest first. */
  readonly unconfirmed: readonly Renewal[];
  /** The `instance` of the database when it was renewed. */
  readonly instance: string;
  /** Why the files belong to another database now; null while they do not. */
  readonly lost: string | null;
}

export interface ClaimLease {
  readonly now: Date;
  readonly until: Date;
}

const RENEWALS = Type.Array(Type.Object({ epoch: Type.Integer(), nonce: Type.String() }));
/** Of renewals that were interrupted; more than there can be nodes that are interrupted at once. */
const MAX_UNCONFIRMED = 20;
/** How far the clocks of nodes on one database may be apart, in milliseconds. */
const MAX_SKEW_MS = 1000;

export async function storageClaim(db: Queries): Promise<StorageClaim> {
  const row = await db.selectFrom('storage_claim').selectAll().executeTakeFirst();
  return row === undefined ? NO_CLAIM : toClaim(row);
}

const NO_CLAIM: StorageClaim = {
  last: { epoch: 0, nonce: '' },
  unconfirmed: [],
  instance: '',
  lost: null,
};

/**
 * Acquires the right to renew, and records the next renewal before it is written to the place: a crash between the two is
 * no riddle then. A lease that would last longer than a new one is from before a clock was set back, and has ended.
 * @param floor the epoch is higher than this
 * @returns undefined while another node renews it
 */
export async function beginRenewal(
  transaction: Queries,
  nonce: string,
  { now, until, floor = 0 }: ClaimLease & { readonly floor?: number },
): Promise<Renewal | undefined> {
  const { last, unconfirmed } = await storageClaim(transaction);
  const epoch = Math.max(floor, last.epoch, ...unconfirmed.map((one) => one.epoch)) + 1;
  const next = JSON.stringify([...unconfirmed, { epoch, nonce }].slice(-MAX_UNCONFIRMED));
  const values = { unconfirmed: next, leased_until: until.getTime() };
  const first = { id: 1, epoch: 0, nonce: '', renewed_at: 0, instance: '', lost: null } as const;
  const { numInsertedOrUpdatedRows = 0n } = await transaction
    .insertInto('storage_claim')
    .values({ ...first, ...values })
    .onConflict((conflict) =>
      conflict
        .column('id')
        .doUpdateSet(values)
        .where(({ eb, or }) =>
          or([
            eb('storage_claim.leased_until', '<=', now.getTime()),
            eb('storage_claim.leased_until', '>', until.getTime() + MAX_SKEW_MS),
          ]),
        ),
    )
    .executeTakeFirstOrThrow();
  return numInsertedOrUpdatedRows > 0n ? { epoch, nonce } : undefined;
}

/** Records that a renewal has reached the place, and ends its lease. */
export async function confirmRenewal(
  transaction: Queries,
  { epoch, nonce }: Renewal,
  { now, until, instance }: ClaimLease & Pick<StorageClaim, 'instance'>,
): Promise<void> {
  const { unconfirmed } = await storageClaim(transaction);
  const later = unconfirmed.filter((one) => one.epoch > epoch); // of a node that took over from a paused one
  await transaction
    .updateTable('storage_claim')
    .set({
      epoch,
      nonce,
      unconfirmed: JSON.stringify(later),
      renewed_at: now.getTime(),
      instance,
      lost: null,
    })
    .where('epoch', '<', epoch)
    .execute();
  await endRenewal(transaction, until);
}

/** Ends a lease. It ends by itself after some time, too. */
export async function endRenewal(db: Queries, until: Date): Promise<void> {
  await db
    .updateTable('storage_claim')
    .set({ leased_until: 0 })
    .where('leased_until', '=', until.getTime())
    .execute();
}

/** Records for all nodes why the files belong to another database. */
export async function recordLost(db: Queries, lost: string): Promise<void> {
  await db.updateTable('storage_claim').set({ lost }).execute();
}

function toClaim(row: StorageClaimTable): StorageClaim {
  const unconfirmed: unknown = JSON.parse(row.unconfirmed);
  return {
    last: { epoch: row.epoch, nonce: row.nonce },
    unconfirmed: matches(RENEWALS, unconfirmed) ? unconfirmed : [],
    instance: row.instance,
    lost: row.lost,
  };
}
