import type { IncomingMessage } from 'node:http';
import type { FastifyReply, FastifyRequest } from 'fastify';

/** How long a JSON body may take to arrive, in milliseconds. Uploads have no total limit, only an idle one. */
const JSON_BODY_TIMEOUT_MS = 15_000;
/** How long a body that nobody wants is read on, in milliseconds. */
const LINGER_MS = 5000;

/** Cuts a request whose JSON body trickles in: `connectionTimeout` only notices silence. Uploads may take their time. */
export function limitBody(request: FastifyRequest, reply: FastifyReply): void {
  if (request.raw.complete || !announcesBody(request.raw) || isUpload(request)) return;
  const timer = setTimeout(() => request.raw.destroy(), JSON_BODY_TIMEOUT_MS);
  const stop = () => clearTimeout(timer);
  request.raw.once('end', stop).once('close', stop);
  reply.raw.once('close', stop);
}

/**
 * Reads on for a while and throws it away, then ends the connection. Closed at once, with bytes on their way, the
 * answer would be lost: the client's system drops it with the reset.
 */
export function lingerThenClose(request: IncomingMessage): void {
  const timer = setTimeout(() => request.destroy(), LINGER_MS);
  request.once('end', () => clearTimeout(timer)).once('close', () => clearTimeout(timer));
}

/** Node ends a request without a body only once somebody reads it, which nobody does. */
export function announcesBody({ headers }: IncomingMessage): boolean {
  return Number(headers['content-length'] ?? 0) > 0 || headers['transfer-encoding'] !== undefined;
}

export function isUpload(request: FastifyRequest): boolean {
  return request.routeOptions.config.access === 'signed-url';
}
