import type { FastifyBaseLogger } from 'fastify';
import { FEWEST_CLIENTS, forgetOldCounts, LATE_MS, mergeCounts } from '../../database/queries/counts.ts';
import { type RecordServices, RecordWriter } from '../audit/record-writer.ts';
import type { ServerCounters } from '../metrics/server-counters.ts';
import { Attempts, type Report } from './attempts.ts';
import { CheckCounter, type Tally } from './check-counter.ts';
import type { CountedClient } from './client-block.ts';
import { KeyExchange } from './key-exchange.ts';
import { PeriodKeys } from './period-keys.ts';
import { RolloutWatch } from './rollout-watch.ts';
import { SketchCells } from './sketch-cells.ts';

const FORGET_INTERVAL_MS = 60 * 60 * 1000;

export interface CountingOptions {
  /** Whether no other process counts on the store: then nothing is exchanged. */
  readonly isAlone: boolean;
  readonly pace?: CountingPace;
}

/** How often what was counted is added to the store, and keys are exchanged, in milliseconds. */
export interface CountingPace {
  readonly write: number;
  readonly exchange: number;
}

const PACE: CountingPace = { write: 60_000, exchange: 5000 };

type CountingServices = RecordServices & { readonly counters?: ServerCounters | undefined };

/** Counts who asks for updates, and with which version, without knowing anybody: see docs/publishing/adoption.md. */
export class Counting {
  readonly #services: CountingServices;
  readonly #logger: FastifyBaseLogger;
  readonly #writer: RecordWriter;
  readonly #pace: CountingPace;
  readonly #keys = new PeriodKeys();
  readonly #cells = new SketchCells();
  readonly #counter: CheckCounter;
  readonly #attempts: Attempts;
  readonly #watch: RolloutWatch;
  readonly #exchange: KeyExchange | undefined;
  #round: Promise<void> | undefined;
  #timers: readonly NodeJS.Timeout[] = [];

  constructor(services: CountingServices, logger: FastifyBaseLogger, options: CountingOptions) {
    this.#services = services;
    this.#logger = logger;
    this.#writer = new RecordWriter(services, logger);
    const { clock } = services;
    this.#counter = new CheckCounter({ keys: this.#keys, cells: this.#cells, clock });
    this.#attempts = new Attempts({ keys: this.#keys, cells: this.#cells });
    this.#watch = new RolloutWatch({ keys: this.#keys, logger });
    this.#pace = options.pace ?? PACE;
    this.#exchange = options.isAlone ? undefined : new KeyExchange(this.#keys);
  }

  /** Writes nothing yet that can wait: a start is not the time for it. */
  start(): void {
    void this.exchangeKeys();
    this.#timers = [
      setInterval(() => void this.exchangeKeys(), this.#pace.exchange).unref(),
      setInterval(() => void this.round(), this.#pace.write).unref(),
      setTimeout(() => void this.#forget(), this.#pace.write).unref(),
      setInterval(() => void this.#forget(), FORGET_INTERVAL_MS).unref(),
    ];
  }

  /** Cheap enough for every update check. */
  count(tally: Tally, client: CountedClient): void {
    this.#counter.count(tally, client);
    if (tally.isDownload) this.#attempts.download(tally, client, this.#now().getTime());
  }

  /** Counts what an app says of an update. */
  report(tally: Tally, client: CountedClient, { outcome, code }: Omit<Report, 'now'>): void {
    this.#attempts.report(tally, client, { outcome, code, now: this.#now().getTime() });
  }

  /** Gets the keys of now and soon. Until then nothing is counted. */
  exchangeKeys(): Promise<void> {
    const exchange = this.#exchange;
    if (exchange === undefined) {
      this.#keys.make(this.#now().getTime());
      return Promise.resolve();
    }
    const take: Parameters<RecordWriter['write']>[0] = (queries) => exchange.take(queries, this.#now());
    // A database that is slow gets no more rounds than it answers.
    this.#round ??= this.#writer.write(take, 'the keys for counting could not be exchanged').finally(() => {
      this.#round = undefined;
    });
    return this.#round;
  }

  /** Adds what was counted to the store, and pauses releases that do worse than the one before. */
  async round(): Promise<void> {
    await this.write();
    const watch: Parameters<RecordWriter['write']>[0] = (queries) => this.#watch.round(queries, this.#now());
    await this.#writer.write(watch, 'rollouts could not be watched');
  }

  async write(): Promise<void> {
    this.#counter.settle();
    const now = this.#now().getTime();
    const attempts: Parameters<RecordWriter['write']>[0] = (queries) => this.#attempts.write(queries, now);
    await this.#writer.write(attempts, 'the downloads of releases could not be stored yet');
    const cells = this.#cells.dirty.filter(
      ({ periodEnd, sketch }) => now < periodEnd + LATE_MS / 2 && sketch.estimate() >= FEWEST_CLIENTS - 0.5,
    );
    for (const cell of cells) cell.isDirty = false;
    if (cells.length > 0) {
      await this.#writer.write(async (queries) => {
        try {
          await mergeCounts(queries, cells);
          const { counters } = this.#services;
          if (counters !== undefined) counters.countingWrites += 1;
        } catch (error) {
          for (const cell of cells) cell.isDirty = true;
          throw error;
        }
      }, 'the counts of installed apps could not be stored yet');
    }
    if (this.#cells.isFull) this.#logger.warn('more versions or platforms ask than are counted');
    const { isCrowded } = this.#cells;
    this.#cells.isFull = false;
    // What is in the store is merged with it again when it is needed; what is small is most of what fills the memory.
    this.#cells.keep(
      ({ periodEnd, isDirty, sketch }) =>
        now < periodEnd + LATE_MS && (!isCrowded || (isDirty && sketch.estimate() >= FEWEST_CLIENTS)),
    );
  }

  #forget(): Promise<void> {
    const forget: Parameters<RecordWriter['write']>[0] = (queries) => forgetOldCounts(queries, this.#now());
    return this.#writer.write(forget, 'old counts could not be removed');
  }

  /** Resolves when all is written, or the database does not answer. */
  async stop(): Promise<void> {
    for (const timer of this.#timers) clearInterval(timer);
    void this.write();
    const exchange = this.#exchange;
    if (exchange !== undefined)
      void this.#writer.write(
        (queries) => exchange.leave(queries),
        'the keys for counting could not be left',
      );
    await this.#writer.finish();
  }

  #now(): Date {
    return this.#services.clock();
  }
}
