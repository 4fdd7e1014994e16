import { existsSync, readdirSync } from 'node:fs';
import { copyFile, link, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { DATABASE_FILE } from '../../database/sqlite/open-sqlite.ts';
import { errorCode } from '../../runtime/error-details.ts';
import { makeFolder } from '../../runtime/make-folder.ts';
import { syncFolder } from '../../runtime/private-file.ts';
import { servedFolder } from '../../storage/stored-path.ts';

/** One that is not finished. The next run goes on with it. */
const UNFINISHED = 'backup.partial';
const NAME = /^backup-(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/;
/** Of file systems without hard links, or with too many names of one file. */
const CANNOT_LINK: readonly (string | undefined)[] = [
  'EPERM',
  'ENOTSUP',
  'EOPNOTSUPP',
  'EMLINK',
  'ENOSYS',
  'EXDEV',
];

/** A finished backup in the folder of scheduled ones: a complete backup itself, which `restore` takes. */
export interface Generation {
  readonly name: string;
  readonly madeAt: Date;
}

/** The backups in a folder, which may be missing; the newest first. */
export function listGenerations(folder: string): Generation[] {
  const names = existsSync(folder) ? readdirSync(folder) : [];
  const generations = names.flatMap((name) => {
    const [, year, month, day, hour, minute, second] = NAME.exec(name) ?? [];
    if (year === undefined) return [];
    return [{ name, madeAt: new Date(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`) }];
  });
  return generations.sort((a, b) => (a.name < b.name ? 1 : -1));
}

/**
 * Prepares the folder of the next backup. It begins as the one before it: their files are the same, under two names, so that
 * only new ones are copied and take space.
 */
export async function prepareGeneration(folder: string): Promise<string> {
  const unfinished = join(folder, UNFINISHED);
  if (existsSync(unfinished)) return unfinished;
  await makeFolder(folder, 0o700);
  const [newest] = listGenerations(folder);
  if (newest === undefined) return unfinished;
  const before = join(folder, newest.name);
  const linked = `${unfinished}.new`;
  await rm(linked, { recursive: true, force: true });
  await makeFolder(servedFolder(linked), 0o700);
  if (await linkFiles(servedFolder(before), servedFolder(linked))) {
    await copyFile(join(before, DATABASE_FILE), join(linked, DATABASE_FILE));
    await rename(linked, unfinished);
  } else await rm(linked, { recursive: true });
  return unfinished;
}

/** Names a backup that is complete. @returns its path */
export async function finishGeneration(folder: string, now: Date): Promise<string> {
  const name = `backup-${now.toISOString().slice(0, 19).replaceAll(/[-:]/g, '')}Z`;
  await rename(join(folder, UNFINISHED), join(folder, name));
  syncFolder(folder);
  return join(folder, name);
}

/** Removes all but the newest ones. */
export async function pruneGenerations(folder: string, keep: number): Promise<void> {
  for (const { name } of listGenerations(folder).slice(keep)) {
    await rm(join(folder, name), { recursive: true, force: true });
  }
}

/** @returns false where there are no hard links */
async function linkFiles(from: string, to: string): Promise<boolean> {
  try {
    for (const name of await readdir(from)) await link(join(from, name), join(to, name));
    return true;
  } catch (error) {
    if (CANNOT_LINK.includes(errorCode(error))) return false;
    throw error;
  }
}
