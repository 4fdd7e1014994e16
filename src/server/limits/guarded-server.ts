import {
  createServer,
  type IncomingMessage,
  type RequestListener,
  type Server,
  type ServerResponse,
} from 'node:http';
import type { Socket } from 'node:net';
import { Problem } from '../../protocol/problem.ts';
import { type Connections, setConnections } from './connections.ts';
import { oneAtATime } from './one-at-a-time.ts';
import { endWith, rawProblem } from './raw-problem.ts';
import { limitUnreadBody } from './request-body.ts';

/** How long the head of a request may take to arrive, and how often that is checked, in milliseconds. */
const HEAD_TIMEOUT_MS = 20_000;
const CHECK_HEADS_EVERY_MS = 5000;
/** How long a connection may be idle between requests, in milliseconds: longer than proxies keep theirs. */
const KEEP_ALIVE_MS = 72_000;

/** Node 24 then has no events for the body of a request without one, a tenth of the time of a check. Its types are older. */
const WITHOUT_EMPTY_BODIES: object = { optimizeEmptyRequests: true };

/** Answers a request before the framework sees it. @returns false if it leaves the request to the framework */
export type FastPath = (request: IncomingMessage, response: ServerResponse) => boolean;

export interface ServerParts {
  readonly fastPath: FastPath;
  readonly connections: Connections;
}

/** A server with the fast path before the framework, which bounds what its connections take. */
export function createGuardedServer(handle: RequestListener, { fastPath, connections }: ServerParts): Server {
  const server = createServer({
    headersTimeout: HEAD_TIMEOUT_MS,
    connectionsCheckingInterval: CHECK_HEADS_EVERY_MS,
    requestTimeout: 0, // it would cut off slow uploads; `request-body.ts` covers everything else
    requireHostHeader: false, // `http-server.ts` says what is wrong
    keepAliveTimeout: KEEP_ALIVE_MS,
    ...WITHOUT_EMPTY_BODIES,
  });
  const onRequest: RequestListener = (request, response) => {
    const { url = '' } = request;
    if (!url.startsWith('/')) request.url = toOriginForm(url);
    if (fastPath(request, response)) return;
    // The framework would wait for the end of a body of this type, which Node does not report if there is no body.
    if (request.readableEnded) delete request.headers['content-type'];
    limitUnreadBody(request, response);
    handle(request, response);
  };
  server.on('request', oneAtATime(onRequest));
  // An upload with `Expect: 100-continue` is invited to send its body once its URL and length are known to be valid.
  for (const event of ['checkContinue', 'checkExpectation']) {
    server.on(event, (request, response) => server.emit('request', request, response));
  }
  const noProxy = new Problem('invalid_request', 'This server is not a proxy.');
  server.on('connect', (_request, socket: Socket) => endWith(socket, rawProblem(noProxy)));
  connections.guard(server);
  setConnections(server, connections);
  return server;
}

/** RFC 9112, section 3.2.2: a server takes the absolute form too. Its host is ignored, as `Host` is. */
function toOriginForm(url: string): string {
  const target = url.replace(/^https?:\/\/[^/?#]*/i, '');
  return target === url || target.startsWith('/') ? target : `/${target}`;
}
