import { setTimeout as sleep } from 'node:timers/promises';
import type { FastifyBaseLogger } from 'fastify';
import { findUpload } from '../../database/queries/artifacts.ts';
import {
  type AwaitedUpload,
  acquireLease,
  type Lease,
  type LeasedUpload,
  releaseLease,
  takeDuePolls,
  uploadRefusal,
} from '../../database/queries/pending-uploads.ts';
import { Problem, type ProblemCode } from '../../protocol/problem.ts';
import type { RemoteStorage } from '../../storage/remote-storage.ts';
import type { Services } from '../services.ts';
import { type Completed, finalizeRemoteUpload } from './finalize-remote-upload.ts';
import { keepLease, UPLOAD_LEASE_MS } from './lease-renewal.ts';
import { PollLog } from './poll-log.ts';
import { POLL_DELAYS, type PollSchedule, pollDelay } from './poll-schedule.ts';
import { Semaphore } from './semaphore.ts';

/** So many uploads are looked for at once, which is one small request to the store each. */
const LOOKS_AT_ONCE = 64;
/**
 * So many are taken at once, each of which is copied and read; and as many again for those who ask for it, so that
 * neither those who ask nor those who cannot wait for the others.
 */
const TAKEN_AT_ONCE = 8;
/** So long an upload that has arrived waits for others to be taken, in milliseconds, until others are looked for. */
const MAX_TURN_MS = 1000;
/** How often it is asked what became of an upload that another node has claimed, in milliseconds. */
const ASK_MS = 250;

/** What became of an upload that was looked for. */
export type Poll = Completed | 'not_there' | 'gone';

/**
 * Looks for uploads that arrive out of the server's sight, and completes them. A client that knows api.md only makes
 * no further call after its PUT.
 */
export class UploadPoller {
  readonly #services: Services;
  readonly #storage: RemoteStorage;
  readonly #log: PollLog;
  readonly #waits: PollSchedule;
  /** Those whose turn it is to be looked for, until it is known whether they are taken. */
  readonly #looks = new Set<Promise<void>>();
  /** Those that are taken, by id. */
  readonly #running = new Map<string, Promise<Poll>>();
  readonly #slots = { found: new Semaphore(TAKEN_AT_ONCE), asked: new Semaphore(TAKEN_AT_ONCE) };
  readonly #stopping = new AbortController();
  #loop: Promise<void> = Promise.resolve();

  constructor(services: Services, storage: RemoteStorage, logger: FastifyBaseLogger) {
    this.#services = services;
    this.#storage = storage;
    this.#waits = services.lookWaits ?? POLL_DELAYS;
    this.#log = new PollLog(logger, services.onDurabilityLost, 2 * this.#waits.most);
  }

  start(): void {
    this.#loop = this.#lookAgainAndAgain();
  }

  /** Begins nothing more. Resolves when what is being completed is. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#loop;
    await Promise.allSettled(this.#looks);
    await Promise.allSettled(this.#running.values());
  }

  /** When a fresh upload is looked for first. */
  firstLook(now: Date): Date {
    return new Date(now.getTime() + this.#waits.first);
  }

  /**
   * Looks for one upload now, or joins whoever is at it.
   * @param join what has to be done before: puts its parts together
   * @returns `pending` when all that takes longer than so many milliseconds; it goes on
   * @throws Problem why what arrived is refused, also when it was refused before and nothing else arrived since
   */
  complete(id: string, withinMs: number, join = async () => {}): Promise<Poll | 'pending'> {
    const signal = AbortSignal.timeout(withinMs);
    const timeout = new Promise<'pending'>((resolve) => {
      signal.addEventListener('abort', () => resolve('pending'), { once: true });
    });
    return Promise.race([join().then(() => this.#complete(id, signal)), timeout]);
  }

  async #complete(id: string, signal: AbortSignal): Promise<Poll | 'pending'> {
    const { queries } = this.#services.database;
    while (!signal.aborted) {
      const running = this.#running.get(id);
      if (running !== undefined) {
        const look = await running;
        if (look !== 'not_there') return look;
        continue; // it was looked for before it was asked for: it may have arrived in between
      }
      const look = await this.#take(id, this.#slots.asked, signal);
      if (look === 'not_there') await this.#throwEarlierRefusal(id);
      if (look !== 'busy') return look;
      const upload = await findUpload(queries, id);
      if (upload === undefined) return 'gone';
      if (upload === 'complete') return { wentLive: undefined };
      await sleep(ASK_MS, undefined, { signal }).catch(() => {});
    }
    return 'pending';
  }

  async #lookAgainAndAgain(): Promise<void> {
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      await this.#lookForDue().catch((error) => {
        this.#log.databaseFailed(error);
      });
      await sleep(this.#waits.first / 2, undefined, { signal, ref: false }).catch(() => {});
    }
  }

  /** As many as are due: with more than can be looked for at once, the next follow as soon as half of these are done. */
  async #lookForDue(): Promise<void> {
    const { queries } = this.#services.database;
    while (!this.#stopping.signal.aborted) {
      const limit = LOOKS_AT_ONCE - this.#looks.size;
      const now = this.#services.clock();
      const due = await takeDuePolls(queries, now, {
        limit,
        waitOf: (upload) => pollDelay(upload, now, this.#waits),
      });
      this.#log.databaseWorked();
      for (const { id } of due) {
        const look = this.#lookFor(id).finally(() => this.#looks.delete(look));
        this.#looks.add(look);
      }
      if (due.length < limit) return;
      while (this.#looks.size > LOOKS_AT_ONCE / 2) await Promise.race(this.#looks);
    }
  }

  /** Resolves when it is being taken, or is not: it is not there, or so much is taken that its turn comes later. */
  async #lookFor(id: string): Promise<void> {
    try {
      const hasArrived = await this.#storage.hasArrived(id);
      this.#log.storeWorked();
      if (!hasArrived) return;
    } catch (error) {
      this.#log.storeFailed(error);
      return;
    }
    const turn = new AbortController();
    const timer = setTimeout(() => turn.abort(), MAX_TURN_MS); // keeps it: `AbortSignal.any` does not, and may lose it
    const signal = AbortSignal.any([turn.signal, this.#stopping.signal]);
    await new Promise<void>((resolve) => {
      // What becomes of it is logged, and recorded with the upload.
      void this.#take(id, this.#slots.found, signal, resolve)
        .catch(() => {})
        .finally(resolve);
    });
    clearTimeout(timer);
  }

  /**
   * Looks for an upload, and takes it if it is there, once one of the slots is free.
   * @returns `busy` when none was until the signal came, or somebody else has it
   */
  async #take(
    id: string,
    slots: Semaphore,
    signal: AbortSignal,
    onBegun: () => void = () => {},
  ): Promise<Poll | 'busy'> {
    const release = await slots.acquire(signal);
    if (release === undefined) return 'busy';
    try {
      if (this.#running.has(id)) return 'busy'; // by this process, whose claim has ended: it could not be extended
      const claimed = await this.#acquireLease(id);
      if (claimed === undefined) return 'busy';
      onBegun();
      return await this.#track(claimed);
    } finally {
      release();
    }
  }

  async #acquireLease(id: string): Promise<LeasedUpload | undefined> {
    try {
      return await acquireLease(this.#services.database.queries, id, this.#claim());
    } catch (error) {
      this.#log.databaseFailed(error);
      throw error;
    }
  }

  #track(claimed: LeasedUpload): Promise<Poll> {
    const look = this.#look(claimed).finally(() => this.#running.delete(claimed.id));
    this.#running.set(claimed.id, look);
    return look;
  }

  async #look(claimed: LeasedUpload): Promise<Poll> {
    const { id } = claimed;
    const { queries } = this.#services.database;
    const until = () => this.#claim().until;
    const endLease = keepLease(queries, claimed, until, (error) => this.#log.databaseFailed(error));
    try {
      const upload = await findUpload(queries, id);
      if (upload === undefined) return 'gone';
      if (upload === 'complete') return { wentLive: undefined };
      const record = async (refusal: Problem) => this.#recordRefusal(await endLease(), refusal);
      const outcome = await finalizeRemoteUpload(this.#services, this.#storage, upload, record);
      if (outcome === 'not_there') await releaseLease(queries, await endLease(), this.#nextLook(claimed));
      return outcome;
    } catch (error) {
      if (!(error instanceof Problem)) await this.#recordFailure(await endLease(), error);
      throw error;
    } finally {
      await endLease();
    }
  }

  /**
   * Bytes that are refused may be followed by the right ones.
   * @returns whether it is recorded: not when the claim has ended
   */
  #recordRefusal(claim: LeasedUpload, { code, message, errors }: Problem): Promise<boolean> {
    const refusal = { code, detail: message, errors };
    this.#log.refused(claim.id, refusal);
    return releaseLease(this.#services.database.queries, claim, this.#nextLook(claim), refusal);
  }

  /** A store that failed may work again. */
  async #recordFailure(claim: LeasedUpload, error: unknown): Promise<void> {
    this.#log.failed(claim.id, error);
    await releaseLease(this.#services.database.queries, claim, this.#nextLook(claim)).catch(
      (failure) => this.#log.databaseFailed(failure), // the claim ends by itself
    );
  }

  async #throwEarlierRefusal(id: string): Promise<void> {
    const refusal = await uploadRefusal(this.#services.database.queries, id);
    if (refusal) throw new Problem(refusal.code as ProblemCode, refusal.detail, refusal.errors);
  }

  #claim(): Lease {
    const now = this.#services.clock();
    return { now, until: new Date(now.getTime() + UPLOAD_LEASE_MS) };
  }

  #nextLook(upload: AwaitedUpload): Date {
    const now = this.#services.clock();
    return new Date(now.getTime() + pollDelay(upload, now, this.#waits));
  }
}
