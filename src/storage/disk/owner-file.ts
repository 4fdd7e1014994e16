import { randomUUID } from 'node:crypto';
import { open, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { errorCode } from '../../runtime/error-details.ts';
import type { OwnerRecord } from '../artifact-storage.ts';
import { readRegularText } from '../regular-file.ts';
import { sync, syncFolder, toDiskError, unlinkIfThere } from './durable-file.ts';

/**
 * Says which database the files belong to. It is among them, because two data folders may have the same `artifacts`, by a link
 * or a mount; and in the data folder, where it counts as long as there is none among the files.
 */
export const OWNER_FILE = 'owner.json';
/** Among the files: keeps out servers with another data folder. */
export const FILES_LOCK = 'serve.lock';

/** @property files the folder of artifacts */
export interface OwnerFolders {
  readonly dataDir: string;
  readonly files: string;
}

/** Whether a file among the artifacts is none, by its name: what SQLite or a crash leaves beside these two counts. */
export function isOwnFile(name: string): boolean {
  return name.startsWith(OWNER_FILE) || name.startsWith(FILES_LOCK);
}

export async function readOwnerFile({ dataDir, files }: OwnerFolders): Promise<OwnerRecord | undefined> {
  return (await read(files)) ?? (await read(dataDir));
}

async function read(folder: string): Promise<OwnerRecord | undefined> {
  try {
    const text = await readRegularText(join(folder, OWNER_FILE));
    return { text, version: text };
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined;
    throw toDiskError(error);
  }
}

/** The locks keep other processes from writing it at the same time. */
export async function writeOwnerFile(
  folders: OwnerFolders,
  text: string,
  version: string | undefined,
): Promise<boolean> {
  if ((await readOwnerFile(folders))?.version !== version) return false;
  await replace(folders.files, text);
  await replace(folders.dataDir, text);
  return true;
}

async function replace(folder: string, text: string): Promise<void> {
  const file = join(folder, OWNER_FILE);
  const unfinished = `${file}.${randomUUID()}`;
  try {
    const handle = await open(unfinished, 'wx', 0o600);
    try {
      await handle.writeFile(text);
      await sync(handle);
    } finally {
      await handle.close();
    }
    await rename(unfinished, file);
    await syncFolder(folder);
  } catch (error) {
    await unlinkIfThere(unfinished);
    throw toDiskError(error);
  }
}
