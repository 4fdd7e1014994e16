import { createHash, randomUUID } from 'node:crypto';
import { type Kysely, sql, type Transaction } from 'kysely';
import type { Rollout } from '../../protocol/rollout/rollout.ts';
import { formatTimestamp } from '../../protocol/time.ts';
import type {
  ReportedRelease,
  RolloutSetting,
  Trouble,
  WebhookData,
  WebhookEvent,
  WebhookMessage,
} from '../../protocol/webhook/webhook-message.ts';
import type { Attribution } from '../attribution.ts';
import type { AuditAction } from '../audit-actions.ts';
import type { Queries, ReleasesTable, Schema, WebhooksTable } from '../schema.ts';
import { transact } from '../transaction.ts';

/** A change as the audit log has it. */
export interface RecordedChange {
  readonly by: Attribution;
  readonly action: AuditAction;
  readonly appId: string | null;
  readonly details?: Readonly<Record<string, unknown>>;
  readonly outcome?: 'done' | 'refused';
}

/** Which of all recorded changes are events. */
const EVENTS: Readonly<Partial<Record<AuditAction, WebhookEvent>>> = {
  'file.completed': 'release.published', // of a release that was created live, with its first file
  'release.published': 'release.published',
  'release.paused': 'release.paused',
  'release.resumed': 'release.resumed',
  'release.yanked': 'release.yanked',
  'release.restored': 'release.restored',
  'release.rollout_set': 'release.rollout_changed',
  'release.promoted': 'release.promoted',
};

/** What may wait for a webhook that does not take it: further messages are in its log, and are not sent. */
const MAX_WAITING = 1000;
/** How long a trouble of the store is reported once only, by whichever node finds it, in milliseconds. */
const TROUBLE_MS = 60 * 60 * 1000;

type Hook = Pick<WebhooksTable, 'id' | 'events'>;

/**
 * Queues the events of changes for webhooks, in the transaction of the changes: each is sent if they are committed, and only
 * then. Whatever is recorded in the audit log comes here; most of it is no event.
 */
export async function queueEvents(
  transaction: Transaction<Schema>,
  changes: readonly RecordedChange[],
): Promise<void> {
  for (const { by, action, appId, details = {}, outcome } of changes) {
    const event = EVENTS[action];
    if (event === undefined || appId === null || outcome === 'refused') continue;
    const hooks = await hooksFor(transaction, event, appId);
    if (hooks.length === 0) continue;
    const releaseId = String(details.release_id);
    if (action === 'file.completed' && !(await isFirstFile(transaction, releaseId, changes))) continue;
    const data: WebhookData = {
      ...(await subjectOf(transaction, appId, releaseId)),
      by: { kind: by.actor.kind, id: by.actor.id, name: by.actor.name },
      ...changesIn(details),
      ...(typeof details.reason === 'string' && { reason: details.reason }),
    };
    const now = by.now.getTime();
    for (const { id } of hooks) await insert(transaction, { id, event, data, now });
  }
}

/** Whether a live release has its first file, and no other change of the transaction says that it is live. */
async function isFirstFile(
  transaction: Transaction<Schema>,
  releaseId: string,
  changes: readonly RecordedChange[],
): Promise<boolean> {
  const says = ({ action, details }: RecordedChange) =>
    action === 'release.published' && details?.release_id === releaseId;
  if (changes.some(says)) return false;
  const { files } = await transaction
    .selectFrom('artifacts')
    .innerJoin('releases', 'releases.id', 'artifacts.release_id')
    .select(({ fn }) => fn.countAll().as('files'))
    .where('release_id', '=', releaseId)
    .where('artifacts.status', '=', sql.lit('complete'))
    .where('releases.status', '=', sql.lit('published'))
    .executeTakeFirstOrThrow();
  return Number(files) === 1;
}

/** A trouble of the store, as a node finds it. */
export interface FoundTrouble extends Trouble {
  /** Null for what concerns all apps. */
  readonly appId: string | null;
}

/** Queues a trouble of the store for webhooks, which a transaction has found. */
export async function queueTroubleIn(
  transaction: Transaction<Schema>,
  { appId, ...trouble }: FoundTrouble,
  now: Date,
): Promise<void> {
  const hooks = await hooksFor(transaction, 'store.trouble', appId);
  if (hooks.length === 0) return;
  const data: WebhookData = { ...(appId !== null && (await subjectOf(transaction, appId))), trouble };
  for (const { id } of hooks) {
    const message = appId === null ? { message: troubleId(id, trouble, now) } : {};
    await insert(transaction, { id, event: 'store.trouble', data, now: now.getTime(), ...message });
  }
}

/** The same for what no change is the cause of: it is queued once, however many nodes find it. */
export async function queueTrouble(db: Kysely<Schema>, trouble: Trouble, now: Date): Promise<void> {
  await transact(db, (transaction) => queueTroubleIn(transaction, { ...trouble, appId: null }, now));
}

/** The id of the message about a trouble of the whole store: the same from every node, for an hour. */
export function troubleId(webhookId: string, { kind, state }: Trouble, now: Date): string {
  const parts = [webhookId, kind, state, Math.floor(now.getTime() / TROUBLE_MS)];
  return `msg_${createHash('sha256').update(parts.join('\n')).digest('hex').slice(0, 32)}`;
}

async function hooksFor(db: Queries, event: WebhookEvent, appId: string | null): Promise<Hook[]> {
  const hooks = await db
    .selectFrom('webhooks')
    .select(['id', 'events'])
    .where('disabled_at', 'is', null)
    .where((eb) => eb.or([eb('app_id', 'is', null), ...(appId === null ? [] : [eb('app_id', '=', appId)])]))
    .execute();
  return hooks.filter(({ events }) => events === '' || events.split(' ').includes(event));
}

interface NewDelivery {
  readonly id: string;
  readonly event: WebhookEvent;
  readonly data: WebhookData;
  readonly now: number;
  /** The message's id, where it follows from what it is about. */
  readonly message?: string;
}

async function insert(
  transaction: Transaction<Schema>,
  { id: webhook_id, event, data, now, message: id = `msg_${randomUUID().replaceAll('-', '')}` }: NewDelivery,
): Promise<void> {
  const { waiting } = await transaction
    .selectFrom('webhook_deliveries')
    .select(({ fn }) => fn.countAll().as('waiting'))
    .where('webhook_id', '=', webhook_id)
    .where('outcome', '=', sql.lit('pending'))
    .executeTakeFirstOrThrow();
  const isTooMuch = Number(waiting) >= MAX_WAITING;
  const message: WebhookMessage = {
    version: 1,
    id,
    type: event,
    timestamp: formatTimestamp(now),
    data,
  };
  await transaction
    .insertInto('webhook_deliveries')
    .values({
      ...{ id, webhook_id, event, message: JSON.stringify(message).toWellFormed(), created_at: now },
      ...{ outcome: isTooMuch ? 'failed' : 'pending', attempts: 0, next_at: now, leased_until: 0 },
      ...{ status: null, error: isTooMuch ? `${MAX_WAITING} messages are waiting already` : null },
    })
    .onConflict((conflict) => conflict.column('id').doNothing())
    .execute();
}

/** The app, and the release as the transaction leaves it. */
async function subjectOf(db: Queries, appId: string, releaseId?: string): Promise<WebhookData> {
  const app = await db
    .selectFrom('apps')
    .select(['id', 'name', 'slug'])
    .where('id', '=', appId)
    .executeTakeFirst();
  const release = await db
    .selectFrom('releases')
    .select(['id', 'version', 'channel', 'status', 'paused_at', 'rollout'])
    .where('id', '=', releaseId ?? '')
    .executeTakeFirst();
  return { ...(app && { app }), ...(release && { release: toReported(release) }) };
}

type ReportedColumns = Pick<ReleasesTable, 'id' | 'version' | 'channel' | 'status' | 'paused_at' | 'rollout'>;

function toReported({ id, version, channel, status, paused_at, rollout }: ReportedColumns): ReportedRelease {
  return { id, version, channel, status, paused: paused_at !== null, rollout: rolloutSetting(rollout) };
}

function rolloutSetting(text: unknown): RolloutSetting | null {
  if (typeof text !== 'string') return null;
  const { percent, at, ramp }: Rollout = JSON.parse(text);
  return {
    percent,
    ...(at !== undefined && { at: formatTimestamp(at) }),
    ...(ramp && { from: ramp.from, over: ramp.ms / 1000 }),
  };
}

/** How webhooks see a column. */
const SHOWN: Readonly<Record<string, readonly [string, (value: unknown) => unknown]>> = {
  status: ['status', (value) => value],
  channel: ['channel', (value) => value],
  rollout: ['rollout', rolloutSetting],
  paused_at: ['paused', (value) => value !== null],
  mandatory: ['mandatory', Boolean],
  rolled_back: ['rolled_back', Boolean],
};

function changesIn(details: Readonly<Record<string, unknown>>): Pick<WebhookData, 'changes'> {
  const changes = Object.entries(details).flatMap(([column, change]) => {
    const [name, shown] = SHOWN[column] ?? [];
    if (name === undefined || shown === undefined || !isChange(change)) return [];
    return [[name, { before: shown(change.before), after: shown(change.after) }] as const];
  });
  return changes.length === 0 ? {} : { changes: Object.fromEntries(changes) };
}

function isChange(value: unknown): value is { readonly before: unknown; readonly after: unknown } {
  return typeof value === 'object' && value !== null && 'before' in value && 'after' in value;
}
