import { closeSync, existsSync, fsyncSync, mkdirSync, openSync, statSync } from 'node:fs';
import { platform } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { OtaError } from '../errors.ts';
import { errorCode, isNoSpace, messageOf } from './error-details.ts';

/** What a folder is, for people, and how another one is given. */
export interface FolderWords {
  /** Followed by its path. */
  readonly folder: string;
  /** One imperative sentence for a folder that cannot be written. */
  readonly hint: string;
}

/** The hint for a file of a store that the user who runs this may not read. */
export const RUN_AS_ITS_USER = 'Run this as the user that the data folder belongs to.';

const DATA_FOLDER: FolderWords = {
  folder: 'the data folder',
  hint: 'Pass a --data-dir that this user can write to.',
};

/** Creates a folder (0700) and a file in it (0600), if missing. @throws OtaError `store_unavailable`, `no_space` */
export function createPrivateFile(folder: string, name: string, words = DATA_FOLDER): void {
  try {
    createFolder(resolve(folder));
    const file = join(folder, name);
    const isSpecial = statSync(file, { throwIfNoEntry: false })?.isFile() === false;
    if (isSpecial) throw new Error(`${file} is not a file`); // opening a pipe would wait for its other end
    closeSync(openSync(file, 'a', 0o600));
  } catch (cause) {
    if (cause instanceof OtaError) throw cause;
    if (isNoSpace(cause)) {
      throw new OtaError('no_space', `the disk of ${words.folder} ${folder} is full`, {
        cause,
        hint: 'Free space there, and run the same command again.',
      });
    }
    const message = `${words.folder} ${folder} cannot be used: ${messageOf(cause)}`;
    throw new OtaError('store_unavailable', message, { cause, hint: words.hint });
  }
}

/** Creates it durably. `mkdirSync` with `recursive` loops forever below a folder like /proc, where none can be created. */
function createFolder(folder: string): void {
  if (existsSync(folder)) return;
  const parent = dirname(folder);
  createFolder(parent);
  try {
    mkdirSync(folder, { mode: 0o700 });
  } catch (error) {
    if (errorCode(error) !== 'EEXIST') throw error; // created by another process
  }
  syncFolder(parent);
}

/** Makes the folder's entries durable. @throws OtaError `durability_lost` when the disk fails */
export function syncFolder(folder: string): void {
  if (platform() === 'win32') return; // Windows cannot open a folder; NTFS journals its entries
  const handle = openSync(folder, 'r');
  try {
    fsyncSync(handle);
  } catch (cause) {
    throw new OtaError('durability_lost', `fsync of ${folder} failed: ${messageOf(cause)}`, { cause });
  } finally {
    closeSync(handle);
  }
}

/** The same for all folders above: an interrupted start may have created them. Those that this user may not read are older. */
export function syncFoldersAbove(folder: string): void {
  const path = resolve(folder);
  const parent = dirname(path);
  if (parent === path || statSync(parent).dev !== statSync(path).dev) return;
  try {
    syncFolder(parent);
  } catch (error) {
    if (errorCode(error) !== 'EACCES' && errorCode(error) !== 'EPERM') throw error;
  }
  syncFoldersAbove(parent);
}
