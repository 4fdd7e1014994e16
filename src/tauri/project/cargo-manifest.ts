import { dirname, join, relative, resolve } from 'node:path';
import { parse } from 'smol-toml';
import { OtaError } from '../../errors.ts';
import { errorCode, firstLineOf, messageOf } from '../../runtime/error-details.ts';
import { readSmallFile } from '../../runtime/small-file.ts';
import { isTable, type Table, tableOf, textOf } from './table.ts';

/** What a `Cargo.toml` says about its package. */
export interface CargoManifest {
  readonly file: string;
  readonly name: string | undefined;
  /** Its own, or the workspace's where it is inherited. */
  readonly version: string | undefined;
  /** The folder of which Cargo uses the `target`. */
  readonly workspaceRoot: string;
}

/**
 * Reads the `Cargo.toml` of a folder, and that of its workspace; undefined when there is none.
 * https://doc.rust-lang.org/cargo/reference/workspaces.html
 * @throws OtaError `usage` when it cannot be read
 */
export async function readCargoManifest(folder: string): Promise<CargoManifest | undefined> {
  const file = join(folder, 'Cargo.toml');
  const manifest = await readToml(file);
  if (manifest === undefined) return undefined;
  const own = tableOf(manifest.package);
  const workspace = isTable(manifest.workspace)
    ? { folder: resolve(folder), manifest }
    : await findWorkspace(resolve(folder), own.workspace);
  const inherits = tableOf(own.version).workspace === true;
  const inherited = tableOf(tableOf(workspace?.manifest.workspace).package).version;
  return {
    file,
    name: textOf(own.name),
    version: textOf(inherits ? inherited : own.version),
    workspaceRoot: workspace?.folder ?? resolve(folder),
  };
}

/**
 * Reads a TOML file; undefined when it does not exist.
 * @throws OtaError `usage` when it cannot be read or is invalid
 */
export async function readToml(file: string): Promise<Table | undefined> {
  const content = readIfExists(file);
  if (content === undefined) return undefined;
  try {
    return parse(content);
  } catch (cause) {
    throw new OtaError('usage', `${file} is not valid TOML: ${firstLineOf(cause)}`, { cause });
  }
}

function readIfExists(file: string): string | undefined {
  try {
    return readSmallFile(file);
  } catch (cause) {
    const code = errorCode(cause);
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw new OtaError('usage', `${file} cannot be read: ${messageOf(cause)}`, { cause });
  }
}

/** The workspace that `package.workspace` names, or the nearest one above that does not exclude the folder. */
async function findWorkspace(
  folder: string,
  named: unknown,
): Promise<{ folder: string; manifest: Table } | undefined> {
  if (typeof named === 'string') {
    const root = resolve(folder, named);
    const manifest = await readToml(join(root, 'Cargo.toml'));
    return manifest && { folder: root, manifest };
  }
  for (let below = folder; below !== dirname(below); below = dirname(below)) {
    const parent = dirname(below);
    const manifest = await readToml(join(parent, 'Cargo.toml'));
    if (manifest === undefined) continue;
    const { workspace } = manifest;
    const other = tableOf(manifest.package).workspace;
    if (!isTable(workspace) && typeof other === 'string') return findWorkspace(parent, other);
    if (!isTable(workspace) || excludes(workspace, relative(parent, folder))) continue;
    return { folder: parent, manifest };
  }
  return undefined;
}

/** Whether a workspace leaves a folder out. A member by its own path stays one, below an excluded folder too. */
function excludes({ members, exclude }: Table, path: string): boolean {
  const contains = (list: unknown) =>
    Array.isArray(list) && list.some((entry) => typeof entry === 'string' && isInside(path, entry));
  return contains(exclude) && !contains(members);
}

/** Part by part, as Rust compares paths: `./a/` contains `a/b`. */
function isInside(path: string, folder: string): boolean {
  const parts = (text: string) => text.split(/[/\\]/).filter((part) => part !== '' && part !== '.');
  const inner = parts(path);
  return parts(folder).every((part, index) => inner[index] === part);
}
