import { setTimeout as sleep } from 'node:timers/promises';
import { takeDuePolls } from '../../database/queries/pending-uploads.ts';
import type { RemoteStorage } from '../../storage/remote-storage.ts';
import type { Services } from '../services.ts';
import type { PollLog } from './poll-log.ts';
import { DEFAULT_POLL_SCHEDULE, type PollSchedule, pollDelay } from './poll-schedule.ts';
import type { UploadFinalizer } from './upload-finalizer.ts';

/** How many uploads are polled for at once, with one small request to the store each. */
const POLLS_AT_ONCE = 64;
/** How long an upload that has arrived waits for the finalizer before others are polled for, in milliseconds. */
const MAX_TURN_WAIT_MS = 1000;

export interface UploadPollerOptions {
  readonly services: Services;
  readonly storage: RemoteStorage;
  readonly finalizer: UploadFinalizer;
  readonly log: PollLog;
}

/**
 * Polls a remote storage for uploads, and has those finalized that have arrived. A client that only knows api.md makes
 * no further request after its PUT.
 */
export class UploadPoller {
  readonly #services: Services;
  readonly #storage: RemoteStorage;
  readonly #finalizer: UploadFinalizer;
  readonly #log: PollLog;
  readonly #schedule: PollSchedule;
  /** Polls that are not decided yet. */
  readonly #polls = new Set<Promise<void>>();
  readonly #stopping = new AbortController();
  #loop: Promise<void> = Promise.resolve();

  constructor({ services, storage, finalizer, log }: UploadPollerOptions) {
    this.#services = services;
    this.#storage = storage;
    this.#finalizer = finalizer;
    this.#log = log;
    this.#schedule = services.pollSchedule ?? DEFAULT_POLL_SCHEDULE;
  }

  start(): void {
    this.#loop = this.#run();
  }

  /** Resolves when no poll is running any more. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#loop;
    await Promise.allSettled(this.#polls);
  }

  /** When to poll first for an upload that is granted now. */
  firstPollAt(now: Date): Date {
    return new Date(now.getTime() + this.#schedule.first);
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      await this.#pollDue().catch((error) => {
        this.#log.databaseFailed(error);
      });
      await sleep(this.#schedule.first / 2, undefined, { signal, ref: false }).catch(() => {});
    }
  }

  /** Polls for all uploads that are due. If there are too many at once, the next follow as soon as half are decided. */
  async #pollDue(): Promise<void> {
    const { database, clock } = this.#services;
    while (!this.#stopping.signal.aborted) {
      const limit = POLLS_AT_ONCE - this.#polls.size;
      const now = clock();
      const due = await takeDuePolls(database.queries, now, {
        limit,
        delayOf: (upload) => pollDelay(upload, now, this.#schedule),
      });
      this.#log.databaseWorked();
      for (const { id } of due) {
        const poll = this.#poll(id).finally(() => this.#polls.delete(poll));
        this.#polls.add(poll);
      }
      if (due.length < limit) return;
      while (this.#polls.size > POLLS_AT_ONCE / 2) await Promise.race(this.#polls);
    }
  }

  /** Resolves when the upload is being finalized, or will not be: it has not arrived, or the finalizer was busy. */
  async #poll(id: string): Promise<void> {
    try {
      const hasArrived = await this.#storage.hasArrived(id);
      this.#log.storeWorked();
      if (!hasArrived) return;
    } catch (error) {
      this.#log.storeFailed(error);
      return;
    }
    const turn = new AbortController();
    const timer = setTimeout(() => turn.abort(), MAX_TURN_WAIT_MS); // keeps the controller, which `any` may lose
    const signal = AbortSignal.any([turn.signal, this.#stopping.signal]);
    await new Promise<void>((resolve) => {
      void this.#finalizer
        .finalizeFound(id, { signal, onStarted: resolve })
        .catch(() => {}) // logged by the finalizer, and recorded with the upload
        .finally(resolve);
    });
    clearTimeout(timer);
  }
}
