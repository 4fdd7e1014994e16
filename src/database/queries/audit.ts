import { createHash } from 'node:crypto';
import type { Kysely, Transaction } from 'kysely';
import type { Attribution } from '../attribution.ts';
import type { AuditAction } from '../audit-actions.ts';
import type { AuditTable, Queries, Schema } from '../schema.ts';
import { beforeCommit, transact } from '../transaction.ts';
import { type AuditedName, digestOfRows } from './audited-rows.ts';
import { countChanges } from './hourly-changes.ts';
import { queueEvents } from './webhook-outbox.ts';

/** For people and scripts: ids, versions, platforms, hashes, before and after. Never a secret. */
export type AuditDetails = Readonly<Record<string, unknown>>;

export interface AuditEntry {
  readonly by: Attribution;
  readonly action: AuditAction;
  /** Null for what concerns the whole server. */
  readonly appId: string | null;
  readonly details?: AuditDetails;
  /** The rows that the change has written or deleted: `audit verify` compares them with the log. */
  readonly rows?: readonly AuditedName[];
  /** Default: `done`. */
  readonly outcome?: AuditTable['outcome'];
}

/** The end of the log, which proves everything before it. */
export interface AuditHead {
  readonly seq: number;
  readonly hash: string;
}

/** The entries of open transactions. */
const recorded = new WeakMap<Transaction<Schema>, AuditEntry[]>();

/**
 * Records a change in its own transaction, which is one of `transact`. It may be called at any point of it: all entries
 * are written as its last step, so that the end of the log, which every change locks, is locked only shortly.
 */
export function recordAudit(transaction: Transaction<Schema>, ...entries: readonly AuditEntry[]): void {
  const before = recorded.get(transaction);
  if (before !== undefined) {
    before.push(...entries);
    return;
  }
  const all = [...entries];
  beforeCommit(transaction, () => append(transaction, all));
  recorded.set(transaction, all);
}

/** Records what was refused, and so changed nothing. */
export async function recordRefusal(
  db: Kysely<Schema>,
  refusal: Pick<AuditEntry, 'by' | 'action' | 'appId' | 'details'>,
): Promise<void> {
  await transact(db, async (transaction) => recordAudit(transaction, { ...refusal, outcome: 'refused' }));
}

async function append(transaction: Transaction<Schema>, entries: readonly AuditEntry[]): Promise<void> {
  await countChanges(
    transaction,
    entries.filter(({ outcome }) => outcome !== 'refused'),
  );
  await queueEvents(transaction, entries);
  const contents: Omit<AuditTable, 'seq' | 'previous' | 'hash'>[] = [];
  for (const entry of entries) contents.push(await contentOf(transaction, entry));
  const last = await lockHead(transaction, entries.length);
  let { seq, hash } = { seq: last.seq - entries.length, hash: last.hash };
  for (const content of contents) {
    seq += 1;
    const row = { seq, ...content, previous: hash };
    hash = hashOfEntry(row);
    await transaction
      .insertInto('audit')
      .values({ ...row, hash })
      .execute();
  }
  await transaction.updateTable('audit_head').set({ hash }).execute();
}

async function contentOf(
  transaction: Transaction<Schema>,
  { by: { actor, now }, action, appId, details = {}, rows = [], outcome = 'done' }: AuditEntry,
): Promise<Omit<AuditTable, 'seq' | 'previous' | 'hash'>> {
  const digests: [string, string | null][] = [];
  for (const name of new Set(rows)) digests.push([name, await digestOfRows(transaction, name)]);
  return {
    at: now.getTime(),
    app_id: appId,
    action,
    outcome,
    actor_kind: actor.kind,
    actor_id: actor.id,
    actor_name: actor.name && storable(actor.name),
    address: actor.address,
    request_id: actor.requestId,
    details: storable(JSON.stringify(withShortLists(details))),
    rows: JSON.stringify(Object.fromEntries(digests)),
  };
}

/** Locks the end of the log, for entries that follow it. @returns the last entry's number as it will be, its hash as it is */
async function lockHead(transaction: Transaction<Schema>, count: number): Promise<AuditHead> {
  return transaction
    .updateTable('audit_head')
    .set((eb) => ({ seq: eb('seq', '+', count) }))
    .returning(['seq', 'hash'])
    .executeTakeFirstOrThrow();
}

/** Items of a list that an entry repeats: entries stay, and one request can name thousands. */
const MAX_LISTED = 50;

function withShortLists(details: AuditDetails): AuditDetails {
  const entries = Object.entries(details).map(([name, value]) => {
    if (!Array.isArray(value) || value.length <= MAX_LISTED) return [name, value];
    return [name, [...value.slice(0, MAX_LISTED), `and ${value.length - MAX_LISTED} more`]];
  });
  return Object.fromEntries(entries);
}

/** PostgreSQL has no text with a NUL, and neither engine one with half a character. */
function storable(text: string): string {
  return text.toWellFormed().replaceAll('\0', '\u{FFFD}');
}

/** The SHA-256 of an entry and, by that of the one before it, of all that precede it. */
export function hashOfEntry(row: Omit<AuditTable, 'hash'>): string {
  const { seq, at, app_id, action, outcome, actor_kind, actor_id, actor_name, address, request_id } = row;
  const { details, rows, previous } = row;
  const actor = [actor_kind, actor_id, actor_name, address, request_id];
  const text = JSON.stringify([seq, at, app_id, action, outcome, ...actor, details, rows, previous]);
  return createHash('sha256').update(text).digest('hex');
}

export async function auditHead(db: Queries): Promise<AuditHead> {
  return db.selectFrom('audit_head').select(['seq', 'hash']).executeTakeFirstOrThrow();
}

export interface AuditFilter {
  readonly appId?: string | undefined;
  readonly since?: Date | undefined;
  /** Of the entries that match, the last ones. */
  readonly limit: number;
}

/** Entries of the log, the last one last. */
export async function listAudit(db: Queries, { appId, since, limit }: AuditFilter): Promise<AuditTable[]> {
  const rows = await db
    .selectFrom('audit')
    .selectAll()
    .$if(appId !== undefined, (query) => query.where('app_id', '=', appId ?? ''))
    .$if(since !== undefined, (query) => query.where('at', '>=', since?.getTime() ?? 0))
    .orderBy('seq', 'desc')
    .limit(limit)
    .execute();
  return rows.reverse();
}
