import cluster from 'node:cluster';
import type { Socket } from 'node:net';
import type { FastifyInstance } from 'fastify';
import { matches } from '../../protocol/validate.ts';
import { lifecycleOf } from '../lifecycle.ts';
import { connectionsOf } from '../limits/connections.ts';
import { type Listening, readyToListen, sweepIdle } from '../listen.ts';
import { MainMessage, type WorkerMessage } from './worker-messages.ts';

/** Reports to the process that started this one, if that is still there. */
export function report(message: WorkerMessage): Promise<void> {
  return new Promise((resolve) => cluster.worker?.send(message, () => resolve()) ?? resolve());
}

/** Serves the connections that the process above this one accepts. Resolves once it is known where it accepts them. */
export async function receiveConnections(app: FastifyInstance): Promise<Listening> {
  const lifecycle = lifecycleOf(app);
  await readyToListen(app);
  const { server } = app;
  server.emit('listening'); // from now on the time for the heads of requests is limited
  const start = Promise.withResolvers<string>();
  const stopped = Promise.withResolvers<void>();
  cluster.worker?.on('message', (message: unknown, socket: Socket | undefined) => {
    if (!matches(MainMessage, message)) return;
    if (message.type === 'serve') start.resolve(message.url);
    else if (message.type === 'stop') stopped.resolve();
    else if (message.type === 'drain') {
      lifecycle.startDraining();
      void report({ type: 'draining', isWatched: lifecycle.isWatched });
    } else {
      void report({ type: 'taken' });
      if (socket === undefined) return; // it was closed on the way
      socket.allowHalfOpen = true; // as an HTTP server has its own
      server.emit('connection', socket);
    }
  });
  await report({ type: 'ready' });
  const url = await start.promise;
  return {
    url,
    async drain() {
      lifecycle.startDraining();
      await stopped.promise;
      const endSweep = sweepIdle(server);
      await connectionsOf(server)?.whenAllClosed();
      endSweep();
      await app.close();
    },
  };
}
