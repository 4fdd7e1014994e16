import type { Server } from 'node:http';
import net, { type AddressInfo, type Socket } from 'node:net';
import type { FastifyInstance } from 'fastify';

/** How long an idle connection may still bring a request while draining, in milliseconds. */
const IDLE_GRACE_MS = 1000;

export interface Listening {
  /** Where it really listens: `http://127.0.0.1:4680`. */
  readonly url: string;
  /**
   * Stops accepting connections and resolves when every request under way is answered; each answer from here on
   * closes its connection.
   */
  drain(): Promise<void>;
}

/** Listens on host and port; port 0 picks a free one. */
export async function listen(app: FastifyInstance, host: string, port: number): Promise<Listening> {
  let draining = false;
  app.addHook('onSend', async (_request, reply) => {
    if (draining) reply.header('connection', 'close');
  });
  await app.ready();
  const server = app.server;
  const underWay = countRequests(server);
  // An upload that asks first is told to go on only once its URL and length are known to be good.
  server.on('checkContinue', (request, response) => server.emit('request', request, response));
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host, port }, () => {
      server.off('error', reject);
      resolve();
    });
  });
  const address = server.address() as AddressInfo;
  const name = address.family === 'IPv6' ? `[${address.address}]` : address.address;
  return {
    url: `http://${name}:${address.port}`,
    async drain() {
      draining = true;
      // Not the HTTP server's own close: it cuts idle connections at once, also those with a request on its way.
      const closed = new Promise<void>((resolve) => net.Server.prototype.close.call(server, () => resolve()));
      const sweep = setInterval(() => closeUnused(underWay), IDLE_GRACE_MS);
      await closed;
      clearInterval(sweep);
      await app.close();
    },
  };
}

/** Requests under way on each open connection. Node's own idea of an idle one leaves out those that never spoke. */
function countRequests(server: Server): ReadonlyMap<Socket, number> {
  const underWay = new Map<Socket, number>();
  server.on('connection', (socket: Socket) => {
    underWay.set(socket, 0);
    socket.once('close', () => underWay.delete(socket));
  });
  server.on('request', ({ socket }, response) => {
    const change = (by: number) => {
      const count = underWay.get(socket);
      if (count !== undefined) underWay.set(socket, count + by);
    };
    change(1);
    response.once('close', () => change(-1));
  });
  return underWay;
}

function closeUnused(underWay: ReadonlyMap<Socket, number>): void {
  for (const [socket, requests] of underWay) {
    if (requests === 0) socket.destroy();
  }
}
