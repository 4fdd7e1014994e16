import { createHmac, randomBytes } from 'node:crypto';

/** The prefix of all secrets, by which libraries and secret scanners recognise them. */
export const SECRET_PREFIX = 'whsec_';
const SECRET_BYTES = 32;

/** A new secret, as the libraries of Standard Webhooks take it. */
export function generateWebhookSecret(): string {
  return SECRET_PREFIX + randomBytes(SECRET_BYTES).toString('base64');
}

export interface SignedContent {
  readonly id: string;
  /** Seconds since 1970. */
  readonly timestamp: number;
  readonly body: string;
}

/** The headers of a request (Standard Webhooks 1.0, "Verifying webhook authenticity"). */
export function signedHeaders(
  secret: string,
  { id, timestamp, body }: SignedContent,
): Readonly<Record<string, string>> {
  const key = Buffer.from(secret.slice(SECRET_PREFIX.length), 'base64');
  const signature = createHmac('sha256', key).update(`${id}.${timestamp}.${body}`).digest('base64');
  return {
    'webhook-id': id,
    'webhook-timestamp': String(timestamp),
    'webhook-signature': `v1,${signature}`,
  };
}
