import { chmod } from 'node:fs/promises';
import type { Server } from 'node:http';
import net from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { FastifyInstance } from 'fastify';
import { lifecycleOf } from './lifecycle.ts';
import { connectionsOf } from './limits/connections.ts';

/** How long an idle connection may at least still bring a request while draining, in milliseconds. */
const IDLE_GRACE_MS = 500;
/** How long new connections are still accepted while draining, in milliseconds, if a load balancer asks `/readyz`. */
export const NOTICE_MS = 5000;
/** How long the backlog is emptied at most before new connections are refused, in milliseconds. */
const MAX_BACKLOG_MS = 2000;
/** A turn of the event loop in which nothing was done, in milliseconds: each answer makes some clients connect again. */
const EMPTY_TURN_MS = 0.1;

export interface Listening {
  /** Where it listens: `http://127.0.0.1:4680`, or `unix:/run/ota.sock`. */
  readonly url: string;
  /**
   * Stops accepting connections; a load balancer that asks `/readyz` is given time to notice first. Resolves when every
   * open request is answered; from now on each response closes its connection.
   */
  drain(): Promise<void>;
}

/** Host and port, where 0 picks a free one; the path of a Unix socket; or a socket that this process was started with. */
export type ListenAddress =
  | { readonly host: string; readonly port: number }
  | { readonly path: string }
  | { readonly fd: number };

/** Listens there. Rejects with Node's error when it cannot. */
export async function listen(app: FastifyInstance, address: ListenAddress): Promise<Listening> {
  const lifecycle = lifecycleOf(app);
  await readyToListen(app);
  const { server } = app;
  const url = await listenAt(server, address);
  server.on('error', (err) => app.log.warn({ err }, 'a connection could not be accepted'));
  return {
    url,
    async drain() {
      lifecycle.startDraining();
      if (lifecycle.isWatched) await sleep(NOTICE_MS);
      const endSweep = sweepIdle(server);
      await new Promise<void>((resolve) => closeOnceEmpty(server, resolve));
      endSweep();
      await app.close();
    },
  };
}

/** The app is ready, and closes each connection with its response once it drains. */
export async function readyToListen(app: FastifyInstance): Promise<void> {
  const lifecycle = lifecycleOf(app);
  app.addHook('onSend', async (_request, reply) => {
    if (lifecycle.isDraining) reply.header('connection', 'close');
  });
  await app.ready();
}

/** @returns where it listens. Rejects with Node's error when it cannot. */
export async function listenAt(server: net.Server, address: ListenAddress): Promise<string> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(address, () => {
      server.off('error', reject);
      resolve();
    });
  });
  // Any local user may connect to a Unix socket, as to a port on loopback.
  if ('path' in address) await chmod(address.path, 0o666);
  return urlOf(server);
}

/** Closes connections that stay idle, again and again. @returns ends it */
export function sweepIdle(server: Server): () => void {
  const sweep = setInterval(() => connectionsOf(server)?.closeIdle(), IDLE_GRACE_MS);
  return () => clearInterval(sweep);
}

function urlOf(server: net.Server): string {
  const address = server.address();
  if (address === null || typeof address === 'string') return `unix:${address ?? ''}`;
  const host = address.family === 'IPv6' ? `[${address.address}]` : address.address;
  return `http://${host}:${address.port}`;
}

/**
 * Accepts what clients have connected to, and closes the listener in the turn of the event loop in which there was nothing
 * left: the system resets what is in its backlog then.
 * @param onClosed is called once every connection is closed too
 * @returns once the listener is closed
 */
export function closeOnceEmpty(server: net.Server, onClosed: () => void = () => {}): Promise<void> {
  // Not the HTTP server's own close: it closes idle connections at once, even if a request is on its way.
  const { close } = net.Server.prototype;
  close.call(net.createServer()); // the first call takes a while
  const until = performance.now() + MAX_BACKLOG_MS;
  let accepted = 0;
  server.on('connection', () => {
    accepted += 1;
  });
  return new Promise((resolve) => {
    let [before, start] = [-1, 0]; // what comes before in this turn may be from before the signal
    const onTurn = () => {
      const now = performance.now();
      const isEmpty = accepted === before && now - start < EMPTY_TURN_MS;
      if (isEmpty || now > until) {
        close.call(server, () => onClosed());
        resolve();
        return;
      }
      [before, start] = [accepted, now];
      setImmediate(onTurn);
    };
    setImmediate(onTurn);
  });
}
