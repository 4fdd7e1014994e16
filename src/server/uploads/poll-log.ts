import type { FastifyBaseLogger } from 'fastify';
import { databaseFailure, isDurabilityLost } from '../../database/database-error.ts';
import type { UploadRefusal } from '../../database/queries/pending-uploads.ts';
import type { Services } from '../services.ts';
import { OutageLog } from './outage-log.ts';

/** So many failures are remembered, to be logged once. */
const MAX_LOGGED = 1000;

/**
 * What is logged of looking for uploads, which is tried again every few seconds: an outage once, and what is wrong with an
 * upload once for each reason. When durability is lost, the process has to end, whatever was being done.
 */
export class PollLog {
  readonly #store: OutageLog;
  readonly #database: OutageLog;
  readonly #logger: FastifyBaseLogger;
  readonly #onDurabilityLost: Services['onDurabilityLost'];
  readonly #logged = new Set<string>();

  /** @param quietMs how long nothing must fail for an outage to be over, in milliseconds */
  constructor(logger: FastifyBaseLogger, onDurabilityLost: Services['onDurabilityLost'], quietMs: number) {
    this.#logger = logger;
    this.#onDurabilityLost = onDurabilityLost;
    this.#database = new OutageLog(logger, 'the database', quietMs);
    this.#store = new OutageLog(logger, 'the store', quietMs);
  }

  storeWorked(): void {
    this.#store.worked();
  }

  storeFailed(error: unknown): void {
    this.#store.failed(error);
  }

  databaseWorked(): void {
    this.#database.worked();
  }

  databaseFailed(error: unknown): void {
    this.#database.failed(error);
    this.#endOnLostDurability(error);
  }

  refused(upload: string, refusal: UploadRefusal): void {
    this.#logger.warn({ upload, ...refusal }, 'upload refused');
  }

  /** Logs each reason once for each upload. */
  failed(upload: string, error: unknown): void {
    this.#endOnLostDurability(error);
    const failure = databaseFailure(error) ?? error;
    const line = `${upload}: ${failure}`;
    if (this.#logged.has(line)) return;
    if (this.#logged.size >= MAX_LOGGED) this.#logged.clear();
    this.#logged.add(line);
    this.#logger.error({ upload, err: failure }, 'an upload could not be taken');
  }

  #endOnLostDurability(error: unknown): void {
    if (isDurabilityLost(error)) this.#onDurabilityLost(databaseFailure(error) ?? (error as Error));
  }
}
