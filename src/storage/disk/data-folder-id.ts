import { randomUUID } from 'node:crypto';
import { link, open, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { OtaError } from '../../errors.ts';
import { errorCode, messageOf } from '../../runtime/error-details.ts';
import { makeFolder } from '../../runtime/make-folder.ts';
import { RUN_AS_ITS_USER } from '../../runtime/private-file.ts';
import { readRegularText } from '../regular-file.ts';

const FILE = 'storage-id';

/**
 * Identifies a data folder, even after it was moved, to a database outside of it: a random id in a file, which is
 * created when there is none.
 * @throws OtaError `store_unavailable` when the folder cannot be used
 */
export async function dataFolderId(dataDir: string): Promise<string> {
  const file = join(dataDir, FILE);
  try {
    await makeFolder(dataDir, 0o700);
    return (await read(file)) ?? (await create(file));
  } catch (cause) {
    throw new OtaError('store_unavailable', `${file} cannot be used: ${messageOf(cause)}`, {
      cause,
      hint: 'Pass a --data-dir that this user can write to.',
    });
  }
}

/** The id, without creating one. @throws OtaError `store_unavailable` when it cannot be read */
export async function existingFolderId(dataDir: string): Promise<string | undefined> {
  const file = join(dataDir, FILE);
  try {
    return await read(file);
  } catch (cause) {
    throw new OtaError('store_unavailable', `${file} cannot be read: ${messageOf(cause)}`, {
      cause,
      hint: RUN_AS_ITS_USER,
    });
  }
}

async function read(file: string): Promise<string | undefined> {
  try {
    return (await readRegularText(file)).trim();
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') throw error;
    return undefined;
  }
}

/** Atomic: of several processes that create it at once, all get the same id. */
async function create(file: string): Promise<string> {
  const unfinished = `${file}.${randomUUID()}`;
  const handle = await open(unfinished, 'wx', 0o600);
  try {
    await handle.writeFile(`${randomUUID()}\n`);
    await handle.sync();
  } finally {
    await handle.close();
  }
  await link(unfinished, file).catch((error: unknown) => {
    if (errorCode(error) !== 'EEXIST') throw error;
  });
  await unlink(unfinished);
  return (await readRegularText(file)).trim();
}
