import { isDurabilityLost } from '../../database/database-error.ts';
import { forgetDeleted, listDeleting } from '../../database/queries/artifacts.ts';
import { onFullDisk, type Services } from '../services.ts';

/** Delay before what could not be removed is tried again, in milliseconds: doubled each time, up to `MAX_RETRY_DELAY_MS`. */
const FIRST_RETRY_DELAY_MS = 1000;
const MAX_RETRY_DELAY_MS = 60_000;

/** Removes the bytes of deleted releases, which the database lists, and retries until none are left. */
export class DeletionQueue {
  readonly #services: Services;
  readonly #onError: (error: unknown) => void;
  #running: Promise<void> = Promise.resolve();
  /** A run that has not started, for all callers until it does. */
  #next: Promise<void> | undefined;
  #retryDelay = FIRST_RETRY_DELAY_MS;
  #timer: NodeJS.Timeout | undefined;
  #stopped = false;

  /** @param onError called with each failure */
  constructor(services: Services, onError: (error: unknown) => void) {
    this.#services = services;
    this.#onError = onError;
  }

  run(): Promise<void> {
    this.#next ??= this.#enqueue();
    return this.#next;
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#timer);
    await this.#running;
  }

  #enqueue(): Promise<void> {
    this.#running = this.#running
      .then(() => {
        this.#next = undefined;
        return this.#removeQueued();
      })
      .then(() => {
        clearTimeout(this.#timer);
        this.#retryDelay = FIRST_RETRY_DELAY_MS;
      })
      .catch((error) => {
        this.#retryLater();
        this.#onError(error);
      });
    return this.#running;
  }

  #retryLater(): void {
    clearTimeout(this.#timer);
    if (this.#stopped) return;
    this.#timer = setTimeout(() => void this.run(), this.#retryDelay).unref();
    this.#retryDelay = Math.min(this.#retryDelay * 2, MAX_RETRY_DELAY_MS);
  }

  /** Several nodes may remove the same bytes, which is harmless. */
  async #removeQueued(): Promise<void> {
    if (this.#stopped) return;
    const { database, storage, ownership } = this.#services;
    const failures: unknown[] = [];
    const queued = await listDeleting(database.queries);
    if (queued.length > 0) await ownership?.confirm();
    for (const { id, storageKey } of queued) {
      if (this.#stopped) return;
      try {
        await storage.remove(storageKey);
        await onFullDisk(this.#services, () => forgetDeleted(database.queries, id));
      } catch (error) {
        if (isDurabilityLost(error)) throw error;
        failures.push(error); // and remove the others first
      }
    }
    if (failures.length > 0) throw failures[0];
  }
}
