import { setTimeout as sleep } from 'node:timers/promises';
import type { FastifyBaseLogger } from 'fastify';
import { type ComparedFile, listComparedFiles } from '../../database/queries/lost-files.ts';
import { artifactStatusOf } from '../../database/queries/recorded-files.ts';
import { type ScrubState, saveScrubState, scrubState } from '../../database/queries/scrub-state.ts';
import { findContentProblem, type HashedRecord } from '../../storage/compare-files.ts';
import type { DiskStorage } from '../../storage/disk/disk-storage.ts';
import { LostFiles, type RecordsAndStorage } from './lost-files.ts';

const FILES_AT_ONCE = 50;
/** Each file is read once in that time, if the rate allows it, in milliseconds. */
const PASS_INTERVAL_MS = 7 * 24 * 60 * 60 * 1000;
/** How long a start is left alone, how long to wait after an error, and how often it is checked whether a pass is due. */
const DELAY_MS = 60_000;
/** How often the position is saved while files are read, in milliseconds. */
const SAVE_INTERVAL_MS = 30_000;

export interface ScrubOptions extends RecordsAndStorage {
  readonly storage: DiskStorage;
  readonly bytesPerSecond: number;
  /** See `DELAY_MS`. */
  readonly delayMs?: number;
}

/**
 * Reads all files again, slowly, and compares their hashes: a disk loses bits that no one asks for. A file with other
 * content than was uploaded is set aside, so that it counts as lost: it is not offered, and publishing it again repairs it.
 */
export class Scrub {
  readonly #options: ScrubOptions;
  readonly #logger: FastifyBaseLogger;
  readonly #lostFiles: LostFiles;
  readonly #stopping = new AbortController();
  #loop: Promise<void> = Promise.resolve();
  #savedAt = Number.NEGATIVE_INFINITY;
  /** Where it is, unless that is saved. */
  #unsaved: ScrubState | undefined;

  constructor(options: ScrubOptions, logger: FastifyBaseLogger) {
    this.#options = options;
    this.#logger = logger;
    this.#lostFiles = new LostFiles(options, logger);
  }

  start(): void {
    this.#loop = this.#run();
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#loop;
    if (this.#unsaved !== undefined) await saveScrubState(this.#options.database.queries, this.#unsaved);
  }

  /** Reads on where it was stopped, to the end of all files. Rejects when it is stopped. */
  async pass(): Promise<void> {
    const { database, clock } = this.#options;
    const saved = await scrubState(database.queries);
    let state: ScrubState = saved?.isFinished === false ? saved : begunAt(clock());
    let bytes = 0;
    for (let isLast = false; !isLast; ) {
      const page = await listComparedFiles(database.queries, { after: state.after, limit: FILES_AT_ONCE });
      for (const file of page.files) {
        bytes += file.size;
        await this.#read(file);
        state = { ...state, after: file.storageKey };
        await this.#save(state);
      }
      state = { ...state, after: page.next ?? state.after };
      isLast = page.next === undefined;
    }
    this.#unsaved = undefined;
    await saveScrubState(database.queries, { ...state, isFinished: true });
    this.#logger.info({ bytes }, 'all stored files were read again and compared');
  }

  async #run(): Promise<void> {
    const { database, clock, delayMs = DELAY_MS } = this.#options;
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      try {
        await sleep(delayMs, undefined, { signal, ref: false });
        const state = await scrubState(database.queries);
        const age = Math.abs(clock().getTime() - (state?.startedAt ?? 0));
        if (state?.isFinished !== true || age >= PASS_INTERVAL_MS) await this.pass();
      } catch (err) {
        if (!signal.aborted)
          this.#logger.error({ err }, 'reading stored files again failed; trying again later');
      }
    }
  }

  async #read(file: ComparedFile): Promise<void> {
    const { database, storage } = this.#options;
    const { sha256, storageKey } = file;
    if (sha256 === null || file.isLost) return;
    const record = { ...file, sha256 };
    if ((await this.#problemOf(record)) === undefined) return;
    const problem = await this.#problemOf(record); // twice: the next read may be right
    if (problem === undefined || problem === 'missing') return;
    if ((await artifactStatusOf(database.queries, storageKey)) !== 'complete') return; // deleted since
    const detail = `its content is not what was uploaded (${problem})`;
    const place = problem === 'wrong_hash' ? await storage.setAside(storageKey) : undefined;
    await this.#lostFiles.markDamaged({
      record,
      problem,
      detail: place ? `${detail}; moved to ${place}` : detail,
    });
  }

  #problemOf(record: HashedRecord) {
    const { signal } = this.#stopping;
    const read = (storageKey: string) => this.#readSlowly(storageKey);
    return findContentProblem({ read }, record).finally(() => signal.throwIfAborted());
  }

  async *#readSlowly(storageKey: string): AsyncIterable<Uint8Array> {
    const { storage, bytesPerSecond } = this.#options;
    const { signal } = this.#stopping;
    for await (const chunk of storage.read(storageKey)) {
      yield chunk;
      await sleep((1000 * chunk.length) / bytesPerSecond, undefined, { signal, ref: false });
    }
  }

  async #save(state: ScrubState): Promise<void> {
    this.#unsaved = state;
    if (performance.now() - this.#savedAt < SAVE_INTERVAL_MS) return;
    this.#savedAt = performance.now();
    await saveScrubState(this.#options.database.queries, state);
    this.#unsaved = undefined;
  }
}

function begunAt(now: Date): ScrubState {
  return { after: '', startedAt: now.getTime(), isFinished: false };
}
