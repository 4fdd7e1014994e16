import { type Kysely, sql } from 'kysely';
import type { WebhookMessage } from '../../protocol/webhook/webhook-message.ts';
import type { DeliveryOutcome, Queries, Schema, WebhookDeliveriesTable } from '../schema.ts';

/** How many that have ended are kept of each webhook, as its log. */
const KEPT = 100;

/** A message to a webhook, which this node alone sends until its lease ends. */
export interface LeasedDelivery {
  readonly id: string;
  readonly webhookId: string;
  readonly message: WebhookMessage;
  /** Before this one. */
  readonly attempts: number;
  /** Milliseconds since 1970. */
  readonly leasedUntil: number;
}

export interface DueOptions {
  readonly now: Date;
  readonly until: Date;
  /** How many of one webhook at most, given how many this process is sending to it already. */
  readonly limitOf: (webhookId: string) => number;
}

/** Takes messages that are due, those of each webhook in their order: no other node sends them until the lease ends. */
export async function takeDueDeliveries(
  db: Kysely<Schema>,
  { now, until, limitOf }: DueOptions,
): Promise<LeasedDelivery[]> {
  const time = now.getTime();
  const waiting = await db
    .selectFrom('webhook_deliveries')
    .select('webhook_id')
    .distinct()
    .where('outcome', '=', sql.lit('pending'))
    .where('next_at', '<=', time)
    .where('leased_until', '<=', time)
    .execute();
  const taken: LeasedDelivery[] = [];
  for (const { webhook_id } of waiting) {
    const limit = limitOf(webhook_id);
    if (limit <= 0) continue;
    const due = await db
      .selectFrom('webhook_deliveries')
      .select('id')
      .where('webhook_id', '=', webhook_id)
      .where('outcome', '=', sql.lit('pending'))
      .where('next_at', '<=', time)
      .where('leased_until', '<=', time)
      .orderBy('next_at')
      .limit(limit)
      .execute();
    for (const { id } of due) {
      const row = await db
        .updateTable('webhook_deliveries')
        .set({ leased_until: until.getTime() })
        .where('id', '=', id)
        .where('outcome', '=', sql.lit('pending'))
        .where('leased_until', '<=', time) // of two nodes at once, the second finds it leased
        .returningAll()
        .executeTakeFirst();
      if (row !== undefined) taken.push(toLeased(row));
    }
  }
  return taken;
}

function toLeased({
  id,
  webhook_id,
  message,
  attempts,
  leased_until,
}: WebhookDeliveriesTable): LeasedDelivery {
  return { id, webhookId: webhook_id, message: JSON.parse(message), attempts, leasedUntil: leased_until };
}

/** When the next message is due that no node sends now, in milliseconds since 1970; undefined when none waits. */
export async function nextDue(db: Queries): Promise<number | undefined> {
  const { at } = await db
    .selectFrom('webhook_deliveries')
    .select(({ fn }) => fn.min('next_at').as('at'))
    .where('outcome', '=', sql.lit('pending'))
    .executeTakeFirstOrThrow();
  return at === null ? undefined : Number(at);
}

/** How a try has ended. */
export interface Attempt {
  readonly now: Date;
  readonly status: number | null;
  /** Null for one that succeeded. */
  readonly error: string | null;
  /** When it is tried again; null where it is not. */
  readonly nextAt: Date | null;
}

/** Ends the lease of a delivery. Nothing is changed where the lease was lost, and another node may be sending it. */
export async function recordAttempt(
  db: Queries,
  { id, webhookId, leasedUntil, attempts }: LeasedDelivery,
  { now, status, error, nextAt }: Attempt,
): Promise<void> {
  const outcome = error === null ? 'delivered' : nextAt === null ? 'failed' : 'pending';
  await db
    .updateTable('webhook_deliveries')
    .set({
      ...{ outcome, status, error, attempts: attempts + 1, leased_until: 0 },
      next_at: (nextAt ?? now).getTime(),
    })
    .where('id', '=', id)
    .where('leased_until', '=', leasedUntil)
    .execute();
  const hook = db.updateTable('webhooks').where('id', '=', webhookId);
  if (error === null)
    await hook.set({ failing_since: null }).where('failing_since', 'is not', null).execute();
  else await hook.set({ failing_since: now.getTime() }).where('failing_since', 'is', null).execute();
}

/** Gives deliveries back that were not tried. */
export async function returnDelivery(db: Queries, { id, leasedUntil }: LeasedDelivery): Promise<void> {
  await db
    .updateTable('webhook_deliveries')
    .set({ leased_until: 0 })
    .where('id', '=', id)
    .where('leased_until', '=', leasedUntil)
    .execute();
}

/** What waits for a webhook is not sent any more. */
export async function failPending(db: Queries, webhookId: string, now: Date): Promise<void> {
  await db
    .updateTable('webhook_deliveries')
    .set({ outcome: 'failed', error: 'the webhook is disabled', next_at: now.getTime(), leased_until: 0 })
    .where('webhook_id', '=', webhookId)
    .where('outcome', '=', sql.lit('pending'))
    .execute();
}

/** Removes what has ended and is not among the last ones of its webhook. */
export async function pruneDeliveries(db: Queries, webhookId: string): Promise<void> {
  const oldestKept = await db
    .selectFrom('webhook_deliveries')
    .select(['created_at', 'id'])
    .where('webhook_id', '=', webhookId)
    .orderBy('created_at', 'desc')
    .orderBy('id', 'desc')
    .offset(KEPT)
    .limit(1)
    .executeTakeFirst();
  if (oldestKept === undefined) return;
  await db
    .deleteFrom('webhook_deliveries')
    .where('webhook_id', '=', webhookId)
    .where('outcome', '<>', sql.lit('pending'))
    .where('created_at', '<=', oldestKept.created_at)
    .where((eb) => eb.or([eb('created_at', '<', oldestKept.created_at), eb('id', '<=', oldestKept.id)]))
    .execute();
}

export interface DeliveryRecord {
  readonly id: string;
  readonly webhookId: string;
  readonly event: string;
  /** Milliseconds since 1970. */
  readonly createdAt: number;
  readonly outcome: DeliveryOutcome;
  readonly attempts: number;
  /** When it is tried next, or was tried last. */
  readonly at: number;
  readonly status: number | null;
  readonly error: string | null;
  readonly message: WebhookMessage;
}

/** The last ones of a webhook, the newest last. */
export async function listDeliveries(
  db: Queries,
  { webhookId, limit }: { readonly webhookId: string; readonly limit: number },
): Promise<DeliveryRecord[]> {
  const rows = await db
    .selectFrom('webhook_deliveries')
    .selectAll()
    .where('webhook_id', '=', webhookId)
    .orderBy('created_at', 'desc')
    .orderBy('id', 'desc')
    .limit(limit)
    .execute();
  return rows.reverse().map((row) => ({
    ...{ id: row.id, webhookId: row.webhook_id, event: row.event, createdAt: row.created_at },
    ...{ outcome: row.outcome, attempts: row.attempts, at: row.next_at },
    ...{ status: row.status, error: row.error, message: JSON.parse(row.message) },
  }));
}
