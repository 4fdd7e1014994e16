import type { FastifyBaseLogger } from 'fastify';
import { databaseFailure } from '../../database/database-error.ts';

/**
 * Logs that something is away, and that it is back: once each, however often it is tried meanwhile, and though it works
 * now and then.
 */
export class OutageLog {
  readonly #logger: FastifyBaseLogger;
  readonly #name: string;
  readonly #quietMs: number;
  /** By the monotonic clock; undefined while it is not away. */
  #failedAt: number | undefined;

  /**
   * @param name what is away, to begin a sentence with
   * @param quietMs how long nothing must fail until it is back, in milliseconds
   */
  constructor(logger: FastifyBaseLogger, name: string, quietMs: number) {
    this.#logger = logger;
    this.#name = name;
    this.#quietMs = quietMs;
  }

  failed(error: unknown): void {
    if (this.#failedAt === undefined) {
      const err = databaseFailure(error) ?? error;
      this.#logger.error({ err }, `${this.#name} cannot be used: uploads are not found`);
    }
    this.#failedAt = performance.now();
  }

  worked(): void {
    if (this.#failedAt === undefined || performance.now() - this.#failedAt < this.#quietMs) return;
    this.#failedAt = undefined;
    this.#logger.info(`${this.#name} can be used again: uploads are found`);
  }
}
