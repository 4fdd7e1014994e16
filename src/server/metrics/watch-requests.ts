import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { ServerCounters } from './server-counters.ts';

export interface RequestObserver {
  readonly counters: ServerCounters;
  /** @param route its name in `protocol/routes`, or `other` */
  observe(route: string, status: number, seconds: number): void;
}

const started = new WeakMap<FastifyRequest, number>();

/** Counts every request that the framework answers. Call before the routes are registered. */
export function watchRequests(app: FastifyInstance, { counters, observe }: RequestObserver): void {
  app.addHook('onRequest', async (request, reply) => {
    counters.requestsInFlight += 1;
    started.set(request, request.raw.socket.bytesWritten);
    reply.raw.once('close', () => {
      counters.requestsInFlight -= 1;
      const { route = 'other' } = request.routeOptions.config;
      observe(route, reply.statusCode, reply.elapsedTime / 1000);
      countByRoute(counters, request, reply);
    });
  });
  app.addHook('onSend', async (request, reply) => {
    if (isDownload(request, reply)) counters.downloads.started += 1;
  });
}

function isDownload(request: FastifyRequest, { statusCode }: FastifyReply): boolean {
  const isFile = request.method === 'GET' && request.routeOptions.config.route === 'storedFile';
  return isFile && (statusCode === 200 || statusCode === 206);
}

function countByRoute(counters: ServerCounters, request: FastifyRequest, reply: FastifyReply): void {
  const { statusCode: status } = reply;
  switch (request.routeOptions.config.route) {
    case 'check':
      counters.checks.count(status);
      break;
    case 'download':
    case 'latest':
      if (status === 302) counters.redirects += 1;
      break;
    case 'storedFile':
      if (isDownload(request, reply)) countDownload(counters, request, reply);
      break;
    case 'upload':
    case 'uploadPart':
      countUpload(counters, request, status);
      break;
    default:
  }
}

/** With what the head of the response takes, which is little beside a file. */
function countDownload({ downloads }: ServerCounters, request: FastifyRequest, reply: FastifyReply): void {
  if (reply.raw.writableFinished) downloads.finished += 1;
  downloads.bytes += Math.max(0, request.raw.socket.bytesWritten - (started.get(request) ?? 0));
}

function countUpload({ uploads }: ServerCounters, request: FastifyRequest, status: number): void {
  if (status >= 300) {
    uploads.refused += 1;
    return;
  }
  uploads.accepted += 1;
  uploads.bytes += Number(request.headers['content-length'] ?? 0);
}
