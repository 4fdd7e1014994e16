import { join } from 'node:path';
import { foreignName, isStoredName } from '../runtime/stored-name.ts';

/** The folder of promoted files in a data folder; each is named by its storage key. */
export function servedFolder(dataDir: string): string {
  return join(dataDir, 'artifacts');
}

/** The folder of uploads in progress in a data folder. */
export function stagingFolder(dataDir: string): string {
  return join(dataDir, 'staging');
}

/** The folder of files that were set aside, as they lost bits. */
export function damagedFolder(dataDir: string): string {
  return join(dataDir, 'damaged');
}

/** The folder of uploads in parts in a data folder. */
export function partsFolder(dataDir: string): string {
  return join(dataDir, 'parts');
}

/**
 * The path of what a database has a name for. Every such path is made here, as the name may be anyone's.
 * @throws OtaError `store_unavailable` for a name that is not one of a file in the folder
 */
export function storedPath(folder: string, name: string): string {
  if (!isStoredName(name)) throw foreignName(name);
  return join(folder, name);
}
