import { randomUUID } from 'node:crypto';
import { link, mkdir, open, readFile, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { OtaError } from '../../errors.ts';
import { errorCode, messageOf } from '../../runtime/error-details.ts';

const FILE = 'storage-id';

/**
 * Identifies a data folder, even after it was moved, to a database outside of it: a random id in a file, which is
 * created when there is none.
 * @throws OtaError `store_unavailable` when the folder cannot be used
 */
export async function dataFolderId(dataDir: string): Promise<string> {
  const file = join(dataDir, FILE);
  try {
    await mkdir(dataDir, { recursive: true, mode: 0o700 });
    return (await read(file)) ?? (await create(file));
  } catch (cause) {
    throw new OtaError('store_unavailable', `${file} cannot be used: ${messageOf(cause)}`, {
      cause,
      hint: 'Pass a --data-dir that this user can write to.',
    });
  }
}

async function read(file: string): Promise<string | undefined> {
  try {
    return (await readFile(file, 'utf8')).trim();
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
  return (await readFile(file, 'utf8')).trim();
}
