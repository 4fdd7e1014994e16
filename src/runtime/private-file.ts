import { closeSync, existsSync, fsyncSync, mkdirSync, openSync } from 'node:fs';
import { platform } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { OtaError } from '../errors.ts';

/**
 * Makes sure of a data folder and a file in it. The store holds tokens' hashes and URL secrets: the folder is 0700
 * and the file 0600 from the start.
 * @throws OtaError `store_unavailable`
 */
export function createPrivateFile(dataDir: string, name: string): void {
  try {
    makeFolder(resolve(dataDir));
    closeSync(openSync(join(dataDir, name), 'a', 0o600));
  } catch (cause) {
    throw new OtaError(
      'store_unavailable',
      `the data folder ${dataDir} cannot be used: ${(cause as Error).message}`,
      {
        cause,
        hint: 'Give --data-dir a folder this user can write.',
      },
    );
  }
}

/** With the folders above it. Node's own `recursive` goes round for ever where a folder takes no entries, as /proc. */
function makeFolder(folder: string): void {
  if (existsSync(folder)) return;
  if (!existsSync(dirname(folder))) makeFolder(dirname(folder));
  try {
    mkdirSync(folder, { mode: 0o700 });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error; // another process was quicker
  }
}

/** Makes the folder's entries durable. */
export function syncFolder(folder: string): void {
  if (platform() === 'win32') return; // a folder cannot be opened there; NTFS journals its entries
  const handle = openSync(folder, 'r');
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}
