import { isWebhookEvent, WEBHOOK_EVENTS, type WebhookEvent } from '../../protocol/webhook/webhook-message.ts';
import { isInternal } from '../../runtime/network/loopback.ts';
import { refusedAddress } from '../../server/webhooks/post-message.ts';
import type { OptionErrors } from '../options/option-errors.ts';
import { readTextFile } from '../options/remote-options.ts';

const MAX_LENGTH = 2000;

/** The URL, from stdin for `-`. Messages do not repeat it: it may have a token in it. */
export function readWebhookUrl(given: string, allowPrivate: boolean, errors: OptionErrors): string {
  const text = (given === '-' ? errors.attempt(() => readTextFile('-', 'the URL')) : given)?.trim() ?? '';
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol) || text.length > MAX_LENGTH) {
    errors.add('the webhook must be an http(s) URL, like https://ci.example.com/ota');
    return '';
  }
  if (url.username || url.password) {
    errors.add(
      'the URL of the webhook has a user or a password in it: the signature proves who sends the messages',
    );
  }
  const refusal = refusedAddress(url.hostname.replace(/^\[|\]$/g, ''), allowPrivate);
  if (refusal !== undefined) errors.add(`${url.host} cannot be a webhook: ${refusal}`);
  else if (!allowPrivate && isInternal(url)) {
    errors.add(`${url.host} is a name of this network: pass --allow-private`);
  }
  return url.href;
}

/** `published` or `release.published`, separated by commas. */
export function readEvents(text: string | undefined, errors: OptionErrors): WebhookEvent[] {
  const names = (text ?? '').split(',').map((name) => name.trim());
  const events = names.filter(Boolean).flatMap((name) => {
    const found = [name, `release.${name}`, `store.${name}`].find(isWebhookEvent);
    if (found === undefined) errors.add(`--events ${name} is not one of ${WEBHOOK_EVENTS.join(', ')}`);
    return found ?? [];
  });
  return [...new Set(events)].filter(isWebhookEvent);
}
