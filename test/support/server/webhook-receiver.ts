import type { IncomingHttpHeaders, RequestListener } from 'node:http';
import { Webhook as Verifier } from 'standardwebhooks';
import { expect, vi } from 'vitest';
import { addWebhook, type NewWebhook, type Webhook } from '../../../src/database/queries/webhooks.ts';
import type { Queries } from '../../../src/database/schema.ts';
import type { WebhookMessage } from '../../../src/protocol/webhook/webhook-message.ts';
import { listenHttp } from '../network/loopback-server.ts';
import { by } from './by.ts';

export interface Received {
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

type Answer = (...args: [...Parameters<RequestListener>, count: number]) => void;

/** Something outside that webhooks send to, and what it got. */
export interface Receiver {
  readonly url: string;
  readonly received: Received[];
  /** What it answers, by how many requests it got before. By default 204. */
  answer: Answer;
}

export async function startReceiver(answer: Answer = (_, response) => response.writeHead(204).end()) {
  const receiver: Receiver = { url: '', received: [], answer };
  const url = await listenHttp((request, response) => {
    let body = '';
    request.setEncoding('utf8');
    request.on('data', (chunk) => {
      body += chunk;
    });
    request.on('end', () => {
      const count = receiver.received.push({ headers: request.headers, body });
      receiver.answer(request, response, count - 1);
    });
  });
  return Object.assign(receiver, { url: new URL('/hook/secret-path', url).href });
}

/** Adds a webhook that sends to a receiver. */
export async function hookTo(
  queries: Queries,
  { url }: Pick<Receiver, 'url'>,
  fields: Partial<NewWebhook> = {},
): Promise<Webhook> {
  const hook = { appId: null, url, format: 'json', events: [], allowPrivate: true, ...fields } as const;
  const added = await addWebhook(queries as Parameters<typeof addWebhook>[0], hook, by(new Date()));
  if (added === 'too_many') throw new Error(added);
  return added;
}

/** The messages as an independent implementation of Standard Webhooks accepts them. */
export function verified({ received }: Receiver, { secret }: Pick<Webhook, 'secret'>): WebhookMessage[] {
  const verifier = new Verifier(secret);
  return received.map(
    ({ headers, body }) => verifier.verify(body, headers as Record<string, string>) as WebhookMessage,
  );
}

export function untilReceived({ received }: Receiver, count: number, timeout = 15_000): Promise<void> {
  return vi.waitFor(() => expect(received.length).toBeGreaterThanOrEqual(count), { timeout });
}
