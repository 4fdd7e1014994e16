import { join } from 'node:path';
import { backupIdentity } from '../../database/queries/backup-record.ts';
import { hasRecords } from '../../database/queries/recorded-files.ts';
import { requireStoredNames } from '../../database/queries/stored-names.ts';
import type { Queries } from '../../database/schema.ts';
import { isUntouchedCopy, requireUsableDatabase, statDatabase } from '../../database/sqlite/database-file.ts';
import { openReadOnlyStore, type ReadOnlyStore } from '../../database/sqlite/open-read-only.ts';
import { DATABASE_FILE } from '../../database/sqlite/open-sqlite.ts';
import { requireSoundWhenSmall } from '../../database/sqlite/threads/check-integrity.ts';
import { OtaError } from '../../errors.ts';
import { holdsArtifacts } from '../../storage/disk/disk-inventory.ts';

/**
 * Refuses a data folder with a database that is damaged, or not the one that was there: it would be served as if it were
 * empty. To be called before SQLite opens it for writing.
 * @throws OtaError `store_unavailable`
 */
export async function requireSoundStore(dataDir: string): Promise<void> {
  requireUsableStore(dataDir);
  await requireSoundWhenSmall(join(dataDir, DATABASE_FILE));
}

/** The same, without looking into the database. */
export function requireUsableStore(dataDir: string): void {
  requireUsableDatabase(join(dataDir, DATABASE_FILE), { hasFiles: () => holdsArtifacts(dataDir) });
}

/**
 * Refuses the folder of a backup before anything in it is touched: what was opened as a store is no backup any more.
 * @throws OtaError `store_unavailable`
 */
export async function requireNoBackup(dataDir: string): Promise<void> {
  const file = join(dataDir, DATABASE_FILE);
  if (!statDatabase(file)?.size) return;
  requireUsableStore(dataDir);
  if (!isUntouchedCopy(file)) return;
  const { queries, close } = await openReadOnlyStore({ dataDir, anySchema: true });
  try {
    const identity = await backupIdentity(queries).catch((error: unknown) => {
      if (error instanceof OtaError) throw error;
      return undefined; // damaged, or another program's
    });
    if (identity?.madeAt === undefined) return;
  } finally {
    await close();
  }
  throw new OtaError('store_unavailable', `${dataDir} holds a backup, which would be none after this`, {
    hint: `Restore it into a data folder: \`synckit-ota restore ${dataDir} --data-dir <folder>\`.`,
  });
}

/**
 * Opens a store or backup, also while it is served, to read its files too.
 * @throws OtaError `usage` when there is none; `store_unavailable` when it cannot be read, has another schema, or names
 *   files outside of it
 */
export async function openStoreWithFiles(dataDir: string): Promise<ReadOnlyStore> {
  const store = await openReadOnlyStore({ dataDir });
  try {
    await requireStoredNames(store.queries);
    return store;
  } catch (error) {
    await store.close();
    throw error;
  }
}

/**
 * Names another folder's risk, as `cp -al` makes one: two processes would change one database, each with a -wal of its own.
 * @returns undefined for a database that has one name only
 */
export function describeLinkedDatabase(dataDir: string): string | undefined {
  const file = join(dataDir, DATABASE_FILE);
  const links = statDatabase(file)?.nlink ?? 1;
  if (links <= 1) return undefined;
  return `${file} has ${links} names (hard links), so a copy elsewhere is this database itself, and changes with it: remove it, and make it anew with \`synckit-ota backup\``;
}

/**
 * Refuses a database without any app beside files that were published.
 * @throws OtaError `store_unavailable`
 */
export async function requireRecordsOfFiles(queries: Queries, dataDir: string): Promise<void> {
  if ((await hasRecords(queries)) || !holdsArtifacts(dataDir)) return;
  throw new OtaError(
    'store_unavailable',
    `the database in ${dataDir} has no apps, although there are files beside it`,
    {
      hint: 'Put the right database back, with its -wal if it has one, or restore a backup with `synckit-ota restore`; for a new store use an empty folder.',
    },
  );
}
