import { stat } from 'node:fs/promises';
import { isAbsolute, join } from 'node:path';
import { glob } from 'tinyglobby';

/**
 * The files that a pattern in a folder matches, sorted, without signatures. The path of an existing file matches that
 * file, whatever characters are in its name. Wildcards match no folders and follow no symbolic links.
 */
export async function matchFiles(folder: string, pattern: string): Promise<string[]> {
  const path = isAbsolute(pattern) ? pattern : join(folder, pattern);
  if (await isFile(path)) return [path];
  const found = await glob(pattern, { cwd: folder, expandDirectories: false, followSymbolicLinks: false });
  return found
    .filter((file) => !file.endsWith('.sig'))
    .map((file) => join(folder, file))
    .sort();
}

async function isFile(path: string): Promise<boolean> {
  return stat(path).then(
    (stats) => stats.isFile(),
    () => false,
  );
}
