import type { IncomingMessage } from 'node:http';
import type { FastifyReply, FastifyRequest } from 'fastify';

/** How long a JSON body may take to arrive, in milliseconds. Uploads have no total limit, only an idle one. */
const JSON_BODY_TIMEOUT_MS = 15_000;
/** How long the rest of a refused body is read, in milliseconds. */
const LINGER_MS = 5000;

/** Closes the connection of a JSON body that is too slow: `connectionTimeout` only notices an idle one. */
export function limitBody(request: FastifyRequest, reply: FastifyReply): void {
  if (request.raw.complete || !announcesBody(request.raw) || isUpload(request)) return;
  const timer = setTimeout(() => request.raw.destroy(), JSON_BODY_TIMEOUT_MS);
  const stop = () => clearTimeout(timer);
  request.raw.once('end', stop).once('close', stop);
  reply.raw.once('close', stop);
}

/**
 * Reads and discards for a while, then closes the connection. If it were closed while bytes are arriving, the response
 * would be lost: the client's system drops it with the reset.
 */
export function lingerThenClose(request: IncomingMessage): void {
  const timer = setTimeout(() => request.destroy(), LINGER_MS);
  request.once('end', () => clearTimeout(timer)).once('close', () => clearTimeout(timer));
}

/** From the headers: Node ends a request without a body only once it is read. */
export function announcesBody({ headers }: IncomingMessage): boolean {
  return Number(headers['content-length'] ?? 0) > 0 || headers['transfer-encoding'] !== undefined;
}

export function isUpload(request: FastifyRequest): boolean {
  return request.routeOptions.config.access === 'signed-url';
}
