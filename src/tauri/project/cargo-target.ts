import type { Dirent } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { parseTriple, type Triple } from '../../protocol/bundle/arch-words.ts';
import { configuredTarget } from './cargo-config.ts';

/** A `bundle` folder that `tauri build` made. */
export interface BundleFolder {
  readonly folder: string;
  readonly profile: string; // `release`, `debug` or one of the project's own
  readonly triple?: FolderTriple; // of a build with `--target`
}

export interface FolderTriple {
  readonly name: string;
  /** Undefined for a system or arch that Tauri's updater does not support. */
  readonly parsed: Triple | undefined;
}

export interface CargoTargetOptions {
  readonly folder: string; // the package's, where Cargo runs
  readonly workspaceRoot: string;
  readonly cargoTargetDir?: string | undefined; // `CARGO_TARGET_DIR`
  readonly cargoHome?: string | undefined; // `CARGO_HOME`
}

/**
 * Where Cargo builds into, from its files: `CARGO_TARGET_DIR`, `build.target-dir` of its configuration, or the workspace's
 * `target`.
 * @throws OtaError `usage` when a configuration cannot be read
 */
export async function findCargoTarget(options: CargoTargetOptions): Promise<string> {
  const folder = resolve(options.folder);
  if (options.cargoTargetDir) return resolve(folder, options.cargoTargetDir);
  return (await configuredTarget(folder, options.cargoHome)) ?? join(options.workspaceRoot, 'target');
}

/** Every `<profile>/bundle` and `<triple>/<profile>/bundle` of Cargo's target folder. */
export async function listBundleFolders(targetFolder: string): Promise<BundleFolder[]> {
  const found: BundleFolder[] = [];
  for (const name of await foldersIn(targetFolder)) {
    const inner = await foldersIn(join(targetFolder, name));
    if (inner.includes('bundle')) found.push({ folder: join(targetFolder, name, 'bundle'), profile: name });
    if (inner.includes('bundle') || inner.includes('deps')) continue; // a profile
    for (const profile of inner) {
      if (!(await foldersIn(join(targetFolder, name, profile))).includes('bundle')) continue;
      const folder = join(targetFolder, name, profile, 'bundle');
      found.push({ folder, profile, triple: { name, parsed: parseTriple(name) } });
    }
  }
  return found;
}

/** The entries of a folder, by name; none when it does not exist. */
export async function entriesOf(folder: string): Promise<Dirent[]> {
  const entries = await readdir(folder, { withFileTypes: true }).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return [];
    throw error;
  });
  return entries.sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** The names of the folders in a folder, also of those that are links. */
async function foldersIn(folder: string): Promise<string[]> {
  const names: string[] = [];
  for (const entry of await entriesOf(folder)) {
    if (entry.isDirectory() || (entry.isSymbolicLink() && (await isFolder(join(folder, entry.name)))))
      names.push(entry.name);
  }
  return names;
}

async function isFolder(path: string): Promise<boolean> {
  return stat(path).then(
    (stats) => stats.isDirectory(),
    () => false, // a link to nowhere
  );
}
