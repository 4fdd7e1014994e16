import { constants, readdirSync, readFileSync, type Stats, statSync } from 'node:fs';
import { access, lstat, opendir } from 'node:fs/promises';
import { join } from 'node:path';
import { OtaError } from '../../errors.ts';
import { errorCode, messageOf } from '../../runtime/error-details.ts';
import { RUN_AS_ITS_USER } from '../../runtime/private-file.ts';
import type { FileInventory, ListedFile } from '../file-inventory.ts';
import { readRegularFile } from '../regular-file.ts';
import { servedFolder, stagingFolder, storedPath } from '../stored-path.ts';
import { PROBE } from './disk-storage.ts';
import { isOwnFile } from './owner-file.ts';

const READ_SIZE = 1024 * 1024;
/** Files that are examined at once. */
const BATCH_SIZE = 64;

/** A user and their group. */
export type FileReader = Pick<Stats, 'uid' | 'gid'>;

/**
 * The artifacts of a data folder.
 * @param reader the user of the server, where this one is root, who can read everything
 */
export function diskInventory(dataDir: string, reader?: FileReader): FileInventory {
  const locationOf = (storageKey: string) => storedPath(servedFolder(dataDir), storageKey);
  return {
    served: () => listFiles(servedFolder(dataDir), reader),
    staged: () => listFiles(stagingFolder(dataDir)),
    read: (storageKey) => readRegularFile(locationOf(storageKey), READ_SIZE),
    locationOf,
  };
}

/** Whether there are artifacts in a data folder, besides what a crash leaves of a server's first start. */
export function holdsArtifacts(dataDir: string): boolean {
  const folder = servedFolder(dataDir);
  try {
    return readdirSync(folder).some((name) => !isOwnFile(name) && !isProbe(join(folder, name)));
  } catch (error) {
    if (errorCode(error) === 'ENOENT' || errorCode(error) === 'ENOTDIR') return false;
    throw cannotList(folder, error);
  }
}

function isProbe(file: string): boolean {
  const stats = statSync(file, { throwIfNoEntry: false });
  if (!stats?.isFile()) return true;
  return stats.size <= PROBE.length && PROBE.equals(readFileSync(file));
}

/**
 * The files in a folder, which may be missing.
 * @param reader who has to be able to read them; by default this user
 */
async function* listFiles(folder: string, reader?: FileReader): AsyncIterable<ListedFile> {
  let batch: string[] = [];
  try {
    for await (const { name } of await opendir(folder)) {
      if (isOwnFile(name)) continue;
      batch.push(name);
      if (batch.length < BATCH_SIZE) continue;
      yield* await statAll(folder, batch, reader);
      batch = [];
    }
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') throw cannotList(folder, error);
  }
  yield* await statAll(folder, batch, reader);
}

async function statAll(folder: string, names: readonly string[], reader?: FileReader): Promise<ListedFile[]> {
  const listed = await Promise.all(
    names.map(async (name) => {
      const path = join(folder, name);
      const stats = await lstat(path).catch(() => undefined); // removed since, or unreadable
      if (stats === undefined) return [];
      if (!stats.isFile()) return [{ name, size: 0, isSpecial: true }];
      const isReadable = reader === undefined ? await canRead(path) : isReadableBy(reader, stats);
      return [{ name, size: stats.size, ...(!isReadable && { isUnreadable: true }) }];
    }),
  );
  return listed.flat();
}

function canRead(path: string): Promise<boolean> {
  return access(path, constants.R_OK).then(
    () => true,
    (error) => errorCode(error) === 'ENOENT', // removed since
  );
}

function isReadableBy({ uid, gid }: FileReader, file: Stats): boolean {
  if (uid === 0) return true;
  const shift = file.uid === uid ? 6 : file.gid === gid ? 3 : 0;
  return ((file.mode >> shift) & 4) !== 0;
}

function cannotList(folder: string, cause: unknown): OtaError {
  return new OtaError('store_unavailable', `${folder} cannot be read: ${messageOf(cause)}`, {
    cause,
    hint: RUN_AS_ITS_USER,
  });
}
