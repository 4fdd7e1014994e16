import { setTimeout as sleep } from 'node:timers/promises';
import { takeDuePolls } from '../../database/queries/pending-uploads.ts';
import type { RemoteStorage } from '../../storage/remote-storage.ts';
import type { Services } from '../services.ts';
import type { PollLog } from './poll-log.ts';
import { DEFAULT_POLL_SCHEDULE, type PollSchedule, pollDelay } from './poll-schedule.ts';
import type { UploadFinalizer } from './upload-finalizer.ts';

/** How many uploads are polled for at once, with one small request to the store each, and begin in a round at most. */
const POLLS_AT_ONCE = 64;
/** The same for each app, so that others have their turn in the next round, half a second later. */
const POLLS_AT_ONCE_PER_APP = 16;
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
  /** How many of them each app has. */
  readonly #running = new Map<string, number>();
  /** The app that had its turn last. */
  #lastApp = '';
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

  /** Polls for uploads that are due, of one app after the other: an app with many delays its own only. */
  async #pollDue(): Promise<void> {
    const { database, clock, ownership } = this.#services;
    if (ownership?.problem) return;
    const limit = POLLS_AT_ONCE - this.#polls.size;
    if (limit === 0) return;
    const now = clock();
    const due = await takeDuePolls(database.queries, now, {
      limit,
      limitOf: (appId) => POLLS_AT_ONCE_PER_APP - (this.#running.get(appId) ?? 0),
      after: this.#lastApp,
      delayOf: (upload) => pollDelay(upload, now, this.#schedule),
    });
    this.#log.databaseWorked();
    this.#lastApp = due.at(-1)?.appId ?? '';
    for (const { id, appId } of due) {
      this.#count(appId, 1);
      const poll = this.#poll(id).finally(() => {
        this.#polls.delete(poll);
        this.#count(appId, -1);
      });
      this.#polls.add(poll);
    }
  }

  #count(appId: string, by: 1 | -1): void {
    const count = (this.#running.get(appId) ?? 0) + by;
    if (count > 0) this.#running.set(appId, count);
    else this.#running.delete(appId);
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
