import net, { type AddressInfo } from 'node:net';
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
      const sweep = setInterval(() => server.closeIdleConnections(), IDLE_GRACE_MS);
      await closed;
      clearInterval(sweep);
      await app.close();
    },
  };
}
