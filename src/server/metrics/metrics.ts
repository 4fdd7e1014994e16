import type Prom from 'prom-client';
import { type StoreGauges, storeGauges } from '../../database/queries/store-gauges.ts';
import { withTimeout } from '../../runtime/with-timeout.ts';
import type { Services } from '../services.ts';
import { type CounterDefinition, requestCounters, workCounters } from './counter-list.ts';
import { ServerCounters } from './server-counters.ts';

export type MetricValues = Prom.MetricObjectWithValues<Prom.MetricValue<string>>[];

/** How long a scrape waits for the database and the storage, in milliseconds. */
const PATIENCE_MS = 3000;
const REQUEST_SECONDS = [0.001, 0.005, 0.02, 0.1, 0.5, 2, 10, 60];
const QUERY_SECONDS = [0.0005, 0.002, 0.01, 0.05, 0.2, 1, 5];

type Watched = Pick<Services, 'database' | 'storage' | 'room' | 'version'>;

/** Gauges that the library calls totals; the same numbers by type are `nodejs_active_handles` and so on. */
const MISNAMED = [
  'nodejs_active_handles_total',
  'nodejs_active_requests_total',
  'nodejs_active_resources_total',
];

const UP_OR_DOWN = [() => 1, () => 0] as const;

/** What is the same for all nodes of a store. */
const STORE_GAUGES = [
  {
    name: 'pending_uploads',
    help: 'Uploads that were announced and have not arrived',
    read: (all: StoreGauges) => all.pendingUploads,
  },
  {
    name: 'lost_files',
    help: 'Files that the storage has lost',
    read: (all: StoreGauges) => all.lostFiles,
  },
  {
    name: 'webhook_messages_waiting',
    help: 'Messages to webhooks that are to be sent',
    read: (all: StoreGauges) => all.waitingMessages,
  },
] as const;

/** What Prometheus asks a process for. See docs/self-hosting/metrics.md. */
export class Metrics {
  readonly counters = new ServerCounters();
  readonly #prom: typeof Prom;
  readonly #registry: Prom.Registry;
  readonly #requests: Prom.Histogram;
  readonly #answered: Prom.Counter;
  readonly #queries: Prom.Histogram;

  private constructor(prom: typeof Prom) {
    this.#prom = prom;
    this.#registry = new prom.Registry();
    const registers = [this.#registry];
    prom.collectDefaultMetrics({ register: this.#registry });
    for (const name of MISNAMED) this.#registry.removeSingleMetric(name);
    this.#requests = new prom.Histogram({
      name: 'synckit_ota_http_request_duration_seconds',
      help: 'Time until a response was sent, by route; repeated update checks that are answered from memory are not in it',
      ...{ labelNames: ['route'], buckets: REQUEST_SECONDS, registers },
    });
    this.#answered = new prom.Counter({
      name: 'synckit_ota_http_requests_total',
      help: 'Requests by route and status; repeated update checks that are answered from memory are not in it',
      ...{ labelNames: ['route', 'status'], registers },
    });
    this.#queries = new prom.Histogram({
      name: 'synckit_ota_database_query_duration_seconds',
      help: 'Time that queries of the database took',
      ...{ buckets: QUERY_SECONDS, registers },
    });
    for (const counter of [...requestCounters(this.counters), ...workCounters(this.counters)])
      this.#addCounter(counter);
    this.#addGauge({
      ...{ name: 'http_requests_in_flight', help: 'Requests that are being answered' },
      read: () => this.counters.requestsInFlight,
    });
  }

  /** Loads the library, which only servers that are asked need. */
  static async load(): Promise<Metrics> {
    const { default: prom } = await import('prom-client');
    return new Metrics(prom);
  }

  readonly observeRequest = (route: string, status: number, seconds: number): void => {
    this.#requests.observe({ route }, seconds);
    this.#answered.inc({ route, status: String(status) });
  };

  readonly observeQuery = (seconds: number, hasFailed: boolean): void => {
    this.#queries.observe(seconds);
    if (hasFailed) this.counters.databaseErrors += 1;
  };

  /** Adds what is asked for when somebody asks this process. */
  watchStore({ database, storage, room, version }: Watched): void {
    this.#addInfo(version);
    const isUp = async (check: Promise<unknown>) => withTimeout(check, PATIENCE_MS).then(...UP_OR_DOWN);
    this.#addGauge({
      ...{ name: 'database_up', help: 'Whether the database can be used', aggregator: 'min' },
      read: () => (database.fault() === undefined ? 1 : 0),
    });
    this.#addGauge({
      ...{ name: 'storage_up', help: 'Whether the storage of the files can be used', aggregator: 'min' },
      read: () => isUp(storage.check()),
    });
    if (room !== undefined)
      this.#addGauge({
        ...{ name: 'disk_free_bytes', help: 'Free space on the disk of the data folder', aggregator: 'min' },
        read: () => room.freeBytes,
      });
    const gauges = onceAtATime(() => withTimeout(storeGauges(database.queries), PATIENCE_MS));
    for (const { read, ...gauge } of STORE_GAUGES)
      this.#addGauge({ ...gauge, aggregator: 'max', read: () => gauges().then(read, () => undefined) });
  }

  #addInfo(version: string): void {
    const info = new this.#prom.Gauge({
      ...{ name: 'synckit_ota_build_info', help: 'The version that runs', aggregator: 'first' },
      ...{ labelNames: ['version'], registers: [this.#registry] },
    });
    info.set({ version }, 1);
  }

  values(): Promise<MetricValues> {
    return this.#registry.getMetricsAsJSON();
  }

  /** In the text format of Prometheus. @param processes the values of several, as one */
  async text(processes?: readonly MetricValues[]): Promise<string> {
    if (processes === undefined) return this.#registry.metrics();
    // The type of the library asks for an array that could be written to.
    return this.#prom.AggregatorRegistry.aggregate([...processes]).metrics();
  }

  /** A number that a process keeps itself, read when somebody asks. */
  #addCounter({ name, help, label, read }: CounterDefinition): void {
    new this.#prom.Counter<string>({
      ...{ name: `synckit_ota_${name}`, help, registers: [this.#registry] },
      labelNames: label === undefined ? [] : [label],
      collect() {
        this.reset();
        const now = read();
        if (typeof now === 'number') this.inc(now);
        else for (const [labels, value] of now) this.inc(labels, value);
      },
    });
  }

  #addGauge({ name, help, aggregator = 'sum', read }: GaugeDefinition): void {
    new this.#prom.Gauge({
      ...{ name: `synckit_ota_${name}`, help, aggregator, registers: [this.#registry] },
      async collect() {
        const now = await read();
        if (now === undefined) this.remove();
        else this.set(now);
      },
    });
  }
}

interface GaugeDefinition {
  /** Without the prefix of all. */
  readonly name: string;
  readonly help: string;
  /** How several processes of one server become one. */
  readonly aggregator?: 'sum' | 'max' | 'min';
  /** Undefined where it cannot be known now. */
  readonly read: () => number | Promise<number | undefined>;
}

/** Asks once for all that need it at the same time. */
function onceAtATime<T>(ask: () => Promise<T>): () => Promise<T> {
  let asked: Promise<T> | undefined;
  return () => {
    asked ??= ask().finally(() => {
      asked = undefined;
    });
    return asked;
  };
}
