import { setTimeout as sleep } from 'node:timers/promises';
import type { FastifyBaseLogger } from 'fastify';
import type { Database } from '../../database/database.ts';
import {
  type ComparedFile,
  listComparedFiles,
  listLostFiles,
  lostBefore,
  markLost,
  unmarkLost,
} from '../../database/queries/lost-files.ts';
import { type CompleteFile, listCompleteFiles } from '../../database/queries/release-files.ts';
import { OtaError } from '../../errors.ts';
import type { Clock } from '../../protocol/time.ts';
import type { ArtifactStorage } from '../../storage/artifact-storage.ts';
import { type FileRecord, findLostFiles, type LostFile } from '../../storage/compare-files.ts';

/** Files that are compared at once, and how long to let requests go first after each time, in milliseconds. */
const FILES_AT_ONCE = 200;
const PAUSE_MS = 5;
/** Marks of one transaction. */
const MARKS_AT_ONCE = 100;
/**
 * What goes wrong with a file or an app is far less. If more are missing, the storage is not the one of this database, or
 * its volume is not mounted: marking them all would be a flood of writes, in vain.
 */
const MAX_LOSSES = 100;
const MAX_LOST_SHARE = 0.5;
/** How many marked files are looked up each minute, to see whether they are there again. */
const RECHECKED = 50;

export type StoredFileSize = Pick<CompleteFile, 'storageKey' | 'fileSize'>;

/** What is compared, and when it is now. */
export interface RecordsAndStorage {
  readonly database: Database;
  readonly storage: ArtifactStorage;
  readonly clock: Clock;
}

/**
 * Holds the records of files against the storage. A file that is missing, has another size or cannot be read is marked,
 * logged and no longer offered, until it is uploaded again or is there again. An outage of the storage marks nothing.
 */
export class LostFiles {
  readonly #services: RecordsAndStorage;
  readonly #logger: FastifyBaseLogger;
  /** Whether so much is missing that nothing is marked. */
  #isSuspect = false;
  /** Marks that requests may still cause until all files are compared again. */
  #marksLeft = MAX_LOSSES;
  /** Called when none is left: all files have to be compared, to know what has happened. */
  onMarksSpent = () => {};

  constructor(services: RecordsAndStorage, logger: FastifyBaseLogger) {
    this.#services = services;
    this.#logger = logger;
  }

  /**
   * Compares all files, in small steps.
   * @throws OtaError `store_unavailable`; what the database throws
   */
  async compareAll(signal: AbortSignal): Promise<void> {
    const { database, storage } = this.#services;
    const losses: LostFile<ComparedFile>[] = [];
    let total = 0;
    let after: string | undefined = '';
    while (after !== undefined && !signal.aborted) {
      const { files, next } = await listComparedFiles(database.queries, { after, limit: FILES_AT_ONCE });
      const lost = await findLostFiles(storage, files);
      await this.#unmarkPresent(files, lost);
      losses.push(...lost);
      total += files.length;
      after = next;
      if (after !== undefined) await sleep(PAUSE_MS);
    }
    if (signal.aborted) return;
    this.#isSuspect = losses.length > MAX_LOSSES && losses.length > total * MAX_LOST_SHARE;
    this.#marksLeft = MAX_LOSSES;
    if (this.#isSuspect) {
      const fields = { missing: losses.length, files: total, example: losses[0]?.detail };
      this.#logger.error(
        fields,
        'most stored files are missing, so none is marked as lost: is this the storage of this database, and its volume mounted?',
      );
      return;
    }
    await this.#markAll(losses, total, signal);
  }

  /** Compares the files that are marked, so that those that are there again are offered soon. */
  async recheckMarked(): Promise<void> {
    const { database, storage } = this.#services;
    const files = await listLostFiles(database.queries, RECHECKED);
    if (files.length > 0) await this.#unmarkPresent(files, await findLostFiles(storage, files));
  }

  /** Logs how many files are lost since before a time: each is logged once only when it is found. */
  async reportLost(before: Date): Promise<void> {
    const { count, examples } = await lostBefore(this.#services.database.queries, before);
    if (count === 0) return;
    const message = 'files are still lost, and not offered: publish the same files again to repair them';
    this.#logger.error({ count, examples }, message);
  }

  /** Compares the files of a release, before it goes live. @throws OtaError `store_unavailable` */
  async compareRelease(releaseId: string): Promise<void> {
    const complete = await listCompleteFiles(this.#services.database.queries, releaseId);
    const files = complete.map((file) => ({ ...toRecord(file), isLost: file.isLost }));
    await this.#unmarkPresent(files, await this.#compare(files));
  }

  /**
   * Compares files that are about to be offered or sent, and marks those that are lost.
   * @returns the storage keys of those that are lost
   * @throws OtaError `store_unavailable`, also when most files are missing, so that it cannot be the right storage
   */
  async find(files: readonly StoredFileSize[]): Promise<ReadonlySet<string>> {
    const losses = await this.#compare(files.map(toRecord));
    return new Set(losses.map(({ record }) => record.storageKey));
  }

  /** Marks a file that is there, and is not what was uploaded. */
  async markDamaged(file: LostFile): Promise<void> {
    await this.#mark([file]);
  }

  async #compare(files: readonly FileRecord[]): Promise<LostFile[]> {
    const losses = await findLostFiles(this.#services.storage, files);
    if (losses.length === 0) return losses;
    if (this.#isSuspect) throw new OtaError('store_unavailable', 'most stored files are missing');
    const toMark = losses.slice(0, this.#marksLeft);
    this.#marksLeft -= toMark.length; // at once: other requests may compare files too
    const marked = await this.#mark(toMark);
    this.#marksLeft += toMark.length - marked.length;
    if (marked.length > 0 && this.#marksLeft <= 0) this.onMarksSpent();
    return losses;
  }

  async #markAll(losses: readonly LostFile[], total: number, signal: AbortSignal): Promise<void> {
    const isAll = total > 1 && losses.length === total;
    for (let first = 0; first < losses.length && !signal.aborted; first += MARKS_AT_ONCE) {
      const marked = await this.#mark(
        losses.slice(first, first + MARKS_AT_ONCE),
        isAll ? 'silently' : 'aloud',
      );
      if (isAll && marked.length > 0) {
        const message =
          'no stored file is there: is this the storage of this database, and its volume mounted?';
        this.#logger.error({ files: marked }, message);
      }
      if (first + MARKS_AT_ONCE < losses.length) await sleep(PAUSE_MS);
    }
  }

  /** @returns those that were not marked before */
  async #mark(losses: readonly LostFile[], how: 'aloud' | 'silently' = 'aloud') {
    const { database, clock } = this.#services;
    const byKey = new Map(
      losses.map(({ record, problem, detail }) => [record.storageKey, { reason: problem, detail }]),
    );
    const marked = await markLost(database.queries, [...byKey.keys()], clock());
    const described = marked.map((file) => ({ ...file, ...byKey.get(file.storageKey) }));
    for (const file of how === 'aloud' ? described : [])
      this.#logger.error(
        file,
        'a stored file is lost, and not offered: publish the same file again to repair it',
      );
    return described;
  }

  async #unmarkPresent(
    files: readonly (FileRecord & { readonly isLost: boolean })[],
    losses: readonly LostFile[],
  ): Promise<void> {
    const lost = new Set(losses.map(({ record }) => record.storageKey));
    const present = files.filter(({ storageKey, isLost }) => isLost && !lost.has(storageKey));
    const keys = present.map(({ storageKey }) => storageKey);
    const { database, clock } = this.#services;
    for (const file of await unmarkLost(database.queries, keys, clock()))
      this.#logger.info(file, 'a lost file is there again, and offered');
  }
}

function toRecord({ storageKey, fileSize: size }: StoredFileSize): FileRecord {
  return { storageKey, size };
}
