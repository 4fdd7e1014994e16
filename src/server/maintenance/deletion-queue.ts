import { isDurabilityLost } from '../../database/database-error.ts';
import { forgetDeleted, listDeleting } from '../../database/queries/artifacts.ts';
import type { Services } from '../services.ts';

/** How long until what could not be removed is tried again, in milliseconds: doubled each time, up to `MAX_WAIT_MS`. */
const FIRST_WAIT_MS = 1000;
const MAX_WAIT_MS = 60_000;

/** Removes the bytes of deleted releases, and tries again while some are left. */
export class DeletionQueue {
  readonly #services: Services;
  readonly #report: (error: unknown) => void;
  #running: Promise<void> = Promise.resolve();
  /** A run that has not begun yet, and so does for all who ask until then. */
  #next: Promise<void> | undefined;
  #wait = FIRST_WAIT_MS;
  #timer: NodeJS.Timeout | undefined;
  #stopped = false;

  /** @param report is told of each failure */
  constructor(services: Services, report: (error: unknown) => void) {
    this.#services = services;
    this.#report = report;
  }

  /** Removes what is queued in the database. Resolves when all of it was tried, or this was stopped. */
  run(): Promise<void> {
    this.#next ??= this.#enqueue();
    return this.#next;
  }

  #enqueue(): Promise<void> {
    this.#running = this.#running
      .then(() => {
        this.#next = undefined;
        return this.#removeQueued();
      })
      .then(() => {
        clearTimeout(this.#timer);
        this.#wait = FIRST_WAIT_MS;
      })
      .catch((error) => {
        this.#tryAgainLater();
        this.#report(error);
      });
    return this.#running;
  }

  /** Resolves when nothing is being removed any more. */
  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#timer);
    await this.#running;
  }

  #tryAgainLater(): void {
    clearTimeout(this.#timer);
    if (this.#stopped) return;
    this.#timer = setTimeout(() => void this.run(), this.#wait).unref();
    this.#wait = Math.min(this.#wait * 2, MAX_WAIT_MS);
  }

  /** Of several nodes two may remove the same, which is harmless. */
  async #removeQueued(): Promise<void> {
    if (this.#stopped) return;
    const { database, storage } = this.#services;
    const failures: unknown[] = [];
    for (const { id, storageKey } of await listDeleting(database.queries)) {
      if (this.#stopped) return;
      try {
        await storage.remove(storageKey);
        await forgetDeleted(database.queries, id);
      } catch (error) {
        if (isDurabilityLost(error)) throw error;
        failures.push(error); // one that cannot be removed does not keep the others
      }
    }
    if (failures.length > 0) throw failures[0];
  }
}
