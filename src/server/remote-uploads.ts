import { setTimeout as sleep } from 'node:timers/promises';
import type { FastifyBaseLogger } from 'fastify';
import { findUpload } from '../database/artifacts.ts';
import {
  type Claim,
  type ClaimedUpload,
  claimDueUploads,
  claimUpload,
  extendClaim,
  releaseUpload,
  uploadRefusal,
} from '../database/pending-uploads.ts';
import { Problem, type ProblemCode } from '../protocol/problem.ts';
import type { RemoteStorage } from '../storage/remote-storage.ts';
import { type Completed, completeRemoteUpload } from './complete-remote-upload.ts';
import type { Services } from './services.ts';

/** How long it is until an upload is looked for, in milliseconds: as long as it is old, within these. */
export interface LookWaits {
  readonly first: number;
  readonly most: number;
}

/** With what taking the bytes takes, a file is visible within 10 s of its arrival. */
export const LOOK_WAITS: LookWaits = { first: 1000, most: 5000 };
/** Once its URL expired, only an upload that began before can still arrive: it is given this long, in milliseconds. */
const LATE_MS = 2 * 60 * 60 * 1000;
/** After that it is looked for this seldom, in milliseconds, until it is forgotten. */
const LATE_WAIT_MS = 60_000;
/** How long a claim holds, in milliseconds; it is extended three times as often. */
const CLAIM_MS = 30_000;
/** Uploads that this process takes by itself at once. */
const AT_ONCE = 8;
/** How often it is asked what became of an upload that another node has claimed, in milliseconds. */
const ASK_MS = 250;

/** What became of an upload that was looked for. */
export type Look = Completed | 'not_there' | 'gone';

/**
 * Looks for uploads that arrive out of the server's sight, and completes them. A client that knows api.md only makes
 * no further call after its PUT.
 */
export class RemoteUploads {
  readonly #services: Services;
  readonly #storage: RemoteStorage;
  readonly #logger: FastifyBaseLogger;
  readonly #waits: LookWaits;
  readonly #running = new Map<string, Promise<Look>>();
  readonly #stopping = new AbortController();
  #loop: Promise<void> = Promise.resolve();

  constructor(services: Services, storage: RemoteStorage, logger: FastifyBaseLogger) {
    this.#services = services;
    this.#storage = storage;
    this.#logger = logger;
    this.#waits = services.lookWaits ?? LOOK_WAITS;
  }

  start(): void {
    this.#loop = this.#lookAgainAndAgain();
  }

  /** Begins nothing more. Resolves when what is being completed is. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#loop;
    await Promise.allSettled(this.#running.values());
  }

  /** When a fresh upload is looked for first. */
  firstLook(now: Date): Date {
    return new Date(now.getTime() + this.#waits.first);
  }

  /**
   * Looks for one upload now, or joins whoever is at it.
   * @returns `pending` when that takes longer than so many milliseconds; it goes on
   * @throws Problem why what arrived is refused, also when it was refused before and nothing else arrived since
   */
  complete(id: string, withinMs: number): Promise<Look | 'pending'> {
    const signal = AbortSignal.timeout(withinMs);
    const timeout = new Promise<'pending'>((resolve) => {
      signal.addEventListener('abort', () => resolve('pending'), { once: true });
    });
    return Promise.race([this.#complete(id, signal), timeout]);
  }

  async #complete(id: string, signal: AbortSignal): Promise<Look | 'pending'> {
    const { queries } = this.#services.database;
    while (!signal.aborted) {
      const running = this.#running.get(id);
      if (running !== undefined) {
        const look = await running;
        if (look !== 'not_there') return look;
        continue; // it was looked for before it was asked for: it may have arrived in between
      }
      const claimed = await claimUpload(queries, id, this.#claim());
      if (claimed !== undefined) {
        const look = await this.#track(claimed);
        if (look === 'not_there') await this.#throwEarlierRefusal(id);
        return look;
      }
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
        this.#logger.error({ err: error }, 'uploads could not be looked for');
      });
      await sleep(this.#waits.first / 2, undefined, { signal, ref: false }).catch(() => {});
    }
  }

  async #lookForDue(): Promise<void> {
    const free = AT_ONCE - this.#running.size;
    if (free <= 0) return;
    const { queries } = this.#services.database;
    for (const upload of await claimDueUploads(queries, this.#claim(), free)) {
      this.#track(upload).catch(() => {}); // logged, and recorded with the upload
    }
  }

  #track(upload: ClaimedUpload): Promise<Look> {
    const look = this.#look(upload).finally(() => this.#running.delete(upload.id));
    this.#running.set(upload.id, look);
    return look;
  }

  async #look(claimed: ClaimedUpload): Promise<Look> {
    const { id } = claimed;
    const { queries } = this.#services.database;
    const extend = () => extendClaim(queries, id, this.#claim().until).catch(() => {});
    const timer = setInterval(extend, CLAIM_MS / 3).unref();
    try {
      const upload = await findUpload(queries, id);
      if (upload === undefined) return 'gone';
      if (upload === 'complete') return { wentLive: undefined };
      const outcome = await completeRemoteUpload(this.#services, this.#storage, upload);
      if (outcome === 'not_there') await releaseUpload(queries, id, this.#nextLook(claimed));
      return outcome;
    } catch (error) {
      await this.#recordFailure(claimed, error);
      throw error;
    } finally {
      clearInterval(timer);
    }
  }

  /** Bytes that are refused may be followed by the right ones, and a store that failed may work again. */
  async #recordFailure(claimed: ClaimedUpload, error: unknown): Promise<void> {
    const { id } = claimed;
    const refusal =
      error instanceof Problem
        ? { code: error.code, detail: error.message, errors: error.errors }
        : undefined;
    if (refusal) this.#logger.warn({ upload: id, ...refusal }, 'upload refused');
    else this.#logger.error({ upload: id, err: error }, 'an upload could not be taken');
    await releaseUpload(this.#services.database.queries, id, this.#nextLook(claimed), refusal).catch(
      () => {}, // the claim ends by itself
    );
  }

  async #throwEarlierRefusal(id: string): Promise<void> {
    const refusal = await uploadRefusal(this.#services.database.queries, id);
    if (refusal) throw new Problem(refusal.code as ProblemCode, refusal.detail, refusal.errors);
  }

  #claim(): Claim {
    const now = this.#services.clock();
    return { now, until: new Date(now.getTime() + CLAIM_MS) };
  }

  #nextLook({ createdAt, expiresAt }: ClaimedUpload): Date {
    const now = this.#services.clock().getTime();
    const most = now > expiresAt.getTime() + LATE_MS ? LATE_WAIT_MS : this.#waits.most;
    const age = now - createdAt.getTime();
    return new Date(now + Math.min(Math.max(age, this.#waits.first), most));
  }
}
