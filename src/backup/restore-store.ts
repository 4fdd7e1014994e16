import { existsSync, statSync } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Attribution } from '../database/attribution.ts';
import { backupIdentity, forgetBackup } from '../database/queries/backup-record.ts';
import {
  countStore,
  type RecordedFile,
  recordedFiles,
  type StoreCounts,
} from '../database/queries/recorded-files.ts';
import { atOneMoment, copyDatabase, removeDatabase } from '../database/sqlite/copy-database.ts';
import type { ReadOnlyStore } from '../database/sqlite/open-read-only.ts';
import { DATABASE_FILE } from '../database/sqlite/open-sqlite.ts';
import { OtaError } from '../errors.ts';
import { withoutEndSlashes } from '../protocol/routes.ts';
import { isReadable } from '../protocol/time.ts';
import { mapConcurrently } from '../runtime/map-concurrently.ts';
import { syncFolder } from '../runtime/private-file.ts';
import { diskInventory } from '../storage/disk/disk-inventory.ts';
import { servedFolder, stagingFolder, storedPath } from '../storage/stored-path.ts';
import { contentOf, createFolders, requireOwnContent, UNFINISHED_DATABASE } from './backup-folder.ts';
import { copyVerified, openRecorded, toTargetError } from './copy-file.ts';
import { type DamagedArtifact, describeDamage } from './damaged-file.ts';
import { requireSpace, sharesBlocks } from './disk-space.ts';

const CONCURRENCY = 4;

export interface RestoreOptions {
  /** The backup, and its folder. */
  readonly source: ReadOnlyStore;
  readonly folder: string;
  /** Empty, and locked. */
  readonly dataDir: string;
  /** Whether files that the backup lacks are left out. */
  readonly allowDamaged: boolean;
  readonly by: Attribution;
  readonly signal: AbortSignal;
  /** Called with the number of further bytes that are restored. */
  onBytes(bytes: number): void;
}

export interface RestoreResult extends StoreCounts {
  readonly files: number;
  readonly bytes: number;
  /** When the backup was made; undefined for the copy of a stopped store, and where the date cannot be read. */
  readonly madeAt: Date | undefined;
  /** Files that were left out, because they are damaged in the backup. */
  readonly damaged: readonly DamagedArtifact[];
}

/** Refuses a folder that a store cannot be restored into. @throws OtaError `usage`, `conflict` */
export async function requireRestorable(dataDir: string): Promise<void> {
  if (!existsSync(dataDir)) return;
  if (!statSync(dataDir).isDirectory()) {
    throw new OtaError('usage', `${dataDir} is not a folder`, {
      hint: 'Pass a --data-dir that is empty or missing.',
    });
  }
  await requireOwnContent(dataDir);
  if ((await contentOf(dataDir, UNFINISHED_DATABASE)) !== 'something') return;
  throw new OtaError('conflict', `${dataDir} is not empty`, {
    hint: `Move it away first, and keep it until you are sure: mv ${dataDir} ${withoutEndSlashes(dataDir)}.old`,
  });
}

/**
 * Restores a backup into an empty data folder. Each file is compared with its recorded hash. The database comes last:
 * without it no server starts on the folder, and the same command can be run again.
 * @throws OtaError `verification_failed` naming every file that is damaged; `no_space`, `store_unavailable`,
 *   `durability_lost`. The folder is empty again then.
 */
export async function restoreStore(options: RestoreOptions): Promise<RestoreResult> {
  const { source, dataDir } = options;
  const database = join(dataDir, UNFINISHED_DATABASE);
  try {
    await removeContent(dataDir);
    await createFolders(dataDir);
    return await atOneMoment(source, async () => {
      const { madeAt } = await backupIdentity(source.queries); // first: what cannot be read is refused
      const records = await recordedFiles(source.queries);
      await copyDatabase(source, database, (copy) => forgetBackup(copy, options.by));
      await requireSpaceFor(records, options);
      const damaged = await copyFiles(records, options);
      if (damaged.length > 0 && !options.allowDamaged) throw damagedBackup(damaged, options.folder);
      syncFolder(servedFolder(dataDir));
      await rename(database, join(dataDir, DATABASE_FILE));
      syncFolder(dataDir);
      const bytes = records.reduce((sum, { size }) => sum + size, 0);
      const lost = damaged.reduce((sum, { record }) => sum + record.size, 0);
      const files = records.length - damaged.length;
      return {
        ...(await countStore(source.queries)),
        files,
        bytes: bytes - lost,
        madeAt: knownDate(madeAt),
        damaged,
      };
    });
  } catch (error) {
    if (!existsSync(join(dataDir, DATABASE_FILE))) await removeContent(dataDir);
    throw toTargetError(error, dataDir);
  }
}

function knownDate(date: Date | undefined): Date | undefined {
  return date !== undefined && isReadable(date) ? date : undefined;
}

async function copyFiles(
  records: readonly RecordedFile[],
  { folder, dataDir, signal, onBytes }: RestoreOptions,
): Promise<DamagedArtifact[]> {
  const source = diskInventory(folder);
  const target = diskInventory(dataDir);
  const copyOne = async (record: RecordedFile): Promise<DamagedArtifact[]> => {
    signal.throwIfAborted();
    const { storageKey, size } = record;
    const opened = await openRecorded(source.locationOf(storageKey), record);
    if (opened.kind !== 'open') {
      return [{ record, problem: opened.kind === 'gone' ? 'missing' : opened.problem }];
    }
    const unfinished = storedPath(stagingFolder(dataDir), storageKey);
    const paths = { path: target.locationOf(storageKey), unfinished, folder: dataDir };
    const problem = await copyVerified(opened.file, paths).finally(() => opened.file.handle.close());
    if (problem !== undefined) return [{ record, problem }];
    onBytes(size);
    return [];
  };
  return (await mapConcurrently(records, copyOne, { concurrency: CONCURRENCY })).flat();
}

async function requireSpaceFor(
  records: readonly RecordedFile[],
  { folder, dataDir }: RestoreOptions,
): Promise<void> {
  const [first] = records;
  if (first === undefined) return;
  if (await sharesBlocks(diskInventory(folder).locationOf(first.storageKey), dataDir)) return;
  requireSpace(
    dataDir,
    records.reduce((sum, { size }) => sum + size, 0),
  );
}

/** Removes what an unfinished run has left: its database last, which shows that it is one. */
async function removeContent(dataDir: string): Promise<void> {
  for (const folder of [servedFolder(dataDir), stagingFolder(dataDir)]) {
    await rm(folder, { recursive: true, force: true });
  }
  removeDatabase(join(dataDir, UNFINISHED_DATABASE));
}

function damagedBackup(damaged: readonly DamagedArtifact[], folder: string): OtaError {
  const count =
    damaged.length === 1 ? '1 file of the backup is' : `${damaged.length} files of the backup are`;
  const { locationOf } = diskInventory(folder);
  return new OtaError('verification_failed', `${count} damaged:`, {
    items: damaged.map((one) => describeDamage(one, locationOf(one.record.storageKey))),
    hint: 'Restore another backup, or leave these files out with --allow-damaged and publish them again. Nothing was restored.',
  });
}
