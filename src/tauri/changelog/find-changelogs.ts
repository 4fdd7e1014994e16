import { existsSync, readdirSync, statSync } from 'node:fs';
import { homedir } from 'node:os';
import { basename, dirname, join, relative, resolve } from 'node:path';

/** The names that changelogs have, in any spelling: what comes first is preferred. */
const NAMES = ['changelog', 'changes', 'history', 'releases', 'releasenotes', 'news'];
const EXTENSIONS = ['.md', '.markdown', '.mdown', '.txt', ''];

export interface ChangelogPlace {
  /** As the user names it. Paths in the result are relative if this one is. */
  readonly project: string;
  readonly tauriFolder: string;
  /** Nothing above is read. */
  readonly home?: string;
}

/**
 * The files that may be the changelog of an app, the nearest first: in the folder that its Tauri folder is in, in the
 * Tauri folder, and in those above up to the root of the repository. Without a repository, up to the project.
 */
export function findChangelogs(place: ChangelogPlace): string[] {
  const { project } = place;
  return foldersOf(place).flatMap((folder) =>
    changelogsIn(folder).map((name) => join(project, relative(resolve(project), join(folder, name)))),
  );
}

function foldersOf({ project, tauriFolder, home = homedir() }: ChangelogPlace): string[] {
  const tauri = resolve(tauriFolder);
  const app = dirname(tauri);
  const root =
    repositoryRoot(tauri, resolve(home)) ?? (isWithin(app, resolve(project)) ? resolve(project) : app);
  const upwards = pathUp(tauri, root);
  const [first, second, ...above] = upwards;
  // In the project itself the crate's own changelog is not the app's.
  const crateFirst = tauri === resolve(project) || basename(tauri) !== 'src-tauri';
  if (first === undefined || second === undefined || crateFirst) return upwards;
  return [second, first, ...above];
}

/** Undefined when there is none, also when it would be above the user's home. */
function repositoryRoot(folder: string, home: string): string | undefined {
  if (existsSync(join(folder, '.git'))) return folder;
  const parent = dirname(folder);
  return parent === folder || folder === home ? undefined : repositoryRoot(parent, home);
}

function pathUp(folder: string, root: string): string[] {
  const parent = dirname(folder);
  return folder === root || parent === folder ? [folder] : [folder, ...pathUp(parent, root)];
}

function isWithin(folder: string, root: string): boolean {
  return folder === root || (folder !== dirname(folder) && isWithin(dirname(folder), root));
}

/** The spelling of most projects first, the rest in the order of their characters, so that every system reads the same. */
function changelogsIn(folder: string): string[] {
  return namesIn(folder)
    .map((name) => ({ name, rank: rankOf(name) }))
    .filter(({ name, rank }) => Number.isFinite(rank) && isFile(join(folder, name)))
    .sort((a, b) => a.rank - b.rank || (a.name < b.name ? -1 : 1))
    .map(({ name }) => name);
}

function rankOf(name: string): number {
  const [, stem = '', extension = ''] = /^([a-z_ -]+)(\.\w+)?$/i.exec(name) ?? [];
  const byName = NAMES.indexOf(stem.toLowerCase().replace(/[_ -]/g, ''));
  const byExtension = EXTENSIONS.indexOf(extension.toLowerCase());
  return byName < 0 || byExtension < 0 ? Number.POSITIVE_INFINITY : byName * EXTENSIONS.length + byExtension;
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return []; // no such folder, or not for this user
  }
}

function isFile(path: string): boolean {
  try {
    return statSync(path).isFile();
  } catch {
    return false; // a broken link
  }
}
