import type { FastifyReply } from 'fastify';

/** Of every response but pages, which say themselves what they may do: opened in a browser, it runs nothing, is shown in no frame, and is taken for no other type. */
export const SECURITY_HEADERS = {
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
} as const;

/** Adds the headers to a response, besides those that it says itself. */
export function secure(reply: FastifyReply): void {
  for (const [name, value] of Object.entries(SECURITY_HEADERS))
    if (!reply.hasHeader(name)) reply.header(name, value);
}
