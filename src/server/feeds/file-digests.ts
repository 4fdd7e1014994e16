import { setTimeout as sleep } from 'node:timers/promises';
import type { FastifyBaseLogger } from 'fastify';
import {
  knownDigests,
  leaseDigest,
  type ReleasedFile,
  saveDigest,
} from '../../database/queries/artifact-digests.ts';
import type { DigestAlgorithm } from '../../database/schema.ts';
import { FairSemaphore } from '../limits/fair-semaphore.ts';
import type { Services } from '../services.ts';

/** How long a request waits for digests, in milliseconds, and how often it polls for those of other processes. */
const WAIT_MS = 8000;
const POLL_MS = 500;
/** How long a process has for a file, in milliseconds: at least, and for each byte. A failure is not tried again before. */
const MIN_LEASE_MS = 60_000;
const LEASE_MS_OF_BYTE = 1 / 1000;
/** Files that wait for their turn, of one app. */
const MAX_WAITING = 128;

type DigestServices = Pick<Services, 'database' | 'storage' | 'clock' | 'digestWaitMs'>;

export type HashedFile = Pick<ReleasedFile, 'artifactId' | 'sha256' | 'fileSize' | 'storageKey'>;

export interface AppFiles {
  readonly appId: string;
  readonly files: readonly HashedFile[];
  readonly algorithm: DigestAlgorithm;
}

/** Digests by the ids of files, or that some are still being computed. */
export type DigestsResult = ReadonlyMap<string, string> | 'computing';

/**
 * The digests that updaters compare besides SHA-256: each is computed once, when a feed first needs it, and kept. One file
 * is read at a time, and the apps take turns.
 */
export class FileDigests {
  readonly #services: DigestServices;
  readonly #logger: FastifyBaseLogger;
  readonly #waitMs: number;
  readonly #turns = new FairSemaphore({ total: 1, each: 1, waiting: MAX_WAITING });
  readonly #running = new Map<string, Promise<void>>();
  readonly #stopping = new AbortController();

  constructor(services: DigestServices, logger: FastifyBaseLogger) {
    this.#services = services;
    this.#logger = logger;
    this.#waitMs = services.digestWaitMs ?? WAIT_MS;
  }

  /** What is computed already, else what is within some seconds. @throws when the database fails */
  async find(wanted: AppFiles): Promise<DigestsResult> {
    const { files, algorithm } = wanted;
    const ids = files.map(({ artifactId }) => artifactId);
    const until = performance.now() + this.#waitMs;
    for (let wait = 0; ; wait = POLL_MS) {
      const known = await knownDigests(this.#services.database.queries, ids, algorithm);
      const missing = files.filter(({ artifactId }) => !known.has(artifactId));
      if (missing.length === 0) return known;
      const left = until - performance.now();
      if (left <= wait || this.#stopping.signal.aborted) return 'computing';
      await sleep(wait, undefined, { ref: false }); // another process may be at it, or it failed
      const computed = Promise.all(missing.map((file) => this.#start(wanted, file)));
      await Promise.race([computed, sleep(left - wait, undefined, { ref: false })]);
    }
  }

  /** Resolves when nothing is read any more. */
  async stop(): Promise<void> {
    this.#stopping.abort(new Error('the server shuts down'));
    await Promise.all(this.#running.values());
  }

  #start({ appId, algorithm }: AppFiles, file: HashedFile): Promise<void> {
    const key = `${algorithm} ${file.artifactId}`;
    const running = this.#running.get(key);
    if (running !== undefined) return running;
    const started = this.#compute(appId, file, algorithm).finally(() => this.#running.delete(key));
    this.#running.set(key, started);
    return started;
  }

  /** Never rejects: whoever needs it finds that it is not there. */
  async #compute(appId: string, file: HashedFile, algorithm: DigestAlgorithm): Promise<void> {
    const release = await this.#turns.acquire(appId, () => this.#stopping.signal);
    if (typeof release === 'string') return;
    try {
      await this.#computeOnce(file, algorithm);
    } catch (err) {
      const { artifactId } = file;
      if (!this.#stopping.signal.aborted)
        this.#logger.error({ err, artifactId, algorithm }, 'a digest for a feed could not be computed');
    } finally {
      release();
    }
  }

  async #computeOnce(file: HashedFile, algorithm: DigestAlgorithm): Promise<void> {
    const { database, storage, clock } = this.#services;
    const { artifactId, fileSize, sha256, storageKey } = file;
    const now = clock().getTime();
    const until = Math.round(now + MIN_LEASE_MS + fileSize * LEASE_MS_OF_BYTE);
    if (!(await leaseDigest(database.queries, { artifactId, algorithm }, { now, until }))) return;
    const { signal } = this.#stopping;
    const { size, digests } = await storage.hash(storageKey, { algorithms: ['sha256', algorithm], signal });
    // Of other bytes than were uploaded no digest may say that they are right.
    if (size !== fileSize || digests.get('sha256')?.toString('hex') !== sha256) {
      throw new Error('the stored file is not what was uploaded');
    }
    const digest = digests.get(algorithm)?.toString('hex');
    if (digest !== undefined) await saveDigest(database.queries, { artifactId, algorithm }, digest);
  }
}
