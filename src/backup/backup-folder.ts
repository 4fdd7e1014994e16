import { existsSync, statSync } from 'node:fs';
import { readdir, realpath } from 'node:fs/promises';
import { basename, dirname, join, relative, resolve, sep } from 'node:path';
import { backupIdentity } from '../database/queries/backup-record.ts';
import { storeHistory } from '../database/queries/store-history.ts';
import type { Queries } from '../database/schema.ts';
import { isUntouchedCopy } from '../database/sqlite/database-file.ts';
import { openSqliteReadOnly } from '../database/sqlite/open-read-only.ts';
import { DATABASE_FILE } from '../database/sqlite/open-sqlite.ts';
import { SERVE_LOCK } from '../database/sqlite/serve-lock.ts';
import { OtaError } from '../errors.ts';
import { makeFolder } from '../runtime/make-folder.ts';
import { syncFolder, syncFoldersAbove } from '../runtime/private-file.ts';
import { servedFolder, stagingFolder } from '../storage/stored-path.ts';
import { isAhead, type StoreState } from './backup-lineage.ts';
import { findForeign } from './own-folder.ts';

/** The database of a backup or restore that is not finished. */
export const UNFINISHED_DATABASE = `${DATABASE_FILE}.partial`;
/** Held by a backup while it runs. Its file stays: without a database beside it, the first backup was not finished. */
export const BACKUP_LOCK = 'backup.lock';

/** What is at the root of a file system that was just made. */
const ALWAYS_THERE = ['lost+found'];
const OWN_FOLDERS = ['artifacts', 'staging'];

/**
 * What is in a folder, besides what is always there.
 * @param startedBy the name of a file that an unfinished run leaves, for certain
 */
export async function contentOf(
  folder: string,
  startedBy: string,
): Promise<'nothing' | 'unfinished' | 'something'> {
  const names = (await readdir(folder)).filter((name) => !ALWAYS_THERE.includes(name));
  // SQLite may leave a -journal beside a lock.
  const rest = names.filter((name) => ![BACKUP_LOCK, SERVE_LOCK].some((lock) => name.startsWith(lock)));
  if (rest.length === 0) return 'nothing';
  const isOwn = (name: string) => OWN_FOLDERS.includes(name) || name.startsWith(UNFINISHED_DATABASE);
  if (!rest.every(isOwn)) return 'something';
  return names.some((name) => name.startsWith(startedBy)) || (await areEmpty(folder, rest))
    ? 'unfinished'
    : 'something';
}

/** A run that ended before its first file leaves empty folders. */
async function areEmpty(folder: string, names: readonly string[]): Promise<boolean> {
  const contents = await Promise.all(
    names.filter((name) => OWN_FOLDERS.includes(name)).map((name) => readdir(join(folder, name))),
  );
  return contents.every((content) => content.length === 0);
}

/** @returns the path of a backup's folder without symbolic links @throws OtaError `usage` for one inside or around the store */
export async function findBackupFolder(destination: string, dataDir: string): Promise<string> {
  const folder = await requireApart(destination, dataDir);
  if (existsSync(folder) && !statSync(folder).isDirectory()) {
    throw new OtaError('usage', `${destination} is not a folder`, { hint: OTHER_FOLDER });
  }
  return folder;
}

/** Refuses a folder with links to others in it, in which files would be written and deleted. @throws OtaError `conflict` */
export async function requireOwnContent(folder: string): Promise<void> {
  const foreign = await findForeignContent(folder);
  if (foreign === undefined) return;
  throw new OtaError('conflict', `${foreign} is a symbolic link, or not what it is named for`, {
    hint: `Remove it, or choose another folder. Only ${folder} itself may be a link.`,
  });
}

/** Refuses a backup that `restore` refuses for what is in its folder. @throws OtaError `verification_failed` */
export async function requireRestorableBackup(folder: string): Promise<void> {
  const foreign = await findForeignContent(folder);
  if (foreign === undefined) return;
  throw new OtaError('verification_failed', `${foreign} is a symbolic link, or not what it is named for`, {
    hint: 'Put the folder or file itself in its place: a backup is not restored from links.',
  });
}

async function findForeignContent(folder: string): Promise<string | undefined> {
  const folders = OWN_FOLDERS.map((name) => join(folder, name));
  const files = [DATABASE_FILE, UNFINISHED_DATABASE, BACKUP_LOCK, SERVE_LOCK].map((name) =>
    join(folder, name),
  );
  return (await findForeign(folders, 'folder')) ?? (await findForeign(files, 'file'));
}

/** Refuses a folder that is neither empty nor a backup of this store. @throws OtaError `conflict` */
export async function requireBackupOf(store: StoreState, folder: string): Promise<void> {
  if (!existsSync(folder)) return;
  await requireOwnContent(folder);
  if (!existsSync(join(folder, DATABASE_FILE))) {
    if (existsSync(join(folder, SERVE_LOCK)) || (await contentOf(folder, BACKUP_LOCK)) === 'something') {
      throw new OtaError('conflict', `${folder} is not empty, and not a backup`, { hint: OTHER_FOLDER });
    }
    return;
  }
  if (existsSync(join(folder, SERVE_LOCK)) || !isUntouchedCopy(join(folder, DATABASE_FILE))) {
    throw new OtaError('conflict', `${folder} is not a backup: it is or was in use as a data folder`, {
      hint: OTHER_FOLDER,
    });
  }
  const existing = await readState(folder);
  if (existing.madeAt === undefined) {
    throw new OtaError('conflict', `${folder} is not a backup, but holds a store`, { hint: OTHER_FOLDER });
  }
  if (existing.storeId !== undefined && existing.storeId !== store.storeId) {
    throw new OtaError('conflict', `${folder} holds the backup of another store`, { hint: OTHER_FOLDER });
  }
  requireNotLater(existing, store, folder);
}

/** An older database that was put in place by mistake must not replace the backup of what was published since. */
function requireNotLater(existing: StoreState, store: StoreState, folder: string): void {
  if (!isAhead(existing, store)) return;
  throw new OtaError(
    'conflict',
    `${folder} holds a backup of a later state of this store than the present one, or of another copy of it`,
    {
      hint: 'Find out whether an older database was put in place, or a second copy of the store is served; if it was on purpose, choose an empty folder.',
    },
  );
}

const OTHER_FOLDER = 'Choose an empty folder, or one that has only held backups of this store.';

async function readState(folder: string): Promise<StoreState> {
  const queries = await openSqliteReadOnly({ dataDir: folder });
  try {
    return await stateOf(queries);
  } finally {
    await queries.destroy();
  }
}

export async function stateOf(queries: Queries): Promise<StoreState> {
  return { ...(await backupIdentity(queries)), history: await storeHistory(queries) };
}

/** Creates the folders of a store for its owner only, durably. @throws OtaError `store_unavailable`, `durability_lost` */
export async function createFolders(folder: string): Promise<void> {
  try {
    await makeFolder(folder, 0o700);
    for (const path of [servedFolder(folder), stagingFolder(folder)]) await makeFolder(path, 0o700);
    syncFolder(folder);
    syncFoldersAbove(folder);
  } catch (cause) {
    if (cause instanceof OtaError) throw cause;
    throw new OtaError(
      'store_unavailable',
      `${folder} cannot be used: ${cause instanceof Error ? cause.message : cause}`,
      {
        cause,
        hint: 'Choose a folder that this user can create, or write to.',
      },
    );
  }
}

/** Refuses a backup and a data folder of which one is inside the other. @returns the path of the backup @throws OtaError `usage` */
export async function requireApart(backup: string, dataDir: string): Promise<string> {
  if (backup.trim() === '')
    throw new OtaError('usage', 'the folder of the backup is empty', { hint: 'Give one.' });
  const [folder, data] = [await realPathOf(backup), await realPathOf(dataDir)];
  if (!isWithin(folder, data) && !isWithin(data, folder)) return folder;
  const how = folder === data ? 'is' : isWithin(folder, data) ? 'is inside' : 'contains';
  throw new OtaError('usage', `${backup} ${how} the data folder ${dataDir}`, {
    hint: 'Keep them apart, on different disks if possible.',
  });
}

/** A path without symbolic links, the end of which may not exist. */
async function realPathOf(path: string): Promise<string> {
  const absolute = resolve(path);
  const real = await realpath(absolute).catch(() => undefined);
  if (real !== undefined) return real;
  const parent = dirname(absolute);
  return parent === absolute ? absolute : join(await realPathOf(parent), basename(absolute));
}

function isWithin(path: string, folder: string): boolean {
  const way = relative(folder, path);
  return way !== '..' && !way.startsWith(`..${sep}`) && !way.startsWith(sep) && !/^[A-Za-z]:/.test(way);
}
