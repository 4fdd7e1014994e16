import type { Dirent } from 'node:fs';
import { isAbsolute, join, resolve } from 'node:path';
import { OtaError } from '../../errors.ts';
import { entriesOf } from './cargo-target.ts';
import { CONFIG_NAMES } from './tauri-config.ts';

/** How many levels of folders are searched. */
const MAX_DEPTH = 3;

/** Folders with dependencies or build output. */
const NOT_SEARCHED = /^(\..*|node_modules|target|dist|build|vendor)$/;

/**
 * The folder with the Tauri configuration: the project itself, its `src-tauri`, or the only one in a folder below.
 * @throws OtaError `usage` when there is none, or several
 */
export async function findTauriFolder(project: string): Promise<string> {
  const found = await listTauriFolders(project);
  const [only] = found;
  if (only !== undefined && found.length === 1) return only;
  if (found.length > 1) {
    throw new OtaError('usage', `${project} contains several Tauri projects: ${found.join(', ')}`, {
      hint: 'Choose one with --project.',
    });
  }
  const place = isAbsolute(project) ? project : `${project} (${resolve(project)})`;
  throw new OtaError('usage', `no Tauri project found in ${place}`, {
    hint:
      'Pass its folder with --project, or list the files with --artifact TARGET-ARCH=FILE ' +
      'or under "artifacts" in synckit-ota.config.json.',
  });
}

/** All folders with a Tauri configuration; only one when it is the project itself or its `src-tauri`. */
export async function listTauriFolders(project: string): Promise<string[]> {
  for (const folder of [project, join(project, 'src-tauri')]) {
    if (await hasConfig(folder)) return [folder];
  }
  return search(project, MAX_DEPTH);
}

async function hasConfig(folder: string): Promise<boolean> {
  const names = (await readableEntries(folder)).map(({ name }) => name);
  return CONFIG_NAMES.some((name) => names.includes(name));
}

async function search(folder: string, depth: number): Promise<string[]> {
  if (depth === 0) return [];
  const found: string[] = [];
  for (const entry of await readableEntries(folder)) {
    if (!entry.isDirectory() || NOT_SEARCHED.test(entry.name)) continue;
    const inner = join(folder, entry.name);
    if (await hasConfig(inner)) found.push(inner);
    else found.push(...(await search(inner, depth - 1)));
  }
  return found;
}

/** The entries of a folder; none when this user may not read it. */
function readableEntries(folder: string): Promise<Dirent[]> {
  return entriesOf(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'EACCES' || error.code === 'EPERM') return [];
    throw error;
  });
}
