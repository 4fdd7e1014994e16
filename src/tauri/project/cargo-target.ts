import type { Dirent } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { parseTriple, type Triple } from './arch-words.ts';
import { readToml } from './cargo-manifest.ts';
import { tableOf, textOf } from './table.ts';

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
}

/**
 * Where Cargo builds into: `CARGO_TARGET_DIR`, `build.target-dir` of the nearest `.cargo/config.toml`, or the
 * workspace's `target`. https://doc.rust-lang.org/cargo/reference/config.html
 * @throws OtaError `usage` when a configuration cannot be read
 */
export async function findCargoTarget(options: CargoTargetOptions): Promise<string> {
  const folder = resolve(options.folder);
  if (options.cargoTargetDir) return resolve(folder, options.cargoTargetDir);
  return (await configuredTarget(folder)) ?? join(options.workspaceRoot, 'target');
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

async function foldersIn(folder: string): Promise<string[]> {
  return (await entriesOf(folder)).filter((entry) => entry.isDirectory()).map(({ name }) => name);
}

/** Relative to the folder that holds `.cargo`. Cargo prefers `config` to `config.toml`. */
async function configuredTarget(folder: string): Promise<string | undefined> {
  for (const name of ['config', 'config.toml']) {
    const config = await readToml(join(folder, '.cargo', name));
    if (config === undefined) continue;
    const directory = textOf(tableOf(config.build)['target-dir']);
    if (directory !== undefined) return resolve(folder, directory);
    break;
  }
  const parent = dirname(folder);
  return parent === folder ? undefined : configuredTarget(parent);
}
