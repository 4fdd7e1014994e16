import type { FastifyBaseLogger } from 'fastify';
import { databaseFailure } from '../database/failure.ts';

/** Logs that something is away, and that it is back: once each, however often it is tried meanwhile. */
export class Outage {
  readonly #logger: FastifyBaseLogger;
  readonly #name: string;
  #away = false;

  /** @param name what is away, to begin a sentence with */
  constructor(logger: FastifyBaseLogger, name: string) {
    this.#logger = logger;
    this.#name = name;
  }

  failed(error: unknown): void {
    if (!this.#away)
      this.#logger.error(
        { err: databaseFailure(error) ?? error },
        `${this.#name} cannot be used: uploads are not found`,
      );
    this.#away = true;
  }

  worked(): void {
    if (this.#away) this.#logger.info(`${this.#name} can be used again: uploads are found`);
    this.#away = false;
  }
}
