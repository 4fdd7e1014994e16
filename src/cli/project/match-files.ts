import { stat } from 'node:fs/promises';
import { isAbsolute, join } from 'node:path';
import { glob } from 'tinyglobby';
import { SIGNATURE_ENDINGS } from '../../tauri/bundle/bundle-tree.ts';

/**
 * The files that a pattern in a folder matches, sorted, without signatures. The path of an existing file matches that
 * file, whatever characters are in its name. Wildcards match no folders and follow no symbolic links. A letter with an
 * accent matches however the file system writes it.
 */
export async function matchFiles(folder: string, pattern: string): Promise<string[]> {
  const path = isAbsolute(pattern) ? pattern : join(folder, pattern);
  if (await isFile(path)) return [path];
  const literal = escapeUndocumented(pattern);
  const found = [...(await findFiles(folder, literal)), ...(await findFiles(folder, inBothForms(literal)))];
  return [...new Set(found)].sort();
}

async function findFiles(folder: string, pattern: string): Promise<string[]> {
  const found = await glob(pattern, {
    cwd: folder,
    expandDirectories: false,
    followSymbolicLinks: false,
    extglob: false,
  });
  return found
    .filter((file) => !SIGNATURE_ENDINGS.some((ending) => file.endsWith(ending)))
    .map((file) => join(folder, file));
}

/** Only `*`, `?`, `**`, `{a,b}` and `[ab]` are special, and what a backslash precedes is not. */
function escapeUndocumented(pattern: string): string {
  const parts = /\\.|\[[^\]]*\]|^!|\{[^{},]*\}|[()|+@"$^]/gsu;
  return pattern.replace(parts, (part) => {
    if (part.startsWith('\\') || part.startsWith('[')) return part;
    return part.startsWith('{') ? `\\{${part.slice(1, -1)}\\}` : `\\${part}`;
  });
}

/** Each letter that Unicode writes in two ways, as one of both; not in `[…]`, where it has to be one character. */
function inBothForms(pattern: string): string {
  return pattern.replace(/\[[^\]]*\]|\P{ASCII}\p{M}*|\p{ASCII}\p{M}+/gu, (part) => {
    const [composed, decomposed] = [part.normalize('NFC'), part.normalize('NFD')];
    return part.startsWith('[') || composed === decomposed ? part : `{${composed},${decomposed}}`;
  });
}

async function isFile(path: string): Promise<boolean> {
  return stat(path).then(
    (stats) => stats.isFile(),
    () => false,
  );
}
