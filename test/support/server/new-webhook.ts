import type { NewWebhook } from '../../../src/database/queries/webhooks.ts';

/** A webhook that gets everything about an app, or about all. */
export function webhookOf(appId: string | null, url = 'https://hooks.example.com/secret'): NewWebhook {
  return { appId, url, format: 'json', events: [], allowPrivate: false };
}
