import { existsSync } from 'node:fs';
import { access, constants } from 'node:fs/promises';
import { join } from 'node:path';
import { BACKUP_LOCK, requireApart, requireOwnContent } from '../../backup/backup-folder.ts';
import { requireRestorable, restoreStore } from '../../backup/restore-store.ts';
import { databaseFailure } from '../../database/database-error.ts';
import { statDatabase } from '../../database/sqlite/database-file.ts';
import { DATABASE_FILE } from '../../database/sqlite/open-sqlite.ts';
import { lockFolder, lockForServing, SERVE_LOCK } from '../../database/sqlite/serve-lock.ts';
import { OtaError } from '../../errors.ts';
import { diskInventory } from '../../storage/disk/disk-inventory.ts';
import type { Context } from '../context.ts';
import { formatCount } from '../format.ts';
import { damageItems, formatRestore, restoreDocument } from '../output/backup-report.ts';
import { ByteProgress } from '../output/byte-progress.ts';
import { thisOperator } from '../this-operator.ts';
import { openStoreWithFiles, requireSoundStore } from '../wiring/sound-store.ts';
import type { RestoreOptions } from './backup-command.ts';

/** Restores a backup into an empty data folder. */
export async function runRestore(
  { dataDir, allowDamaged }: RestoreOptions,
  { output, signal, environment }: Context,
  backup: string,
): Promise<void> {
  const folder = await requireApart(backup, dataDir);
  process.umask(0o077); // what is restored is for this user only
  await requireBackup(folder);
  await requireRestorableUnlocked(dataDir);
  const unlock = await lockBackup(folder);
  const progress = new ByteProgress(output, 'Restored');
  try {
    const result = await restoreLocked({
      folder,
      dataDir,
      allowDamaged: allowDamaged === true,
      by: { actor: thisOperator(environment), now: new Date() },
      signal,
      onBytes: progress.onBytes,
    });
    progress.stop();
    const { locationOf } = diskInventory(folder);
    const places = { folder, dataDir, locationOf };
    output.document(restoreDocument(result, places));
    output.result(formatRestore(result, places, output.style));
    const { damaged } = result;
    if (damaged.length === 0) return;
    const count = formatCount(damaged.length, 'file');
    output.warning([
      `${count} could not be restored and must be published again:`,
      ...damageItems(damaged, locationOf).map((item) => `  - ${item}`),
    ]);
  } catch (error) {
    throw databaseFailure(error) ?? error;
  } finally {
    progress.stop();
    unlock();
  }
}

type Restoring = Omit<Parameters<typeof restoreStore>[0], 'source'>;

async function restoreLocked(options: Restoring) {
  const source = await openStoreWithFiles(options.folder);
  try {
    const unlock = await lockForServing({ dataDir: options.dataDir, hint: 'Stop it first.' });
    try {
      await requireRestorable(options.dataDir);
      return await restoreStore({ ...options, source });
    } finally {
      unlock();
    }
  } finally {
    await source.close();
  }
}

/** A folder that is served is never empty, but that it is served says more. */
async function requireRestorableUnlocked(dataDir: string): Promise<void> {
  if (existsSync(join(dataDir, SERVE_LOCK))) {
    await requireOwnContent(dataDir); // the lock is opened for writing
    const hint = 'Stop it first, and move its folder away if the backup is to take its place.';
    (await lockForServing({ dataDir, hint }))();
  }
  await requireRestorable(dataDir);
}

/** @throws OtaError `usage`, `store_unavailable` */
async function requireBackup(folder: string): Promise<void> {
  if (statDatabase(join(folder, DATABASE_FILE)) === undefined) {
    const isUnfinished = existsSync(join(folder, BACKUP_LOCK));
    throw new OtaError(
      'usage',
      isUnfinished ? `the backup in ${folder} was never finished` : `there is no backup in ${folder}`,
      { hint: 'Pass the folder of a backup that `synckit-ota backup` finished.' },
    );
  }
  await requireSoundStore(folder);
}

/** Keeps backups out, which would remove files; refuses a store that is served, from which files may vanish. */
async function lockBackup(folder: string): Promise<() => void> {
  await requireOwnContent(folder);
  const isWritable = await access(folder, constants.W_OK).then(
    () => true,
    () => false, // and so for others, most likely: a read-only disk
  );
  if (!isWritable) return () => {};
  if (existsSync(join(folder, SERVE_LOCK))) {
    return lockForServing({ dataDir: folder, hint: 'Make a backup of it first: synckit-ota backup.' });
  }
  if (!existsSync(join(folder, BACKUP_LOCK))) return () => {};
  return lockFolder(folder, BACKUP_LOCK, {
    message: `a backup into ${folder} is running`,
    hint: 'Wait until it has finished.',
  });
}
