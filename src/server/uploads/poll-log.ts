import type { FastifyBaseLogger } from 'fastify';
import { databaseFailure } from '../../database/database-error.ts';
import type { UploadRefusal } from '../../database/queries/pending-uploads.ts';
import { reportLostDurability } from '../lost-durability.ts';
import type { Services } from '../services.ts';
import { OutageLog } from './outage-log.ts';

/** How many failures are remembered, each to be logged once. */
const MAX_LOGGED = 1000;

/**
 * The log of polling for uploads and finalizing them, which is retried every few seconds: logs an outage once, and each
 * failure of an upload once. Reports lost durability, on which the process has to exit.
 */
export class PollLog {
  readonly #store: OutageLog;
  readonly #database: OutageLog;
  readonly #logger: FastifyBaseLogger;
  readonly #onDurabilityLost: Services['onDurabilityLost'];
  readonly #logged = new Set<string>();

  /** @param quietMs an outage is over once nothing has failed for this long, in milliseconds */
  constructor(logger: FastifyBaseLogger, onDurabilityLost: Services['onDurabilityLost'], quietMs: number) {
    this.#logger = logger;
    this.#onDurabilityLost = onDurabilityLost;
    this.#database = new OutageLog(logger, { subject: 'the database', quietMs });
    this.#store = new OutageLog(logger, { subject: 'the store', quietMs });
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
    reportLostDurability(error, { onDurabilityLost: this.#onDurabilityLost });
  }

  refused(upload: string, refusal: UploadRefusal): void {
    this.#logger.warn({ upload, ...refusal }, 'upload refused');
  }

  /** Logs each reason once per upload. */
  failed(upload: string, error: unknown): void {
    reportLostDurability(error, { onDurabilityLost: this.#onDurabilityLost });
    const failure = databaseFailure(error) ?? error;
    const line = `${upload}: ${failure}`;
    if (this.#logged.has(line)) return;
    if (this.#logged.size >= MAX_LOGGED) this.#logged.clear();
    this.#logged.add(line);
    this.#logger.error({ upload, err: failure }, 'finalizing an upload failed; trying again');
  }
}
