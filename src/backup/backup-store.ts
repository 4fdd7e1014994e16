import { statSync } from 'node:fs';
import { readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { recordBackup } from '../database/queries/backup-record.ts';
import {
  artifactStatusOf,
  countStore,
  type RecordedFile,
  recordedFiles,
  type StoreCounts,
} from '../database/queries/recorded-files.ts';
import { atOneMoment, copyDatabase, removeDatabase } from '../database/sqlite/copy-database.ts';
import type { ReadOnlyStore } from '../database/sqlite/open-read-only.ts';
import { DATABASE_FILE } from '../database/sqlite/open-sqlite.ts';
import { OtaError } from '../errors.ts';
import { mapConcurrently } from '../runtime/map-concurrently.ts';
import { syncFolder } from '../runtime/private-file.ts';
import { compareListing } from '../storage/compare-files.ts';
import { diskInventory } from '../storage/disk/disk-inventory.ts';
import { servedFolder, stagingFolder, storedPath } from '../storage/stored-path.ts';
import { createFolders, UNFINISHED_DATABASE } from './backup-folder.ts';
import { findDamaged } from './check-store.ts';
import { copyVerified, type OpenFile, openRecorded, toTargetError } from './copy-file.ts';
import type { DamagedArtifact } from './damaged-file.ts';
import { requireSpace, sharesBlocks } from './disk-space.ts';

const CONCURRENCY = 4;
/** Files that are kept open at once for the last step. */
const MAX_OPEN = 100;
/** Attempts to find a moment at which all files are there. */
const MAX_ROUNDS = 1000;

export interface BackupProgress {
  /** Called with the number of further bytes that are in the backup. */
  onBytes(bytes: number): void;
}

export interface BackupOptions extends BackupProgress {
  readonly source: ReadOnlyStore;
  readonly dataDir: string;
  /** The folder of the backup, which is locked. */
  readonly folder: string;
  readonly now: Date;
  readonly signal: AbortSignal;
}

export interface BackupResult extends StoreCounts {
  readonly files: number;
  readonly bytes: number;
  readonly copied: { readonly files: number; readonly bytes: number };
  /** Files of the previous backup that are not in this one. */
  readonly removed: number;
  /** Files that are damaged in the store. Of those, the backup has the good copies of an earlier one only. */
  readonly damaged: readonly DamagedArtifact[];
}

/**
 * Backs a store up into a folder that may have an earlier backup: first the files that it lacks, then the database, which
 * replaces the earlier one at once, then removes files that only the earlier backup had. Stopped at any point, the folder
 * holds the earlier backup or the new one.
 *
 * The database is that of a moment at which each file of its artifacts was in the backup, or was open: so a release that
 * is deleted while this runs is in the backup with its files, or not at all.
 * @throws OtaError `no_space`, `store_unavailable`, `durability_lost`; `network` when the store changes too fast;
 *   `verification_failed` when its database is damaged
 */
export async function backUpStore(options: BackupOptions): Promise<BackupResult> {
  return new Backup(options).run();
}

/** The files of a moment, those of them that the backup lacks, and the counts of that moment. */
interface Moment {
  readonly kind: 'moment';
  readonly records: readonly RecordedFile[];
  readonly open: readonly OpenFile<RecordedFile>[];
  readonly counts: StoreCounts;
}

/** There is no moment yet: too many files are missing, or those with the keys are gone. */
type NoMoment =
  | { readonly kind: 'too_many' }
  | { readonly kind: 'gone'; readonly records: readonly RecordedFile[] };

class Backup {
  readonly #options: BackupOptions;
  /** The keys of files that are in the backup. */
  readonly #present = new Set<string>();
  readonly #damaged = new Map<string, DamagedArtifact>();
  readonly #copied = { files: 0, bytes: 0 };
  #sharesBlocks: boolean | undefined;

  constructor(options: BackupOptions) {
    this.#options = options;
  }

  async run(): Promise<BackupResult> {
    const { folder } = this.#options;
    try {
      await createFolders(folder);
      await emptyFolder(stagingFolder(folder));
      await this.#findPresent();
      const moment = await this.#findMoment();
      await this.#copyAll(moment.open);
      await this.#findDamaged(moment.records);
      return await this.#finish(moment);
    } catch (error) {
      removeDatabase(join(folder, UNFINISHED_DATABASE));
      throw toTargetError(error, folder);
    }
  }

  async #findPresent(): Promise<void> {
    const { folder, source } = this.#options;
    const records = await recordedFiles(source.queries);
    const { damaged } = await compareListing(records, diskInventory(folder).served());
    const lacking = new Set(damaged.map(({ record }) => record.storageKey));
    for (const { storageKey } of records) if (!lacking.has(storageKey)) this.#present.add(storageKey);
  }

  async #findMoment(): Promise<Moment> {
    const { source, signal } = this.#options;
    for (let round = 0; round < MAX_ROUNDS; round++) {
      signal.throwIfAborted();
      const found = await atOneMoment(source, () => this.#openAndCopyDatabase());
      if (found.kind === 'moment') return found;
      if (found.kind === 'gone') await this.#markLost(found.records);
      else await this.#copyMissing();
    }
    throw new OtaError('network', 'the store changes faster than it can be backed up', {
      hint: 'Run the same command again while fewer releases are deleted.',
    });
  }

  /** Compares the store's files, of which the backup may have good copies, with their records. */
  async #findDamaged(records: readonly RecordedFile[]): Promise<void> {
    const { dataDir, source } = this.#options;
    for (const one of await findDamaged(records, source.queries, diskInventory(dataDir))) {
      if (!this.#damaged.has(one.record.storageKey)) this.#damaged.set(one.record.storageKey, one);
    }
  }

  /** Opens the files that the backup lacks; if all are there, the database that lists them is copied. */
  async #openAndCopyDatabase(): Promise<Moment | NoMoment> {
    const { folder, source, now } = this.#options;
    const records = await recordedFiles(source.queries);
    const missing = this.#missing(records);
    if (missing.length > MAX_OPEN) return { kind: 'too_many' };
    const { open, gone } = await this.#openAll(missing);
    try {
      if (gone.length > 0) return { kind: 'gone', records: gone };
      await this.#requireSpace(missing);
      const counts = await countStore(source.queries);
      await copyDatabase(source, join(folder, UNFINISHED_DATABASE), (copy) => recordBackup(copy, now));
      return { kind: 'moment', records, open: open.splice(0), counts };
    } finally {
      await closeAll(open);
    }
  }

  /** Copies the files that the backup lacks now; those that are deleted before their turn will not be missed. */
  async #copyMissing(): Promise<void> {
    const missing = this.#missing(await recordedFiles(this.#options.source.queries));
    await this.#requireSpace(missing);
    const gone: RecordedFile[] = [];
    const copyOne = async (record: RecordedFile) => {
      const opened = await this.#openAll([record]);
      gone.push(...opened.gone);
      await this.#copyAll(opened.open);
    };
    await mapConcurrently(missing, copyOne, { concurrency: CONCURRENCY });
    await this.#markLost(gone);
  }

  #missing(records: readonly RecordedFile[]): RecordedFile[] {
    return records.filter(
      ({ storageKey }) => !this.#present.has(storageKey) && !this.#damaged.has(storageKey),
    );
  }

  async #openAll(records: readonly RecordedFile[]) {
    const open: OpenFile<RecordedFile>[] = [];
    const gone: RecordedFile[] = [];
    for (const record of records) {
      const path = diskInventory(this.#options.dataDir).locationOf(record.storageKey);
      const result = await openRecorded(path, record);
      if (result.kind === 'open') open.push(result.file);
      else if (result.kind === 'gone') gone.push(record);
      else this.#damaged.set(record.storageKey, { record, problem: result.problem });
    }
    return { open, gone };
  }

  /** Deletions remove the record first: so a file that is gone while its record is not was lost. */
  async #markLost(gone: readonly RecordedFile[]): Promise<void> {
    for (const record of gone) {
      const status = await artifactStatusOf(this.#options.source.queries, record.storageKey);
      if (status === 'complete') this.#damaged.set(record.storageKey, { record, problem: 'missing' });
    }
  }

  async #copyAll(files: readonly OpenFile<RecordedFile>[]): Promise<void> {
    try {
      await mapConcurrently(files, (file) => this.#copy(file), { concurrency: CONCURRENCY });
    } finally {
      await closeAll(files);
    }
  }

  async #copy(file: OpenFile<RecordedFile>): Promise<void> {
    const { folder, signal, onBytes } = this.#options;
    signal.throwIfAborted();
    const { storageKey, size } = file.record;
    const path = storedPath(servedFolder(folder), storageKey);
    const problem = await copyVerified(file, {
      path,
      unfinished: storedPath(stagingFolder(folder), storageKey),
      folder,
    });
    if (problem !== undefined) {
      this.#damaged.set(storageKey, { record: file.record, problem });
      return;
    }
    this.#present.add(storageKey);
    this.#copied.files++;
    this.#copied.bytes += size;
    onBytes(size);
  }

  /** Replaces the earlier backup, and removes what only that one needs. */
  async #finish({ records, counts }: Moment): Promise<BackupResult> {
    const { folder } = this.#options;
    syncFolder(servedFolder(folder));
    await rename(join(folder, UNFINISHED_DATABASE), join(folder, DATABASE_FILE));
    syncFolder(folder);
    const { unrecorded } = await compareListing(records, diskInventory(folder).served());
    for (const { name } of unrecorded) await rm(join(servedFolder(folder), name));
    const kept = records.filter(({ storageKey }) => this.#present.has(storageKey));
    const damaged = records.flatMap(({ storageKey }) => this.#damaged.get(storageKey) ?? []);
    const bytes = kept.reduce((sum, { size }) => sum + size, 0);
    return {
      ...counts,
      files: kept.length,
      bytes,
      copied: this.#copied,
      removed: unrecorded.length,
      damaged,
    };
  }

  async #requireSpace(missing: readonly RecordedFile[]): Promise<void> {
    const { folder, dataDir } = this.#options;
    const [first] = missing;
    if (first !== undefined) {
      this.#sharesBlocks ??= await sharesBlocks(diskInventory(dataDir).locationOf(first.storageKey), folder);
    }
    if (this.#sharesBlocks) return;
    const database = statSync(join(dataDir, DATABASE_FILE)).size;
    requireSpace(
      folder,
      missing.reduce((sum, { size }) => sum + size, database),
    );
  }
}

async function closeAll(files: readonly OpenFile[]): Promise<void> {
  for (const { handle } of files) await handle.close();
}

async function emptyFolder(folder: string): Promise<void> {
  for (const name of await readdir(folder)) await rm(join(folder, name), { recursive: true, force: true });
}
