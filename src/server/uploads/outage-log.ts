import type { FastifyBaseLogger } from 'fastify';
import { databaseFailure } from '../../database/database-error.ts';

export interface OutageLogOptions {
  /** What is unavailable, as the subject of a sentence: `the store`. */
  readonly subject: string;
  /** An outage is over once nothing has failed for this long, in milliseconds. */
  readonly quietMs: number;
}

/** Logs when something becomes unavailable and when it has recovered: once each, even if some attempts succeed in between. */
export class OutageLog {
  readonly #logger: FastifyBaseLogger;
  readonly #options: OutageLogOptions;
  /** Time of the last failure, by the monotonic clock; undefined while it is available. */
  #failedAt: number | undefined;

  constructor(logger: FastifyBaseLogger, options: OutageLogOptions) {
    this.#logger = logger;
    this.#options = options;
  }

  failed(error: unknown): void {
    if (this.#failedAt === undefined) {
      const err = databaseFailure(error) ?? error;
      this.#logger.error({ err }, `${this.#options.subject} is unavailable: uploads are not processed`);
    }
    this.#failedAt = performance.now();
  }

  worked(): void {
    const { subject, quietMs } = this.#options;
    if (this.#failedAt === undefined || performance.now() - this.#failedAt < quietMs) return;
    this.#failedAt = undefined;
    this.#logger.info(`${subject} is available again: uploads are processed`);
  }
}
