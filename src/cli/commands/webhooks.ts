import { randomUUID } from 'node:crypto';
import { listApps } from '../../database/queries/apps.ts';
import { type DeliveryRecord, listDeliveries } from '../../database/queries/webhook-deliveries.ts';
import {
  addWebhook,
  enableWebhook,
  findWebhook,
  listWebhooks,
  MAX_WEBHOOKS,
  removeWebhook,
  type Webhook,
} from '../../database/queries/webhooks.ts';
import type { Queries } from '../../database/schema.ts';
import { OtaError } from '../../errors.ts';
import { formatTimestamp } from '../../protocol/time.ts';
import type { WebhookMessage } from '../../protocol/webhook/webhook-message.ts';
import { problemOf, sendMessage } from '../../server/webhooks/send-message.ts';
import type { Context } from '../context.ts';
import { formatTable } from '../layout/table.ts';
import { OptionErrors } from '../options/option-errors.ts';
import { readInteger } from '../options/remote-options.ts';
import { packageVersion } from '../package-version.ts';
import { appCalled, noteFilter } from '../wiring/called.ts';
import { withStore } from '../wiring/open-store.ts';
import { readEvents, readWebhookUrl } from './webhook-options.ts';
import type {
  WebhooksAddOptions,
  WebhooksDeliveriesOptions,
  WebhooksEnableOptions,
  WebhooksListOptions,
  WebhooksRemoveOptions,
  WebhooksTestOptions,
} from './webhooks-command.ts';

const MAX_DELIVERIES = 1000;

export async function runWebhooksAdd(
  options: WebhooksAddOptions,
  context: Context,
  given: string,
): Promise<void> {
  const { output } = context;
  const errors = new OptionErrors();
  const { format, allowPrivate = false } = options;
  const url = readWebhookUrl(given, allowPrivate, errors);
  const events = readEvents(options.events, errors);
  errors.throwIfAny();
  await withStore({ ...options, effect: 'adds' }, context, async ({ queries }, by) => {
    const appId = options.app ? (await appCalled(queries, options.app, output)).id : null;
    const added = await addWebhook(queries, { appId, url, format, events, allowPrivate }, by);
    if (added === 'too_many') {
      throw new OtaError('conflict', `the store has ${MAX_WEBHOOKS} webhooks already`, {
        hint: '`synckit-ota webhooks remove` removes one.',
      });
    }
    output.printable.reveal(added.secret);
    output.document({ ...toDocument(added), secret: added.secret });
    if (output.json) return; // stderr ends up in logs
    const sentTo = `Added ${added.id}: messages go to ${new URL(added.url).host}.`;
    if (format !== 'json') return output.result(sentTo);
    output.result([added.secret, `This secret is shown only once. ${sentTo}`]);
  });
}

export async function runWebhooksList(options: WebhooksListOptions, context: Context): Promise<void> {
  const { output } = context;
  await withStore(options, context, async ({ queries }) => {
    const app = options.app ? await appCalled(queries, options.app, output) : undefined;
    noteFilter(options.app, context);
    const hooks = await listWebhooks(queries, app?.id);
    output.document(hooks.map(toDocument));
    if (hooks.length === 0) return output.result('No webhooks yet.');
    const names = new Map((await listApps(queries)).map(({ id, slug, name }) => [id, slug ?? name]));
    const rows = hooks.map((hook) => [
      new URL(hook.url).host,
      hook.appId === null ? 'all apps' : (names.get(hook.appId) ?? hook.appId),
      ...[hook.format, hook.events.join(' ') || 'all events', stateOf(hook), hook.id],
    ]);
    const header = ['host', 'app', 'format', 'events', 'state', 'id'];
    output.result(formatTable(rows, { header, width: output.columns, style: output.style }));
  });
}

export async function runWebhooksRemove(
  options: WebhooksRemoveOptions,
  context: Context,
  id: string,
): Promise<void> {
  const { output } = context;
  await withStore({ ...options, effect: 'frees' }, context, async ({ queries }, by) => {
    if (!(await removeWebhook(queries, id, by))) throw noWebhook(id);
    output.document({ id, removed: true });
    output.result(`Removed ${id}.`);
  });
}

export async function runWebhooksEnable(
  options: WebhooksEnableOptions,
  context: Context,
  id: string,
): Promise<void> {
  const { output } = context;
  await withStore(options, context, async ({ queries }, by) => {
    await webhookCalled(queries, id);
    const enabled = await enableWebhook(queries, id, by);
    output.document({ id, enabled });
    output.result(enabled ? `Enabled ${id}.` : `${id} is enabled already.`);
  });
}

export async function runWebhooksTest(
  options: WebhooksTestOptions,
  context: Context,
  id: string,
): Promise<void> {
  const { output, signal } = context;
  await withStore(options, context, async ({ queries, clock }) => {
    const hook = await webhookCalled(queries, id);
    const now = clock();
    const message: WebhookMessage = {
      ...{ version: 1, id: `msg_${randomUUID().replaceAll('-', '')}`, type: 'webhook.test' },
      ...{ timestamp: formatTimestamp(now.getTime()), data: {} },
    };
    const result = await sendMessage(hook, message, { now, version: packageVersion(), signal });
    if (result.kind === 'aborted') return;
    const problem = problemOf(result);
    const { host } = new URL(hook.url);
    if (problem !== undefined) {
      throw new OtaError('network', `${host} did not take the message: ${problem}`, {
        hint: 'The server would try again for about a day.',
      });
    }
    const status = result.kind === 'answered' ? result.status : null;
    output.document({ id, message: message.id, status });
    output.result(`${host} took the message: it answered with ${status}.`);
  });
}

export async function runWebhooksDeliveries(
  options: WebhooksDeliveriesOptions,
  context: Context,
  id: string,
): Promise<void> {
  const { output } = context;
  const errors = new OptionErrors();
  const limit = readInteger({ option: '--limit', text: options.limit, min: 1, max: MAX_DELIVERIES }, errors);
  errors.throwIfAny();
  await withStore(options, context, async ({ queries }) => {
    await webhookCalled(queries, id);
    const deliveries = await listDeliveries(queries, { webhookId: id, limit });
    output.document(deliveries.map(deliveryDocument));
    if (deliveries.length === 0) return output.result('Nothing was sent to it yet.');
    const rows = deliveries.map((one) => [
      ...[formatTimestamp(one.createdAt), one.event, aboutOf(one), one.outcome],
      ...[String(one.attempts), one.error ?? String(one.status ?? '')],
    ]);
    const header = ['time', 'event', 'about', 'outcome', 'tries', 'answer'];
    output.result(formatTable(rows, { header, width: output.columns, style: output.style }));
  });
}

async function webhookCalled(queries: Queries, id: string): Promise<Webhook> {
  const hook = await findWebhook(queries, id);
  if (hook === undefined) throw noWebhook(id);
  return hook;
}

function noWebhook(id: string): OtaError {
  return new OtaError('usage', `there is no webhook with the id ${id}`, {
    hint: '`synckit-ota webhooks list` shows them.',
  });
}

function toDocument({ id, appId, url, format, events, allowPrivate, ...hook }: Webhook) {
  return {
    ...{ id, app: appId, host: new URL(url).host, format, events },
    allow_private: allowPrivate,
    created_at: formatTimestamp(hook.createdAt),
    disabled_at: timeOrNull(hook.disabledAt),
    failing_since: timeOrNull(hook.failingSince),
  };
}

function deliveryDocument({
  id,
  event,
  createdAt,
  outcome,
  attempts,
  at,
  status,
  error,
  message,
}: DeliveryRecord) {
  return {
    ...{ id, event, created_at: formatTimestamp(createdAt), outcome, attempts },
    next_attempt_at: outcome === 'pending' ? formatTimestamp(at) : null,
    ...{ status, error, message },
  };
}

function aboutOf({ message: { data } }: DeliveryRecord): string {
  const { app, release, trouble } = data;
  return [app?.slug ?? app?.name, release?.version, trouble?.kind].filter(Boolean).join(' ');
}

function stateOf({ disabledAt, failingSince }: Webhook): string {
  if (disabledAt !== null) return `disabled ${formatTimestamp(disabledAt)}`;
  return failingSince === null ? 'active' : `failing since ${formatTimestamp(failingSince)}`;
}

function timeOrNull(milliseconds: number | null): string | null {
  return milliseconds === null ? null : formatTimestamp(milliseconds);
}
