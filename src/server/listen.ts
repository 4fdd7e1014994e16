import type { Server } from 'node:http';
import net, { type Socket } from 'node:net';
import type { FastifyInstance } from 'fastify';

/** How long an idle connection may still bring a request while draining, in milliseconds. */
const IDLE_GRACE_MS = 1000;

export interface Listening {
  /** The address it listens on: `http://127.0.0.1:4680`. */
  readonly url: string;
  /**
   * Stops accepting connections. Resolves when every open request is answered; from now on each response closes its
   * connection.
   */
  drain(): Promise<void>;
}

/** Listens on host and port; port 0 picks a free one. Rejects with Node's error when it cannot. */
export async function listen(app: FastifyInstance, host: string, port: number): Promise<Listening> {
  let draining = false;
  app.addHook('onSend', async (_request, reply) => {
    if (draining) reply.header('connection', 'close');
  });
  await app.ready();
  const server = app.server;
  const openRequests = countRequests(server);
  // An upload with `Expect: 100-continue` is invited to send its body once its URL and length are known to be valid.
  server.on('checkContinue', (request, response) => server.emit('request', request, response));
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host, port }, () => {
      server.off('error', reject);
      resolve();
    });
  });
  return {
    url: urlOf(server),
    async drain() {
      draining = true;
      // Not the HTTP server's own close: it closes idle connections at once, even if a request is on its way.
      const closed = new Promise<void>((resolve) => net.Server.prototype.close.call(server, () => resolve()));
      const sweep = setInterval(() => closeUnused(openRequests), IDLE_GRACE_MS);
      await closed;
      clearInterval(sweep);
      await app.close();
    },
  };
}

function urlOf(server: Server): string {
  const address = server.address();
  if (address === null || typeof address === 'string') return String(address); // a pipe: never with host and port
  const host = address.family === 'IPv6' ? `[${address.address}]` : address.address;
  return `http://${host}:${address.port}`;
}

/** Open requests by connection. What Node considers idle leaves out connections that never sent a request. */
function countRequests(server: Server): ReadonlyMap<Socket, number> {
  const openRequests = new Map<Socket, number>();
  server.on('connection', (socket: Socket) => {
    openRequests.set(socket, 0);
    socket.once('close', () => openRequests.delete(socket));
  });
  server.on('request', ({ socket }, response) => {
    const change = (by: number) => {
      const count = openRequests.get(socket);
      if (count !== undefined) openRequests.set(socket, count + by);
    };
    change(1);
    response.once('close', () => change(-1));
  });
  return openRequests;
}

function closeUnused(openRequests: ReadonlyMap<Socket, number>): void {
  for (const [socket, requests] of openRequests) {
    if (requests === 0) socket.destroy();
  }
}
