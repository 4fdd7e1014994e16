import type { FastifyBaseLogger } from 'fastify';
import { databaseFailure } from '../database/failure.ts';
import type { UploadRefusal } from '../database/pending-uploads.ts';
import { OtaError } from '../errors.ts';
import { Outage } from './outage.ts';
import type { Services } from './services.ts';

/** So many failures are remembered, to be logged once. */
const MAX_LOGGED = 1000;

/** What is logged of looking for uploads, which is tried again every few seconds: nothing a second time. */
export class LookLog {
  readonly store: Outage;
  readonly #database: Outage;
  readonly #logger: FastifyBaseLogger;
  readonly #onDurabilityLost: Services['onDurabilityLost'];
  readonly #logged = new Set<string>();

  constructor(logger: FastifyBaseLogger, onDurabilityLost: Services['onDurabilityLost']) {
    this.#logger = logger;
    this.#onDurabilityLost = onDurabilityLost;
    this.#database = new Outage(logger, 'the database');
    this.store = new Outage(logger, 'the store');
  }

  databaseWorked(): void {
    this.#database.worked();
  }

  databaseFailed(error: unknown): void {
    this.#database.failed(error);
    this.#endOnLostDurability(databaseFailure(error));
  }

  refused(upload: string, refusal: UploadRefusal): void {
    this.#logger.warn({ upload, ...refusal }, 'upload refused');
  }

  /** Logs each reason once for each upload. When durability is lost, the process has to end. */
  failed(upload: string, error: unknown): void {
    const failure = databaseFailure(error) ?? error;
    const line = `${upload}: ${failure}`;
    if (this.#logged.has(line)) return;
    if (this.#logged.size >= MAX_LOGGED) this.#logged.clear();
    this.#logged.add(line);
    this.#logger.error({ upload, err: failure }, 'an upload could not be taken');
    this.#endOnLostDurability(failure);
  }

  #endOnLostDurability(failure: unknown): void {
    if (failure instanceof OtaError && failure.code === 'durability_lost') this.#onDurabilityLost(failure);
  }
}
