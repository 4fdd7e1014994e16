import cluster, { type Worker } from 'node:cluster';
import type { Logger } from 'pino';
import Type, { type Static } from 'typebox';
import { OtaError } from '../../errors.ts';
import { matches } from '../../protocol/validate.ts';
import { countInvalidTokensOfWorkers } from '../../server/limits/invalid-token-limit.ts';
import { orderPartsOfWorkers } from '../../storage/disk/worker-part-turns.ts';
import { EXIT } from '../exit-codes.ts';
import { removeUnusedSocket } from './listen-address.ts';
import { openStores, type ServerSettings, type StartedServer, toStartedServer } from './start-server.ts';

/** How long a worker that ended is not started again, in milliseconds. */
const RESTART_AFTER_MS = 1000;

/** What a worker reports to the process that started it. */
const WorkerMessage = Type.Union([
  Type.Object({ type: Type.Literal('listening'), url: Type.String() }),
  Type.Object({
    type: Type.Literal('failed'),
    code: Type.Union([Type.Literal('usage'), Type.Literal('store_unavailable')]),
    message: Type.String(),
    hint: Type.Optional(Type.String()),
  }),
]);
export type WorkerMessage = Static<typeof WorkerMessage>;

/** What the process that started a worker sends to it. */
export const STOP = 'stop';

/**
 * Serves from several processes that share the port: each is a node on the store of this process, which holds the locks
 * and starts a worker anew when one ends.
 * @throws OtaError as `startServer`
 */
export async function startWorkers(
  settings: ServerSettings & { readonly workers: number },
  logger: Logger,
): Promise<StartedServer> {
  const stores = await openStores(settings, { getPublicUrl: () => settings.publicUrl ?? '', logger });
  countInvalidTokensOfWorkers();
  orderPartsOfWorkers();
  const group = new WorkerGroup(logger);
  try {
    await removeUnusedSocket(settings.listen);
    const urls = await Promise.all(Array.from({ length: settings.workers }, () => group.start()));
    const stop = () => group.stop().finally(stores.close);
    return toStartedServer(settings, { url: urls[0] ?? '', database: stores.database, stop });
  } catch (error) {
    await group
      .stop()
      .finally(stores.close)
      .catch(() => {});
    throw error;
  }
}

class WorkerGroup {
  readonly #logger: Logger;
  readonly #workers = new Set<Worker>();
  readonly #restarts = new Set<NodeJS.Timeout>();
  #stopping = false;

  constructor(logger: Logger) {
    this.#logger = logger;
    process.on('exit', () => {
      for (const worker of this.#workers) worker.process.kill('SIGKILL'); // forced to quit
    });
  }

  /** @returns where it listens */
  start(): Promise<string> {
    const worker = cluster.fork();
    this.#workers.add(worker);
    return new Promise((resolve, reject) => {
      let listening = false;
      worker.on('message', (message: unknown) => {
        if (!matches(WorkerMessage, message)) return;
        if (message.type === 'listening') {
          listening = true;
          resolve(message.url);
        } else
          reject(new OtaError(message.code, message.message, message.hint ? { hint: message.hint } : {}));
      });
      worker.once('exit', (code, signal) => {
        this.#workers.delete(worker);
        if (listening) this.#onEnd({ code, signal });
        else reject(new OtaError('store_unavailable', `a worker ended while it started: ${signal ?? code}`));
      });
    });
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    for (const timer of this.#restarts) clearTimeout(timer); // it would keep the process alive
    const ended = [...this.#workers].map(
      (worker) => new Promise((resolve) => worker.once('exit', (code) => resolve(code))),
    );
    for (const worker of this.#workers) worker.send(STOP, () => {}); // it may be ending already
    if ((await Promise.all(ended)).includes(EXIT.store)) {
      throw new OtaError('store_unavailable', 'a worker failed to stop', { hint: 'Its log says why.' });
    }
  }

  #onEnd(end: { readonly code: number | null; readonly signal: string | null }): void {
    if (this.#stopping) return;
    if (end.code === EXIT.store) {
      this.#logger.fatal(end, 'a worker lost the store; stopping');
      process.exit(EXIT.store); // at once, with all workers: nothing may be acknowledged any more
    }
    if (end.code === EXIT.done) this.#logger.info(end, 'a worker was stopped; starting another');
    else this.#logger.error(end, 'a worker ended; starting another');
    this.#startLater();
  }

  #startLater(): void {
    const timer = setTimeout(() => {
      this.#restarts.delete(timer);
      this.start().catch((err) => {
        this.#logger.error({ err }, 'a worker could not be started; trying again');
        if (!this.#stopping) this.#startLater();
      });
    }, RESTART_AFTER_MS);
    this.#restarts.add(timer);
  }
}
