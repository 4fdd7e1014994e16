import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import { OtaClient } from '../../client/ota-client.ts';
import { Retry } from '../../client/retry.ts';
import type { Transport } from '../../client/transport/transport.ts';
import type { Database } from '../../database/database.ts';
import {
  type ExportedApp,
  exportedApps,
  holdExport,
  releaseExport,
} from '../../database/queries/exported-apps.ts';
import { heldReleases } from '../../database/queries/held-releases.ts';
import { exportApp } from '../../export/export-app.ts';
import { FOR_EVER, heldUntil } from '../../protocol/rollout/rollout.ts';
import { type ExportDestination, openDestination } from './export-destination.ts';
import { readOwnApp } from './own-app.ts';
import { RememberedHashes } from './remembered-hashes.ts';

/** How often the numbers of changes are compared, in milliseconds. */
const POLL_MS = 1000;
/** Until nothing has changed for so long, or at most for so long, an export waits for more changes. */
const QUIET_MS = 2000;
const MAX_WAIT_MS = 10_000;
/** How long the other nodes wait for one that has crashed. */
const LEASE_MS = 60_000;
const RENEW_MS = 15_000;
/** After a failure, doubled each time up to the second. */
const FIRST_RETRY_MS = 15_000;
const LAST_RETRY_MS = 10 * 60_000;
/** An app that does not change is exported too: what its places have lost is written again, and old files are removed. */
const REFRESH_MS = 24 * 60 * 60_000;
const GRACE_MS = 7 * 24 * 60 * 60_000;

export interface ExportSettings {
  readonly destination: ExportDestination;
  /** What it is reached as, without a slash at the end. */
  readonly baseUrl: string;
}

export interface KeptExportOptions extends ExportSettings {
  readonly database: Database;
  /** This server, as this machine reaches it. */
  readonly server: URL;
  readonly transport: Transport;
  readonly logger: Logger;
}

/** What is known of an app. */
interface KeptApp {
  /** Of what it was exported from last; undefined before, and after a failure. */
  readonly state: string | undefined;
  /** When it is exported again without a change, in milliseconds since 1970. */
  readonly dueAt: number;
  readonly failures: number;
}

/** Keeps an export fresh while the server runs: one node at a time, one app after the other. */
export class KeptExport {
  readonly #options: KeptExportOptions;
  readonly #holder = randomUUID();
  readonly #apps = new Map<string, KeptApp>();
  readonly #hashes = new RememberedHashes();
  readonly #stopping = new AbortController();
  #isHeld = false;
  /** Until then it is not asked again. */
  #holdsUntil = 0;
  readonly #running: Promise<void>;

  constructor(options: KeptExportOptions) {
    this.#options = options;
    this.#running = this.#run();
  }

  /** Interrupts an export that is running: the next one goes on with it. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopping;
    const { database, logger } = this.#options;
    let counter: number | undefined;
    while (!signal.aborted) {
      try {
        if (await this.#hold()) counter = await this.#round(counter);
        else counter = undefined; // another node keeps it: begin anew then
      } catch (err) {
        if (!signal.aborted) logger.warn({ err }, 'the export could not be checked; trying again');
      }
      await sleep(POLL_MS, undefined, { signal }).catch(() => {});
    }
    await releaseExport(database.queries, this.#holder).catch(() => {});
  }

  /** @returns the number of the last change that was seen */
  async #round(before: number | undefined): Promise<number> {
    const { database } = this.#options;
    const isDue = [...this.#apps.values()].some(({ dueAt }) => dueAt <= this.#now());
    if (before !== undefined && database.changeCounter() === before && !isDue) return before;
    if (before === undefined) this.#apps.clear();
    const counter = await this.#quiet();
    const apps = await exportedApps(database.queries);
    const ids = new Set(apps.map(({ id }) => id));
    for (const id of this.#apps.keys()) if (!ids.has(id)) this.#apps.delete(id);
    for (const app of apps) {
      const kept = this.#apps.get(app.id);
      const isChanged = kept?.state !== stateOf(app) && !(kept?.failures && kept.dueAt > this.#now());
      if (isChanged || kept.dueAt <= this.#now()) await this.#export(app);
      if (this.#stopping.signal.aborted) break;
    }
    return counter;
  }

  /** Waits until the changes of a publish are all there. */
  async #quiet(): Promise<number> {
    const { database } = this.#options;
    const deadline = performance.now() + MAX_WAIT_MS;
    for (let counter = database.changeCounter(); ; ) {
      await sleep(QUIET_MS, undefined, { signal: this.#stopping.signal });
      const now = database.changeCounter();
      if (now === counter || performance.now() > deadline) return now;
      counter = now;
    }
  }

  async #export(app: ExportedApp): Promise<void> {
    const { database, logger, baseUrl } = this.#options;
    const { slug } = app;
    const startedAt = performance.now();
    const lost = new AbortController();
    const renew = () =>
      void this.#hold()
        .then((isHeld) => isHeld || lost.abort())
        .catch(() => {});
    const renewal = setInterval(renew, RENEW_MS);
    const signal = AbortSignal.any([this.#stopping.signal, lost.signal]);
    try {
      const { answers, files, downloaded, removed } = await this.#exportNow(app, signal);
      const held = await heldReleases(database.queries, app.id, this.#now());
      const changesAt = Math.min(FOR_EVER, ...held.map(heldUntil).filter((at) => at < FOR_EVER));
      const dueAt = Math.min(changesAt, this.#now() + REFRESH_MS);
      this.#apps.set(app.id, { state: stateOf(app), dueAt, failures: 0 });
      const ms = Math.round(performance.now() - startedAt);
      logger.info({ slug, baseUrl, answers, files, downloaded, removed: removed.length, ms }, 'exported');
    } catch (err) {
      if (signal.aborted) return;
      const failures = (this.#apps.get(app.id)?.failures ?? 0) + 1;
      const retryMs = Math.min(LAST_RETRY_MS, FIRST_RETRY_MS * 2 ** (failures - 1));
      this.#apps.set(app.id, { state: undefined, dueAt: this.#now() + retryMs, failures });
      logger.error(
        { err, slug, failures, retryMs },
        'the export failed; what it had before stays, trying again',
      );
    } finally {
      clearInterval(renewal);
    }
  }

  async #exportNow(app: ExportedApp, signal: AbortSignal) {
    const { database, destination, baseUrl, server, transport } = this.#options;
    const opened = await openDestination(destination, (file) => this.#hashes.hashOf(file, signal));
    try {
      const client = new OtaClient({ server, transport, signal });
      const retry = new Retry({ signal, onRetry: () => {} });
      const source = { client, transport, retry, signal, readApp: () => readOwnApp(database, app.id) };
      const target = { open: opened.open, baseUrl, graceMs: GRACE_MS, now: database.clock() };
      return await exportApp(source, target);
    } finally {
      opened.close();
    }
  }

  async #hold(): Promise<boolean> {
    const { database } = this.#options;
    if (performance.now() < this.#holdsUntil) return this.#isHeld;
    const lease = { holder: this.#holder, now: database.clock(), lifeMs: LEASE_MS };
    this.#isHeld = await holdExport(database.queries, lease);
    this.#holdsUntil = performance.now() + RENEW_MS;
    return this.#isHeld;
  }

  #now(): number {
    return this.#options.database.clock().getTime();
  }
}

function stateOf({ slug, revision }: ExportedApp): string {
  return `${revision} ${slug}`;
}
