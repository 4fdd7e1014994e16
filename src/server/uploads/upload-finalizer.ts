import { setTimeout as sleep } from 'node:timers/promises';
import { findUpload } from '../../database/queries/artifacts.ts';
import {
  acquireLease,
  type LeasedUpload,
  releaseLease,
  uploadRefusal,
} from '../../database/queries/pending-uploads.ts';
import { Problem } from '../../protocol/problem.ts';
import type { UploadArrivals } from '../../storage/remote-storage.ts';
import type { Origin } from '../audit/request-author.ts';
import type { Services } from '../services.ts';
import { type FinalizeResult, finalizeRemoteUpload, settledResult } from './finalize-remote-upload.ts';
import { LeaseRenewal, UPLOAD_LEASE_MS } from './lease-renewal.ts';
import type { PollLog } from './poll-log.ts';
import { DEFAULT_POLL_SCHEDULE, pollDelay } from './poll-schedule.ts';
import { Semaphore } from './semaphore.ts';

/**
 * How many uploads are copied and hashed at once for the poller, and how many more for requests: neither has to wait for
 * the other.
 */
const FINALIZED_AT_ONCE = 8;
/** How often the database is queried for the result while another node has the lease, in milliseconds. */
const RESULT_INTERVAL_MS = 250;

export interface UploadFinalizerOptions {
  readonly services: Services;
  readonly arrivals: UploadArrivals;
  readonly log: PollLog;
}

export interface FinalizeOptions {
  /** How long to wait for the result, in milliseconds. */
  readonly withinMs: number;
  /** Runs first, within the same time: assembles the upload's parts. */
  readonly assemble?: () => Promise<void>;
  /** Where the request comes from. */
  readonly origin?: Origin | undefined;
}

/** How `finalizeFound` takes part in the poller's schedule. */
export interface FoundOptions {
  /** Gives up waiting for a permit of the semaphore. */
  readonly signal: AbortSignal;
  /** Called once the upload is leased. */
  readonly onStarted: () => void;
}

interface Turn {
  readonly semaphore: Semaphore;
  readonly signal: AbortSignal;
  readonly onStarted?: () => void;
  readonly origin?: Origin | undefined;
}

/** Finalizes uploads from where they arrive, each under a lease, so that of several nodes only one does. */
export class UploadFinalizer {
  readonly #services: Services;
  readonly #arrivals: UploadArrivals;
  readonly #log: PollLog;
  /** By upload id. */
  readonly #running = new Map<string, Promise<FinalizeResult>>();
  readonly #semaphores = {
    poller: new Semaphore(FINALIZED_AT_ONCE),
    requests: new Semaphore(FINALIZED_AT_ONCE),
  };

  constructor({ services, arrivals, log }: UploadFinalizerOptions) {
    this.#services = services;
    this.#arrivals = arrivals;
    this.#log = log;
  }

  /**
   * Finalizes an upload for a request, or waits for whoever is finalizing it.
   * @returns `pending` when it takes longer than `withinMs`; the work goes on
   * @throws Problem why what arrived is refused; also when it was refused before, and nothing else has arrived since
   */
  finalize(
    id: string,
    { withinMs, assemble = async () => {}, origin }: FinalizeOptions,
  ): Promise<FinalizeResult | { readonly kind: 'pending' }> {
    const signal = AbortSignal.timeout(withinMs);
    const timeout = new Promise<{ readonly kind: 'pending' }>((resolve) => {
      signal.addEventListener('abort', () => resolve({ kind: 'pending' }), { once: true });
    });
    return Promise.race([assemble().then(() => this.#finalizeUntil(id, signal, origin)), timeout]);
  }

  /**
   * Finalizes an upload that the poller found. What becomes of it is logged, and recorded with the upload.
   * @returns `busy` when it is not this call that finalizes it
   */
  finalizeFound(
    id: string,
    { signal, onStarted }: FoundOptions,
  ): Promise<FinalizeResult | { readonly kind: 'busy' }> {
    return this.#finalizeInTurn(id, { semaphore: this.#semaphores.poller, signal, onStarted });
  }

  /** Resolves when no upload is being finalized any more. */
  async stop(): Promise<void> {
    await Promise.allSettled(this.#running.values());
  }

  async #finalizeUntil(
    id: string,
    signal: AbortSignal,
    origin: Origin | undefined,
  ): Promise<FinalizeResult | { readonly kind: 'pending' }> {
    const { queries } = this.#services.database;
    while (!signal.aborted) {
      const running = this.#running.get(id);
      if (running !== undefined) {
        const result = await running;
        if (result.kind !== 'not_there') return result;
        continue; // it may have arrived since that one checked
      }
      const semaphore = this.#semaphores.requests;
      const result = await this.#finalizeInTurn(id, { semaphore, signal, origin });
      if (result.kind === 'not_there') await this.#throwEarlierRefusal(id);
      if (result.kind !== 'busy') return result;
      const settled = settledResult(await findUpload(queries, id));
      if (settled !== undefined) return settled;
      await sleep(RESULT_INTERVAL_MS, undefined, { signal }).catch(() => {});
    }
    return { kind: 'pending' };
  }

  /** @returns `busy` when no permit was free before `signal`, or the upload is leased elsewhere */
  async #finalizeInTurn(
    id: string,
    { semaphore, signal, onStarted, origin }: Turn,
  ): Promise<FinalizeResult | { readonly kind: 'busy' }> {
    const release = await semaphore.acquire(signal);
    if (release === undefined) return { kind: 'busy' };
    try {
      // This process may hold an expired lease, which it could not renew.
      const leased = this.#running.has(id) ? undefined : await this.#acquireLease(id);
      if (leased === undefined) return { kind: 'busy' };
      onStarted?.();
      const result = this.#finalizeLeased(leased, origin).finally(() => this.#running.delete(id));
      this.#running.set(id, result);
      return await result;
    } finally {
      release();
    }
  }

  async #acquireLease(id: string): Promise<LeasedUpload | undefined> {
    const { database, clock } = this.#services;
    const now = clock();
    const until = new Date(now.getTime() + UPLOAD_LEASE_MS);
    try {
      return await acquireLease(database.queries, id, { now, until });
    } catch (error) {
      this.#log.databaseFailed(error);
      throw error;
    }
  }

  async #finalizeLeased(leased: LeasedUpload, origin?: Origin): Promise<FinalizeResult> {
    const [services, arrivals] = [this.#services, this.#arrivals];
    const { queries } = services.database;
    const onError = (error: unknown) => this.#log.databaseFailed(error);
    const renewal = new LeaseRenewal(leased, { queries, clock: services.clock, onError });
    try {
      const found = await findUpload(queries, leased.id);
      if (found === undefined) return { kind: 'gone' };
      if (found === 'complete') return { kind: 'complete', wentLive: undefined };
      const upload = { ...found, ...(origin && { origin }) };
      const recordRefusal = async (refusal: Problem) => this.#recordRefusal(await renewal.stop(), refusal);
      const result = await finalizeRemoteUpload({ services, arrivals, upload, recordRefusal });
      if (result.kind === 'not_there') {
        await releaseLease(queries, await renewal.stop(), { pollAt: this.#nextPollAt(leased) });
      }
      return result;
    } catch (error) {
      if (!(error instanceof Problem)) await this.#recordFailure(await renewal.stop(), error);
      throw error;
    } finally {
      await renewal.stop();
    }
  }

  /**
   * Releases the lease: refused bytes may be followed by the right ones.
   * @returns false when the lease was lost: it expired, and another node may have acquired it
   */
  #recordRefusal(leased: LeasedUpload, { code, message, errors }: Problem): Promise<boolean> {
    const refusal = { code, detail: message, errors };
    this.#log.refused(leased.id, refusal);
    const options = { pollAt: this.#nextPollAt(leased), refusal };
    return releaseLease(this.#services.database.queries, leased, options);
  }

  /** Releases the lease: the store may recover. */
  async #recordFailure(leased: LeasedUpload, error: unknown): Promise<void> {
    this.#log.failed(leased.id, error);
    const options = { pollAt: this.#nextPollAt(leased) };
    const released = releaseLease(this.#services.database.queries, leased, options);
    await released.catch((failure) => this.#log.databaseFailed(failure)); // the lease expires by itself
  }

  async #throwEarlierRefusal(id: string): Promise<void> {
    const refusal = await uploadRefusal(this.#services.database.queries, id);
    if (refusal) throw new Problem(refusal.code, refusal.detail, refusal.errors);
  }

  #nextPollAt(upload: LeasedUpload): Date {
    const { clock, pollSchedule = DEFAULT_POLL_SCHEDULE } = this.#services;
    const now = clock();
    return new Date(now.getTime() + pollDelay(upload, now, pollSchedule));
  }
}
