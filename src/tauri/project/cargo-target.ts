import type { Dirent } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { parseTriple, type Triple } from './arch-words.ts';
import { readToml } from './cargo-manifest.ts';

/** A `bundle` folder, as `tauri build` makes it. */
export interface BundleFolder {
  readonly folder: string;
  /** `release`, `debug`, or one of the project's own. */
  readonly profile: string;
  /** The folder above the profile, with `--target` only. */
  readonly triple?: { readonly name: string; readonly means: Triple | undefined };
}

export interface CargoTargetOptions {
  /** The package's folder, where Cargo runs. */
  readonly folder: string;
  readonly workspaceRoot: string;
  /** `CARGO_TARGET_DIR`, if it is set. */
  readonly cargoTargetDir?: string | undefined;
}

/**
 * Where Cargo builds into, in Cargo's order: `CARGO_TARGET_DIR`, `build.target-dir` of the nearest
 * `.cargo/config.toml`, the workspace's `target`. https://doc.rust-lang.org/cargo/reference/config.html
 * @throws OtaError `usage` when a configuration cannot be read
 */
export async function findCargoTarget(options: CargoTargetOptions): Promise<string> {
  const folder = resolve(options.folder);
  if (options.cargoTargetDir) return resolve(folder, options.cargoTargetDir);
  return (await configuredTarget(folder)) ?? join(options.workspaceRoot, 'target');
}

/** Every `<profile>/bundle` and `<triple>/<profile>/bundle` in Cargo's target folder. */
export async function listBundleFolders(targetFolder: string): Promise<BundleFolder[]> {
  const found: BundleFolder[] = [];
  for (const name of await foldersIn(targetFolder)) {
    const inner = await foldersIn(join(targetFolder, name));
    if (inner.includes('bundle')) found.push({ folder: join(targetFolder, name, 'bundle'), profile: name });
    if (inner.includes('bundle') || inner.includes('deps')) continue; // a profile
    for (const profile of inner) {
      if (!(await foldersIn(join(targetFolder, name, profile))).includes('bundle')) continue;
      const folder = join(targetFolder, name, profile, 'bundle');
      found.push({ folder, profile, triple: { name, means: parseTriple(name) } });
    }
  }
  return found;
}

/** What a folder holds, by name; nothing when it is not there. */
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

/** Relative to the folder that holds `.cargo`. Where both names exist Cargo takes the one without an ending. */
async function configuredTarget(folder: string): Promise<string | undefined> {
  for (const name of ['config', 'config.toml']) {
    const config = await readToml(join(folder, '.cargo', name));
    if (config === undefined) continue;
    const directory = (config.build as { 'target-dir'?: unknown } | undefined)?.['target-dir'];
    if (typeof directory === 'string') return resolve(folder, directory);
    break;
  }
  const parent = dirname(folder);
  return parent === folder ? undefined : configuredTarget(parent);
}
