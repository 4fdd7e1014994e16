import type { Kysely, Transaction } from 'kysely';
import { OtaError } from '../../errors.ts';
import type { Attribution } from '../attribution.ts';
import type { AuditTable, Schema } from '../schema.ts';
import { transact } from '../transaction.ts';
import { hashOfEntry, recordAudit } from './audit.ts';
import { applyEntry, digestOfState, stateOf } from './audit-state.ts';
import { chunks } from './chunks.ts';

/** Entries that one transaction deletes at most. */
const MAX_PRUNED = 5000;
/** An entry is kept for up to that much longer, so that pruning is no entry of every hour, in milliseconds. */
const SLACK_MS = 24 * 60 * 60 * 1000;

export interface PruneOptions {
  readonly olderThan: Date;
  readonly by: Attribution;
}

/**
 * Deletes the oldest entries of the audit log, and records that: by which entry it ended, and what the tables were like
 * then, so that the rest can still be verified. Nothing is deleted unless it is part of an unbroken chain.
 * @returns the number of entries; more may be left
 * @throws OtaError `verification_failed`
 */
export async function pruneAudit(db: Kysely<Schema>, { olderThan, by }: PruneOptions): Promise<number> {
  return transact(db, async (transaction) => {
    const entries = await oldest(transaction, olderThan);
    const [last] = entries.slice(-1);
    if (last === undefined) return 0;
    const baseline = await foldIntoBaseline(transaction, entries);
    const { seq, hash } = last;
    await transaction.updateTable('audit_head').set({ deletable_seq: seq }).execute();
    await transaction.deleteFrom('audit').where('seq', '<=', seq).execute();
    await transaction
      .updateTable('audit_head')
      .set({ deletable_seq: 0, pruned_seq: seq, pruned_hash: hash })
      .execute();
    const details = { through: seq, hash, entries: entries.length, baseline };
    recordAudit(transaction, { by, action: 'audit.pruned', appId: null, details });
    return entries.length;
  });
}

async function oldest(transaction: Transaction<Schema>, olderThan: Date): Promise<readonly AuditTable[]> {
  const [first] = await entriesInOrder(transaction, 1);
  if (first === undefined || first.at >= olderThan.getTime() - SLACK_MS) return [];
  const entries = await entriesInOrder(transaction, MAX_PRUNED);
  const kept = entries.findIndex(({ at }) => at >= olderThan.getTime());
  return kept === -1 ? entries : entries.slice(0, kept);
}

function entriesInOrder(transaction: Transaction<Schema>, limit: number): Promise<AuditTable[]> {
  return transaction.selectFrom('audit').selectAll().orderBy('seq').limit(limit).execute();
}

/** @returns the digest of the baseline */
async function foldIntoBaseline(
  transaction: Transaction<Schema>,
  entries: readonly AuditTable[],
): Promise<string> {
  const { pruned_hash } = await transaction
    .selectFrom('audit_head')
    .select('pruned_hash')
    .executeTakeFirstOrThrow();
  const state = stateOf(await transaction.selectFrom('audit_baseline').selectAll().execute());
  let previous = pruned_hash;
  for (const entry of entries) {
    if (entry.previous !== previous || hashOfEntry(entry) !== entry.hash || !applyEntry(state, entry))
      throw new OtaError('verification_failed', `entry ${entry.seq} of the audit log was changed`, {
        hint: 'It is not pruned. `synckit-ota audit verify` shows what else was changed.',
      });
    previous = entry.hash;
  }
  await transaction.deleteFrom('audit_baseline').execute();
  for (const rows of chunks([...state.values()]))
    await transaction.insertInto('audit_baseline').values(rows).execute();
  return digestOfState(state);
}
