import { dirname, join, relative, resolve, sep } from 'node:path';
import { parse, type TomlTable } from 'smol-toml';
import { OtaError } from '../../errors.ts';
import { readSmallFile } from '../../runtime/small-file.ts';

/** What a Rust package says of itself in its `Cargo.toml`. */
export interface CargoManifest {
  readonly file: string;
  readonly name: string | undefined;
  /** Its own, or the workspace's where it is inherited. */
  readonly version: string | undefined;
  /** The folder whose `target` Cargo builds into: of the workspace, or the package's own. */
  readonly workspaceRoot: string;
}

/**
 * Reads `Cargo.toml` of a folder and, where it belongs to one, of its workspace; undefined when there is none.
 * https://doc.rust-lang.org/cargo/reference/workspaces.html
 * @throws OtaError `usage` when it cannot be read
 */
export async function readCargoManifest(folder: string): Promise<CargoManifest | undefined> {
  const file = join(folder, 'Cargo.toml');
  const manifest = await readToml(file);
  if (manifest === undefined) return undefined;
  const own = table(manifest.package);
  const workspace = table(manifest.workspace)
    ? { folder: resolve(folder), manifest }
    : await findWorkspace(resolve(folder), own?.workspace);
  const inherits = table(own?.version)?.workspace === true;
  const inherited = table(table(workspace?.manifest.workspace)?.package)?.version;
  return {
    file,
    name: text(own?.name),
    version: text(inherits ? inherited : own?.version),
    workspaceRoot: workspace?.folder ?? resolve(folder),
  };
}

/**
 * Reads a TOML file; undefined when it is not there.
 * @throws OtaError `usage` when it is no TOML
 */
export async function readToml(file: string): Promise<TomlTable | undefined> {
  const content = readIfThere(file);
  if (content === undefined) return undefined;
  try {
    return parse(content.replace(/^\ufeff/, ''));
  } catch (cause) {
    throw new OtaError('usage', `${file} is not valid TOML: ${firstLine(cause)}`, { cause });
  }
}

function readIfThere(file: string): string | undefined {
  try {
    return readSmallFile(file);
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw new OtaError('usage', `${file} cannot be read: ${message}`, { cause });
  }
}

/** The workspace that `package.workspace` names, else the nearest above that does not exclude the folder. */
async function findWorkspace(
  folder: string,
  named: unknown,
): Promise<{ folder: string; manifest: TomlTable } | undefined> {
  if (typeof named === 'string') {
    const root = resolve(folder, named);
    const manifest = await readToml(join(root, 'Cargo.toml'));
    return manifest && { folder: root, manifest };
  }
  for (let parent = dirname(folder); parent !== dirname(parent); parent = dirname(parent)) {
    const manifest = await readToml(join(parent, 'Cargo.toml'));
    const workspace = table(manifest?.workspace);
    if (manifest === undefined || workspace === undefined) continue;
    const excluded = Array.isArray(workspace.exclude) ? workspace.exclude : [];
    const path = relative(parent, folder);
    if (excluded.some((entry) => path === entry || path.startsWith(`${entry}${sep}`))) return undefined;
    return { folder: parent, manifest };
  }
  return undefined;
}

function table(value: unknown): Record<string, unknown> | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : undefined;
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

function firstLine(error: unknown): string {
  return (error as Error).message.split('\n')[0] ?? '';
}
