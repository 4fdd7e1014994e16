import type { FastifyBaseLogger } from 'fastify';
import { databaseFailure, isDurabilityLost } from '../../database/database-error.ts';
import { publishReadyDrafts } from '../../database/queries/publish-release.ts';
import { rotateUrlSigningKeys } from '../../database/queries/url-signing-keys.ts';
import type { Services } from '../services.ts';
import { DeletionQueue } from './deletion-queue.ts';
import { sweepOrphans } from './orphan-sweep.ts';

const INTERVAL_MS = 60 * 60 * 1000;
/** How long a URL signing key signs, in milliseconds; it verifies for twice as long. */
const SIGNING_KEY_AGE_MS = 30 * 24 * 60 * 60 * 1000;

/**
 * The server's background work: removes deleted bytes, orphaned files and old signing keys, and publishes releases that
 * waited for uploads that never came. Failures are logged, and the next round tries again.
 */
export class Maintenance {
  readonly #services: Services;
  readonly #logger: FastifyBaseLogger;
  readonly #stopping = new AbortController();
  /** Has its own queue: a deletion does not wait until all files were listed. */
  readonly #deletions: DeletionQueue;
  /** Everything else, one after the other. */
  #work: Promise<void> = Promise.resolve();
  #timer: NodeJS.Timeout | undefined;

  constructor(services: Services, logger: FastifyBaseLogger) {
    this.#services = services;
    this.#logger = logger;
    this.#deletions = new DeletionQueue(services, (error) => this.#onError(error));
  }

  /** Runs a round now, and then every hour until `stop`. */
  start(): void {
    void this.runOnce();
    this.#timer = setInterval(() => void this.runOnce(), INTERVAL_MS).unref();
  }

  /** One round. Resolves when everything was tried. */
  async runOnce(): Promise<void> {
    const { database, clock } = this.#services;
    const { signal } = this.#stopping;
    const deletions = this.#deletions.run();
    void this.#enqueue(() => publishReadyDrafts(database.queries, clock()));
    void this.#enqueue(() => sweepOrphans(this.#services, signal));
    await this.#enqueue(() => rotateUrlSigningKeys(database.queries, SIGNING_KEY_AGE_MS, clock()));
    await deletions;
  }

  /**
   * Removes the bytes of deleted releases. Resolves when it was tried; bytes that could not be removed stay queued in the
   * database and are tried again.
   */
  removeDeleted(): Promise<void> {
    return this.#deletions.run();
  }

  /** Aborts the round that is running. Resolves when nothing is being removed any more. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    this.#stopping.abort();
    await Promise.all([this.#deletions.stop(), this.#work]);
  }

  #enqueue(work: () => Promise<unknown>): Promise<void> {
    this.#work = this.#work
      .then(async () => {
        if (!this.#stopping.signal.aborted) await work();
      })
      .catch((error) => this.#onError(error));
    return this.#work;
  }

  #onError(error: unknown): void {
    const err = databaseFailure(error) ?? error;
    this.#logger.error({ err }, 'maintenance failed; trying again later');
    if (err instanceof Error && isDurabilityLost(err)) this.#services.onDurabilityLost(err);
  }
}
