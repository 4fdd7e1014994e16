import { randomUUID } from 'node:crypto';
import type { Kysely, Transaction } from 'kysely';
import {
  isWebhookEvent,
  type WebhookEvent,
  type WebhookFormat,
} from '../../protocol/webhook/webhook-message.ts';
import { generateWebhookSecret } from '../../protocol/webhook/webhook-signature.ts';
import type { Attribution } from '../attribution.ts';
import type { Queries, Schema, WebhooksTable } from '../schema.ts';
import { transact } from '../transaction.ts';
import { recordAudit } from './audit.ts';
import { failPending } from './webhook-deliveries.ts';

/** As many as one store has: each change of a release is written for each of them. */
export const MAX_WEBHOOKS = 100;

export interface Webhook {
  readonly id: string;
  /** Null for the events of all apps, and of the store. */
  readonly appId: string | null;
  /** Secret, as its path may have a token in it. */
  readonly url: string;
  readonly format: WebhookFormat;
  /** Empty for all. */
  readonly events: readonly WebhookEvent[];
  readonly secret: string;
  readonly allowPrivate: boolean;
  /** Milliseconds since 1970, as are the others. */
  readonly createdAt: number;
  readonly disabledAt: number | null;
  readonly failingSince: number | null;
}

export type NewWebhook = Pick<Webhook, 'appId' | 'url' | 'format' | 'events' | 'allowPrivate'>;

/** @returns the webhook, with the secret that is to be shown once; `too_many` for more than `MAX_WEBHOOKS` */
export async function addWebhook(
  db: Kysely<Schema>,
  { appId, url, format, events, allowPrivate }: NewWebhook,
  by: Attribution,
): Promise<Webhook | 'too_many'> {
  return transact(db, async (transaction) => {
    if ((await listWebhooks(transaction)).length >= MAX_WEBHOOKS) return 'too_many';
    const row: WebhooksTable = {
      ...{ id: randomUUID(), app_id: appId, url, format, events: events.join(' ') },
      ...{ secret: generateWebhookSecret(), allow_private: allowPrivate ? 1 : 0 },
      ...{ created_at: by.now.getTime(), disabled_at: null, failing_since: null },
    };
    await transaction.insertInto('webhooks').values(row).execute();
    const details = { ...named(row), format, events, allow_private: allowPrivate };
    recordChange(transaction, { row, action: 'webhook.added', by, details });
    return toWebhook(row);
  });
}

/** Those of one app or all, oldest first. */
export async function listWebhooks(db: Queries, appId?: string): Promise<Webhook[]> {
  const rows = await db
    .selectFrom('webhooks')
    .selectAll()
    .$if(appId !== undefined, (query) => query.where('app_id', '=', appId ?? ''))
    .execute();
  return rows.map(toWebhook).sort((a, b) => a.createdAt - b.createdAt || (a.id < b.id ? -1 : 1));
}

export async function findWebhook(db: Queries, id: string): Promise<Webhook | undefined> {
  const row = await db.selectFrom('webhooks').selectAll().where('id', '=', id).executeTakeFirst();
  return row && toWebhook(row);
}

/** Removes a webhook with its deliveries. @returns whether there is one */
export async function removeWebhook(db: Kysely<Schema>, id: string, by: Attribution): Promise<boolean> {
  return transact(db, async (transaction) => {
    const row = await transaction
      .deleteFrom('webhooks')
      .where('id', '=', id)
      .returningAll()
      .executeTakeFirst();
    if (row === undefined) return false;
    recordChange(transaction, { row, action: 'webhook.removed', by });
    return true;
  });
}

/** Sends to a webhook again that was disabled: what happens from now on. @returns whether it was */
export async function enableWebhook(db: Kysely<Schema>, id: string, by: Attribution): Promise<boolean> {
  return transact(db, async (transaction) => {
    const row = await transaction
      .updateTable('webhooks')
      .set({ disabled_at: null, failing_since: null })
      .where('id', '=', id)
      .where('disabled_at', 'is not', null)
      .returningAll()
      .executeTakeFirst();
    if (row === undefined) return false;
    recordChange(transaction, { row, action: 'webhook.enabled', by });
    return true;
  });
}

/** Sends nothing to a webhook any more, also of what waits for it. @returns whether that is new */
export async function disableWebhook(
  db: Kysely<Schema>,
  { id, reason }: { readonly id: string; readonly reason: string },
  by: Attribution,
): Promise<boolean> {
  return transact(db, async (transaction) => {
    const row = await transaction
      .updateTable('webhooks')
      .set({ disabled_at: by.now.getTime() })
      .where('id', '=', id)
      .where('disabled_at', 'is', null)
      .returningAll()
      .executeTakeFirst();
    if (row === undefined) return false;
    await failPending(transaction, id, by.now);
    recordChange(transaction, { row, action: 'webhook.disabled', by, details: { ...named(row), reason } });
    return true;
  });
}

interface Recorded {
  readonly row: WebhooksTable;
  readonly action: `webhook.${'added' | 'removed' | 'enabled' | 'disabled'}`;
  readonly by: Attribution;
  readonly details?: Readonly<Record<string, unknown>>;
}

function recordChange(
  transaction: Transaction<Schema>,
  { row, action, by, details = named(row) }: Recorded,
): void {
  recordAudit(transaction, { by, action, appId: row.app_id, details, rows: [`webhook:${row.id}`] });
}

/** Without the rest of the URL, which may be secret. */
function named({ id, url }: WebhooksTable) {
  return { webhook_id: id, host: new URL(url).host };
}

export function toWebhook(row: WebhooksTable): Webhook {
  const { id, url, format, events, secret } = row;
  return {
    ...{ id, appId: row.app_id, url, format, secret },
    events: events.split(' ').filter(isWebhookEvent),
    allowPrivate: row.allow_private !== 0,
    createdAt: row.created_at,
    disabledAt: row.disabled_at,
    failingSince: row.failing_since,
  };
}
