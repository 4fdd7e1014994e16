import cluster, { type Worker } from 'node:cluster';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import { OtaError } from '../../errors.ts';
import { matches } from '../../protocol/validate.ts';
import { countInvalidTokensOfWorkers } from '../../server/limits/invalid-token-limit.ts';
import { openFilesLimit } from '../../server/limits/open-files.ts';
import { connectionsFor } from '../../server/limits/server-limits.ts';
import { type ListenAddress, NOTICE_MS } from '../../server/listen.ts';
import { Metrics, type MetricValues } from '../../server/metrics/metrics.ts';
import type { MetricsServer } from '../../server/metrics/metrics-server.ts';
import { metricsOf } from '../../server/metrics/worker-metrics.ts';
import { SharedListener } from '../../server/workers/shared-listener.ts';
import { type MainMessage, WorkerMessage } from '../../server/workers/worker-messages.ts';
import { orderPartsOfWorkers } from '../../storage/disk/worker-part-turns.ts';
import { EXIT } from '../exit-codes.ts';
import { cannotListen, removeUnusedSocket } from './listen-address.ts';
import {
  listenForMetrics,
  openStores,
  type ServerSettings,
  type StartedServer,
  toStartedServer,
} from './start-server.ts';

/** How long a worker that ended is not started again, in milliseconds. */
const RESTART_AFTER_MS = 1000;
/** How long a worker may take to say whether a load balancer goes by it, in milliseconds. */
const MAX_DRAIN_ANSWER_MS = 1000;

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
  let group: WorkerGroup | undefined;
  try {
    const listener = await openListener(settings.listen, logger);
    group = new WorkerGroup(listener, logger);
    await Promise.all(Array.from({ length: settings.workers }, group.start));
    const { stop, metrics } = group;
    const { url } = listener;
    const asked = await answerForAll(settings, metrics);
    const started = toStartedServer(settings, {
      url,
      database: stores.database,
      stop: () => Promise.resolve(asked?.stop()).then(stop).finally(stores.close),
    });
    return { ...started, metricsUrl: asked?.url };
  } catch (error) {
    await Promise.resolve(group?.stop())
      .finally(stores.close)
      .catch(() => {});
    throw error;
  }
}

async function openListener(address: ListenAddress, logger: Logger): Promise<SharedListener> {
  try {
    await removeUnusedSocket(address);
    return await SharedListener.open(address, {
      maxWaiting: connectionsFor(openFilesLimit()),
      onError: (err) => logger.warn({ err }, 'a connection could not be accepted'),
    });
  } catch (cause) {
    throw cannotListen(cause, address);
  }
}

/** Answers Prometheus with what all workers do together. */
async function answerForAll(
  settings: ServerSettings,
  ofWorkers: () => Promise<MetricValues[]>,
): Promise<MetricsServer | undefined> {
  if (settings.metricsListen === undefined) return undefined;
  const metrics = await Metrics.load();
  return listenForMetrics(settings, async () => metrics.text(await ofWorkers()));
}

class WorkerGroup {
  readonly #listener: SharedListener;
  readonly #logger: Logger;
  readonly #workers = new Set<Worker>();
  /** Of the workers that serve: what they answer to `drain`. */
  readonly #serving = new Map<Worker, PromiseWithResolvers<boolean>>();
  /** Those that another replaces before they end. */
  readonly #replaced = new Set<Worker>();
  readonly #timers = new Set<NodeJS.Timeout>();
  #stopping = false;

  constructor(listener: SharedListener, logger: Logger) {
    this.#listener = listener;
    this.#logger = logger;
    process.on('exit', () => {
      for (const worker of this.#workers) worker.process.kill('SIGKILL'); // forced to quit
    });
  }

  /** Resolves once the worker serves. */
  readonly start = (): Promise<void> => {
    const worker = cluster.fork();
    this.#workers.add(worker);
    return new Promise((resolve, reject) => {
      worker.on('message', (message: unknown) => {
        if (!matches(WorkerMessage, message)) return;
        if (message.type === 'ready') {
          this.#onReady(worker);
          resolve();
        } else if (message.type === 'failed') {
          reject(new OtaError(message.code, message.message, message.hint ? { hint: message.hint } : {}));
        } else this.#onMessage(worker, message);
      });
      worker.once('exit', (code, signal) => {
        this.#workers.delete(worker);
        this.#listener.remove(worker);
        const served = this.#serving.get(worker);
        this.#serving.delete(worker);
        served?.resolve(false);
        if (served !== undefined) this.#onEnd(worker, { code, signal });
        else reject(new OtaError('store_unavailable', `a worker ended while it started: ${signal ?? code}`));
      });
    });
  };

  /** Of those that serve. */
  readonly metrics = (): Promise<MetricValues[]> => metricsOf(this.#serving.keys());

  readonly stop = async (): Promise<void> => {
    this.#stopping = true;
    for (const timer of this.#timers) clearTimeout(timer); // it would keep the process alive
    const ended = [...this.#workers].map(
      (worker) => new Promise((resolve) => worker.once('exit', (code) => resolve(code))),
    );
    for (const worker of this.#serving.keys()) send(worker, { type: 'drain' });
    const answers = Promise.all(Array.from(this.#serving.values(), ({ promise }) => promise));
    const isWatched = (await Promise.race([answers, sleep<boolean[]>(MAX_DRAIN_ANSWER_MS, [])])).includes(
      true,
    );
    if (isWatched) await sleep(NOTICE_MS);
    await this.#listener.close();
    for (const worker of this.#workers) send(worker, { type: 'stop' });
    if ((await Promise.all(ended)).includes(EXIT.store)) {
      throw new OtaError('store_unavailable', 'a worker failed to stop', { hint: 'Its log says why.' });
    }
  };

  #onReady(worker: Worker): void {
    this.#serving.set(worker, Promise.withResolvers());
    send(worker, { type: 'serve', url: this.#listener.url });
    this.#listener.add(worker);
    if (this.#stopping) send(worker, { type: 'stop' }); // what it was sent before it did not see
  }

  #onMessage(worker: Worker, message: WorkerMessage): void {
    if (message.type === 'taken') this.#listener.taken(worker);
    else if (message.type === 'draining') this.#serving.get(worker)?.resolve(message.isWatched);
    else if (message.type === 'leaving') this.#later(() => this.#replace(worker));
  }

  /** Later, because a terminal interrupts this process too, if a bit after its workers. */
  async #replace(worker: Worker): Promise<void> {
    if (!this.#workers.has(worker)) return;
    this.#logger.info('a worker got a signal to stop; starting another');
    this.#replaced.add(worker);
    await this.start().catch((err) => this.#onStartFailed(err));
    if (this.#stopping) return;
    this.#listener.remove(worker);
    send(worker, { type: 'stop' });
  }

  #onEnd(worker: Worker, end: { readonly code: number | null; readonly signal: string | null }): void {
    const isReplaced = this.#replaced.delete(worker);
    if (this.#stopping) return;
    if (end.code === EXIT.store) {
      this.#logger.fatal(end, 'a worker lost the store; stopping');
      process.exit(EXIT.store); // at once, with all workers: nothing may be acknowledged any more
    }
    if (isReplaced) return;
    if (end.code === EXIT.done) this.#logger.info(end, 'a worker was stopped; starting another');
    else this.#logger.error(end, 'a worker ended; starting another');
    this.#startLater();
  }

  #startLater(): void {
    this.#later(() => this.start().catch((err) => this.#onStartFailed(err)));
  }

  #onStartFailed(err: unknown): void {
    this.#logger.error({ err }, 'a worker could not be started; trying again');
    if (!this.#stopping) this.#startLater();
  }

  #later(then: () => unknown): void {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      if (!this.#stopping) then();
    }, RESTART_AFTER_MS);
    this.#timers.add(timer);
  }
}

function send(worker: Worker, message: MainMessage): void {
  worker.send(message, () => {}); // it may be ending already
}
