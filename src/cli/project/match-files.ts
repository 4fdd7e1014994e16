import { stat } from 'node:fs/promises';
import { isAbsolute, join } from 'node:path';
import { glob } from 'tinyglobby';

/**
 * The files that a pattern in a folder matches, by path, without signatures. What is the path of a file is that file,
 * whatever is in its name and wherever links lead; wildcards go through no links, so what they find is where it is
 * written to be, and they match no folders.
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
