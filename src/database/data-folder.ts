import { closeSync, fsyncSync, mkdirSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { OtaError } from '../errors.ts';

/**
 * Makes sure of a data folder and a file in it. The store holds tokens' hashes and URL secrets: the folder is 0700
 * and the file 0600 from the start.
 * @throws OtaError `store_unavailable`
 */
export function createPrivateFile(dataDir: string, name: string): void {
  try {
    mkdirSync(dataDir, { recursive: true, mode: 0o700 });
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

/** Makes the folder's entries durable. */
export function syncFolder(folder: string): void {
  if (process.platform === 'win32') return; // a folder cannot be opened there; NTFS journals its entries
  const handle = openSync(folder, 'r');
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}
