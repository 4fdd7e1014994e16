import type { Dirent } from 'node:fs';
import { join } from 'node:path';
import { OtaError } from '../../errors.ts';
import { entriesOf } from './cargo-target.ts';
import { CONFIG_NAMES } from './tauri-config.ts';

/** How deep below a project its Tauri folder is looked for. */
const MAX_DEPTH = 3;

/** What holds other people's code, or what was built. */
const NOT_SEARCHED = /^(\..*|node_modules|target|dist|build|vendor)$/;

/**
 * The folder with the Tauri configuration: the project's own, its `src-tauri`, or the only one below it.
 * @throws OtaError `usage` when there is none, or several
 */
export async function findTauriFolder(project: string): Promise<string> {
  const found = await listTauriFolders(project);
  const [only] = found;
  if (only !== undefined && found.length === 1) return only;
  if (found.length > 1) {
    throw new OtaError('usage', `${project} holds several Tauri projects: ${found.join(', ')}`, {
      hint: 'Say which with --project.',
    });
  }
  throw new OtaError('usage', `there is no Tauri project in ${project}: none of ${CONFIG_NAMES.join(', ')}`, {
    hint:
      'Name its folder with --project, or the files with --artifact TARGET-ARCH=FILE ' +
      'or as "artifacts" in synckit-ota.config.json.',
  });
}

/** Where a Tauri configuration is: the project's own folder, else its `src-tauri`, else every one below it. */
export async function listTauriFolders(project: string): Promise<string[]> {
  for (const folder of [project, join(project, 'src-tauri')]) {
    if (await hasConfig(folder)) return [folder];
  }
  return search(project, MAX_DEPTH);
}

async function hasConfig(folder: string): Promise<boolean> {
  const names = (await visibleIn(folder)).map(({ name }) => name);
  return CONFIG_NAMES.some((name) => names.includes(name));
}

async function search(folder: string, depth: number): Promise<string[]> {
  if (depth === 0) return [];
  const found: string[] = [];
  for (const entry of await visibleIn(folder)) {
    if (!entry.isDirectory() || NOT_SEARCHED.test(entry.name)) continue;
    const inner = join(folder, entry.name);
    if (await hasConfig(inner)) found.push(inner);
    else found.push(...(await search(inner, depth - 1)));
  }
  return found;
}

/** What a folder holds; nothing where this user may not look. */
function visibleIn(folder: string): Promise<Dirent[]> {
  return entriesOf(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'EACCES' || error.code === 'EPERM') return [];
    throw error;
  });
}
