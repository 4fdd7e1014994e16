import type { IncomingMessage, ServerResponse } from 'node:http';
import type { FastifyRequest } from 'fastify';
import { Problem } from '../../protocol/problem.ts';

/** How long a JSON body may take to arrive, in milliseconds. Uploads have no such limit, but a minimum rate. */
const JSON_BODY_TIMEOUT_MS = 15_000;
/** How long the rest of a body is read after its response, in milliseconds. */
const LINGER_MS = 5000;

/** Refuses a JSON body that is too slow. Call before it is read. */
export function limitBodyTime(request: FastifyRequest, response: ServerResponse): void {
  const { raw } = request;
  if (raw.complete || !announcesBody(raw) || isUpload(request)) return;
  const timer = setTimeout(() => {
    const problem = new Problem('request_timeout', 'The body did not arrive in time.');
    if (raw.listenerCount('error') > 0)
      raw.emit('error', problem); // whoever reads it answers
    else raw.destroy();
  }, JSON_BODY_TIMEOUT_MS);
  const stop = () => clearTimeout(timer);
  raw.once('end', stop).once('close', stop);
  response.once('close', stop);
}

/**
 * Ends the wait for a body that was not read to its end when its response was sent, whatever the response: Node would
 * read and drop it for as long as the client sends. If the connection were closed while bytes are arriving, the response
 * would be lost: the client's system drops it with the reset.
 */
export function limitUnreadBody(request: IncomingMessage, response: ServerResponse): void {
  if (!announcesBody(request)) return;
  response.once('finish', () => {
    if (request.complete) return;
    const timer = setTimeout(() => request.destroy(), LINGER_MS);
    request.once('end', () => clearTimeout(timer)).once('close', () => clearTimeout(timer));
  });
}

/** From the headers: Node ends a request without a body only once it is read. */
export function announcesBody({ headers }: IncomingMessage): boolean {
  return Number(headers['content-length'] ?? 0) > 0 || headers['transfer-encoding'] !== undefined;
}

export function isUpload(request: FastifyRequest): boolean {
  return request.routeOptions.config.access === 'signed-url';
}
