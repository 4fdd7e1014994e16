import type { FastifyBaseLogger } from 'fastify';

/** How often requests that fail for the same reason are logged, in milliseconds. */
const INTERVAL_MS = 10_000;

/** Logs requests that fail while the database or the storage is unavailable: one line every ten seconds, with their number. */
export class UnavailableLog {
  #loggedAt = Number.NEGATIVE_INFINITY;
  #requests = 0;

  failed(error: Error, logger: FastifyBaseLogger): void {
    this.#requests++;
    const now = performance.now();
    if (now - this.#loggedAt < INTERVAL_MS) return;
    logger.error({ reason: error.message, requests: this.#requests }, 'requests failed: try again later');
    this.#loggedAt = now;
    this.#requests = 0;
  }
}
