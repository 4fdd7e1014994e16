import type { Webhook } from '../../database/queries/webhooks.ts';
import type { WebhookMessage } from '../../protocol/webhook/webhook-message.ts';
import { signedHeaders } from '../../protocol/webhook/webhook-signature.ts';
import { bodyOf } from './message-body.ts';
import { type PostOptions, type PostResult, postMessage } from './post-message.ts';

export interface SendOptions extends Pick<PostOptions, 'signal' | 'timeoutMs'> {
  readonly now: Date;
  /** Of this program. */
  readonly version: string;
}

type Target = Pick<Webhook, 'url' | 'format' | 'secret' | 'allowPrivate'>;

/** Sends a message to a webhook once, signed as Standard Webhooks has it. */
export function sendMessage(
  hook: Target,
  message: WebhookMessage,
  options: SendOptions,
): Promise<PostResult> {
  const { now, version, ...rest } = options;
  const body = bodyOf(message, hook.format);
  const timestamp = Math.floor(now.getTime() / 1000);
  const headers = {
    'content-type': 'application/json',
    'user-agent': `synckit-ota/${version}`,
    ...signedHeaders(hook.secret, { id: message.id, timestamp, body }),
  };
  return postMessage({ url: new URL(hook.url), allowPrivate: hook.allowPrivate, headers, body, ...rest });
}

/** What has gone wrong; undefined for a message that was taken. */
export function problemOf(result: Exclude<PostResult, { kind: 'aborted' }>): string | undefined {
  if (result.kind === 'failed') return result.reason;
  const { status } = result;
  if (status >= 200 && status < 300) return undefined;
  if (status >= 300 && status < 400) return `it answered with ${status}: redirects are not followed`;
  return `it answered with ${status}`;
}
