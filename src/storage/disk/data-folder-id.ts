import { randomUUID } from 'node:crypto';
import { link, mkdir, open, readFile, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { OtaError } from '../../errors.ts';

const FILE = 'storage-id';

/**
 * What tells a data folder from every other, also after it was moved: a random id in a file, made when there is none.
 * A database that is not in the folder knows its artifacts by it.
 * @throws OtaError `store_unavailable` when the folder cannot be used
 */
export async function dataFolderId(dataDir: string): Promise<string> {
  const file = join(dataDir, FILE);
  try {
    await mkdir(dataDir, { recursive: true, mode: 0o700 });
    return (await read(file)) ?? (await create(file));
  } catch (cause) {
    throw new OtaError('store_unavailable', `${file} cannot be used: ${(cause as Error).message}`, {
      cause,
      hint: 'Pass a --data-dir that this user can write to.',
    });
  }
}

async function read(file: string): Promise<string | undefined> {
  try {
    return (await readFile(file, 'utf8')).trim();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    return undefined;
  }
}

/** Whole or not at all; of two who make one at once, both get the same. */
async function create(file: string): Promise<string> {
  const unfinished = `${file}.${randomUUID()}`;
  const handle = await open(unfinished, 'wx', 0o600);
  try {
    await handle.writeFile(`${randomUUID()}\n`);
    await handle.sync();
  } finally {
    await handle.close();
  }
  await link(unfinished, file).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EEXIST') throw error;
  });
  await unlink(unfinished);
  return (await readFile(file, 'utf8')).trim();
}
