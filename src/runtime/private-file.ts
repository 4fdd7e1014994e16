import { closeSync, existsSync, fsyncSync, mkdirSync, openSync } from 'node:fs';
import { platform } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { OtaError } from '../errors.ts';
import { errorCode, messageOf } from './error-details.ts';

/** Creates a data folder (0700) and a file in it (0600), if missing. @throws OtaError `store_unavailable` */
export function createPrivateFile(dataDir: string, name: string): void {
  try {
    createFolder(resolve(dataDir));
    closeSync(openSync(join(dataDir, name), 'a', 0o600));
  } catch (cause) {
    throw new OtaError(
      'store_unavailable',
      `the data folder ${dataDir} cannot be used: ${messageOf(cause)}`,
      {
        cause,
        hint: 'Pass a --data-dir that this user can write to.',
      },
    );
  }
}

/** `mkdirSync` with `recursive` loops forever below a folder like /proc, where none can be created. */
function createFolder(folder: string): void {
  if (existsSync(folder)) return;
  if (!existsSync(dirname(folder))) createFolder(dirname(folder));
  try {
    mkdirSync(folder, { mode: 0o700 });
  } catch (error) {
    if (errorCode(error) !== 'EEXIST') throw error; // created by another process
  }
}

/** Makes the folder's entries durable. */
export function syncFolder(folder: string): void {
  if (platform() === 'win32') return; // Windows cannot open a folder; NTFS journals its entries
  const handle = openSync(folder, 'r');
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}
