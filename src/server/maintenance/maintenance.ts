import type { FastifyBaseLogger } from 'fastify';
import { SERVER } from '../../database/attribution.ts';
import { databaseFailure } from '../../database/database-error.ts';
import { lastSeen, recordSeen } from '../../database/queries/last-seen.ts';
import { pruneAudit } from '../../database/queries/prune-audit.ts';
import { publishReadyDrafts } from '../../database/queries/publish-release.ts';
import { forgetTokensOfJobs } from '../../database/queries/tokens.ts';
import { forgetUsedIdentities } from '../../database/queries/trusted-publishers.ts';
import { rotateUrlSigningKeys } from '../../database/queries/url-signing-keys.ts';
import { reportLostDurability } from '../lost-durability.ts';
import type { Services } from '../services.ts';
import { DeletionQueue } from './deletion-queue.ts';
import { removeDropped } from './dropped-uploads.ts';
import { LostFiles } from './lost-files.ts';
import { sweepOrphans } from './orphan-sweep.ts';
import { SteadyClock } from './steady-clock.ts';

const INTERVAL_MS = 60 * 60 * 1000;
const DAY_MS = 24 * INTERVAL_MS;
/** How often files that are marked as lost are compared again, in milliseconds. */
const RECHECK_INTERVAL_MS = 60 * 1000;
/** How often what arrived for dropped uploads is removed, in milliseconds. */
const DROPS_INTERVAL_MS = 60 * 1000;
/** How long a URL signing key signs, in milliseconds; it verifies for twice as long. */
const SIGNING_KEY_AGE_MS = 30 * 24 * 60 * 60 * 1000;
/**
 * How long tokens of CI jobs stay listed once they have expired, in milliseconds: for as long as other jobs of the same run
 * can be run again, which add to what the token has made.
 */
const EXPIRED_TOKEN_AGE_MS = 31 * 24 * 60 * 60 * 1000;

/**
 * The server's background work: removes deleted bytes, orphaned files, old signing keys, expired tokens of CI jobs and, where
 * that is wanted, old entries of the audit log, and publishes releases that waited for uploads that never came. Failures are
 * logged, and the next round tries again.
 */
export class Maintenance {
  readonly #services: Services;
  readonly #logger: FastifyBaseLogger;
  readonly #stopping = new AbortController();
  /** Has its own queue: a deletion does not wait until all files were listed. */
  readonly #deletions: DeletionQueue;
  /** Everything else, one after the other. */
  #work: Promise<void> = Promise.resolve();
  readonly #lostFiles: LostFiles;
  #drops: Promise<void> = Promise.resolve();
  /** Takes long in a large store, which nothing else waits for. */
  #comparison: Promise<void> = Promise.resolve();
  #timers: readonly NodeJS.Timeout[] = [];
  #clock: SteadyClock | undefined;

  constructor(services: Services, logger: FastifyBaseLogger) {
    this.#services = services;
    this.#lostFiles = services.lostFiles ?? new LostFiles(services, logger);
    this.#logger = logger;
    this.#deletions = new DeletionQueue(services, (error) => this.#onError(error));
  }

  /**
   * Runs a round now, and then every hour until `stop`. Orphans are not removed before the second: the start may have
   * been a mistake.
   */
  start(): void {
    const before = this.#services.clock();
    this.#lostFiles.onMarksSpent = () => void this.#compareAll();
    void this.#run({ sweep: false });
    void this.#compare(() => this.#lostFiles.reportLost(before));
    this.#timers = [
      setInterval(() => void this.runOnce(), INTERVAL_MS).unref(),
      setInterval(
        () => void this.#compare(() => this.#lostFiles.recheckMarked()),
        RECHECK_INTERVAL_MS,
      ).unref(),
      setInterval(() => void this.#removeDropped(), DROPS_INTERVAL_MS).unref(),
    ];
  }

  /** One round. Resolves when everything was tried. */
  runOnce(): Promise<void> {
    return this.#run({ sweep: true });
  }

  async #run({ sweep }: { readonly sweep: boolean }): Promise<void> {
    const { counters } = this.#services;
    if (counters !== undefined) counters.maintenance.rounds += 1;
    const { queries } = this.#services.database;
    const { signal } = this.#stopping;
    const deletions = this.#deletions.run();
    const drops = this.#removeDropped();
    const comparison = this.#compareAll();
    const beforeEach = (releaseId: string) => this.#lostFiles.compareRelease(releaseId);
    void this.#enqueue(async () =>
      publishReadyDrafts(queries, { by: { actor: SERVER, now: await this.#now() }, beforeEach }),
    );
    void this.#enqueue(() => this.#pruneAudit());
    if (sweep)
      void this.#enqueue(async () => sweepOrphans(this.#services, { now: await this.#now(), signal }));
    void this.#enqueue(async () => rotateUrlSigningKeys(queries, SIGNING_KEY_AGE_MS, await this.#now()));
    void this.#enqueue(async () => forgetUsedIdentities(queries, await this.#now()));
    await this.#enqueue(async () => {
      const now = await this.#now();
      const before = new Date(now.getTime() - EXPIRED_TOKEN_AGE_MS);
      await forgetTokensOfJobs(queries, before, { actor: SERVER, now });
    });
    await Promise.all([deletions, drops, comparison]);
  }

  /** The time by which things are old, which the store remembers. */
  async #now(): Promise<Date> {
    const { database, clock } = this.#services;
    this.#clock ??= new SteadyClock({
      clock,
      lastSeen: await lastSeen(database.queries),
      onLeap: (milliseconds) => {
        const hours = Math.round(milliseconds / 3_600_000);
        const message =
          'the clock is far ahead of when this store was served last; if it was not stopped for that long, set the clock right: as a precaution, nothing is removed as too old for six hours';
        this.#logger.warn({ hours }, message);
      },
    });
    const now = this.#clock.now();
    await recordSeen(database.queries, now);
    return now;
  }

  /**
   * Removes the bytes of deleted releases. Resolves when it was tried; bytes that could not be removed stay queued in the
   * database and are tried again.
   */
  removeDeleted(): Promise<void> {
    return this.#deletions.run();
  }

  /** Aborts the round that is running. Resolves when nothing is being removed any more. */
  async stop(): Promise<void> {
    for (const timer of this.#timers) clearInterval(timer);
    this.#stopping.abort();
    await Promise.all([this.#deletions.stop(), this.#work, this.#drops, this.#comparison]);
  }

  async #pruneAudit(): Promise<void> {
    const { database, auditRetention } = this.#services;
    if (auditRetention === undefined) return;
    const now = await this.#now();
    const olderThan = new Date(now.getTime() - auditRetention * DAY_MS);
    const options = { olderThan, by: { actor: SERVER, now } };
    while (!this.#stopping.signal.aborted && (await pruneAudit(database.queries, options)) > 0);
  }

  #removeDropped(): Promise<void> {
    const { signal } = this.#stopping;
    this.#drops = this.#afterwards(this.#drops, async () =>
      removeDropped(this.#services, { now: await this.#now(), signal }),
    );
    return this.#drops;
  }

  #compareAll(): Promise<void> {
    return this.#compare(() => this.#lostFiles.compareAll(this.#stopping.signal));
  }

  #compare(work: () => Promise<void>): Promise<void> {
    this.#comparison = this.#afterwards(this.#comparison, work);
    return this.#comparison;
  }

  #enqueue(work: () => Promise<unknown>): Promise<void> {
    this.#work = this.#afterwards(this.#work, work);
    return this.#work;
  }

  #afterwards(before: Promise<void>, work: () => Promise<unknown>): Promise<void> {
    return before
      .then(async () => {
        if (!this.#stopping.signal.aborted) await work();
      })
      .catch((error) => this.#onError(error));
  }

  #onError(error: unknown): void {
    const err = databaseFailure(error) ?? error;
    const { counters } = this.#services;
    if (counters !== undefined) counters.maintenance.failures += 1;
    this.#logger.error({ err }, 'maintenance failed; trying again later');
    reportLostDurability(err, this.#services);
  }
}
