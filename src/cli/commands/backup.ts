import { BACKUP_LOCK, findBackupFolder, requireBackupOf, stateOf } from '../../backup/backup-folder.ts';
import { type BackupResult, backUpStore } from '../../backup/backup-store.ts';
import { repairHint } from '../../backup/damaged-file.ts';
import { databaseFailure } from '../../database/database-error.ts';
import { storageBinding } from '../../database/queries/storage-binding.ts';
import type { ReadOnlyStore } from '../../database/sqlite/open-read-only.ts';
import { lockFolder } from '../../database/sqlite/serve-lock.ts';
import { OtaError } from '../../errors.ts';
import { diskInventory } from '../../storage/disk/disk-inventory.ts';
import type { Context } from '../context.ts';
import { backupDocument, damageItems, formatBackup } from '../output/backup-report.ts';
import { ByteProgress } from '../output/byte-progress.ts';
import { openStoreWithFiles, requireSoundStore } from '../wiring/sound-store.ts';
import type { BackupOptions } from './backup-command.ts';

const POSTGRES_HINT =
  'Back up PostgreSQL with pg_dump, and the bucket by its versioning; the page "Backup" of the documentation says in which order.';
const BUCKET_HINT =
  'Back up the database with SQLite\'s own tools (`sqlite3 … ".backup …"`), and the bucket by its versioning; the page "Backup" of the documentation says how.';

/** Backs up a store on SQLite and disk, which may be served. */
export async function runBackup(
  { dataDir, database }: BackupOptions,
  { output, signal }: Context,
  destination: string,
): Promise<void> {
  if (database) throw notOnDisk('the database of this store is not in its data folder', POSTGRES_HINT);
  const folder = await findBackupFolder(destination, dataDir);
  process.umask(0o077); // a backup is as secret as the store
  await requireSoundStore(dataDir);
  const source = await openStoreWithFiles(dataDir);
  const now = new Date();
  const progress = new ByteProgress(output, 'Copied');
  try {
    await requireOnDisk(source);
    const options = { source, dataDir, folder, now, signal, onBytes: progress.onBytes };
    const result = await inLockedFolder(source, folder, () => backUpStore(options));
    progress.stop();
    const { locationOf } = diskInventory(dataDir);
    const places = { folder, dataDir, locationOf };
    output.document(backupDocument(result, now, places));
    if (!output.quiet) output.result(formatBackup(result, places, output.style)); // it runs every night
    requireComplete(result, locationOf);
  } catch (error) {
    throw databaseFailure(error) ?? error;
  } finally {
    progress.stop();
    await source.close();
  }
}

async function inLockedFolder<T>(source: ReadOnlyStore, folder: string, run: () => Promise<T>): Promise<T> {
  const store = await stateOf(source.queries);
  await requireBackupOf(store, folder); // first: nothing is written into another folder
  const unlock = await lockFolder(folder, BACKUP_LOCK, {
    message: `another backup into ${folder} is running`,
    hint: 'Wait until it has finished.',
    words: {
      folder: 'the folder of the backup',
      hint: 'Choose a destination that this user can create or write to.',
    },
  });
  try {
    await requireBackupOf(store, folder);
    return await run();
  } finally {
    unlock();
  }
}

async function requireOnDisk({ queries }: ReadOnlyStore): Promise<void> {
  const place = await storageBinding(queries);
  if (place === undefined || place === 'disk') return;
  throw notOnDisk(`the files of this store are in ${place}, not in its data folder`, BUCKET_HINT);
}

function notOnDisk(message: string, hint: string): OtaError {
  return new OtaError('usage', `${message}, so that this command cannot back it up`, {
    hint,
  });
}

/** @throws OtaError `verification_failed` when files of the store are damaged */
function requireComplete({ damaged }: BackupResult, locationOf: (storageKey: string) => string): void {
  if (damaged.length === 0) return;
  const count = damaged.length === 1 ? '1 file is' : `${damaged.length} files are`;
  throw new OtaError('verification_failed', `${count} damaged in the store:`, {
    items: damageItems(damaged, locationOf),
    hint: `Everything else is in the backup, and good copies that an earlier backup had stay. ${repairHint(damaged)}`,
  });
}
