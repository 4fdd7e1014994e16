import { setTimeout as sleep } from 'node:timers/promises';
import type { FastifyBaseLogger } from 'fastify';
import type { Database } from '../../database/database.ts';
import type { Queries } from '../../database/schema.ts';
import type { Clock } from '../../protocol/time.ts';
import { type DurabilityWatch, reportLostDurability } from '../lost-durability.ts';

const LAST_WRITE_MS = 1000;

/** Where records are written, and by which time. */
export interface RecordServices extends DurabilityWatch {
  readonly database: Pick<Database, 'queries'>;
  readonly clock: Clock;
}

/** Writes records that no request waits for, one after the other. What cannot be written is logged, and lost. */
export class RecordWriter {
  readonly #services: RecordServices;
  readonly #logger: FastifyBaseLogger;
  #written: Promise<void> = Promise.resolve();

  constructor(services: RecordServices, logger: FastifyBaseLogger) {
    this.#services = services;
    this.#logger = logger;
  }

  /** @param failure for the log @returns a promise that resolves when it is written, or has failed */
  write(record: (queries: Queries) => Promise<void>, failure: string): Promise<void> {
    this.#written = this.#written
      .then(() => record(this.#services.database.queries))
      .catch((err) => {
        this.#logger.warn({ err }, failure);
        reportLostDurability(err, this.#services);
      });
    return this.#written;
  }

  /** Resolves when all is written, or the database does not answer. */
  async finish(): Promise<void> {
    await Promise.race([this.#written, sleep(LAST_WRITE_MS, undefined, { ref: false })]);
  }
}
