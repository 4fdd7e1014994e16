import { lstat } from 'node:fs/promises';

/**
 * Finds what is not of its own folder: a symbolic link, or something else than is expected. What is written or deleted
 * through a link may be anyone's.
 * @param what each path has to be, if it exists
 * @returns the first path that is something else
 */
export async function findForeign(
  paths: readonly string[],
  what: 'folder' | 'file',
): Promise<string | undefined> {
  for (const path of paths) {
    const stats = await lstat(path).catch(() => undefined);
    if (stats === undefined) continue;
    if (what === 'folder' ? !stats.isDirectory() : !stats.isFile()) return path;
  }
  return undefined;
}
