import { dirname, join, resolve } from 'node:path';
import { readToml } from './cargo-manifest.ts';
import { tableOf, textOf } from './table.ts';

/** How deep included files may include others: Cargo refuses a circle, where this just ends. */
const MAX_INCLUDES = 8;

/**
 * `build.target-dir` of Cargo's configuration: the nearest `.cargo/config.toml` that sets it, else the one in Cargo's
 * home. https://doc.rust-lang.org/cargo/reference/config.html
 * @throws OtaError `usage` when a configuration cannot be read
 */
export async function configuredTarget(
  folder: string,
  cargoHome: string | undefined,
): Promise<string | undefined> {
  for (const home of [...ancestorsOf(folder).map((one) => join(one, '.cargo')), cargoHome]) {
    const target = home === undefined ? undefined : await targetIn(home);
    if (target !== undefined) return target;
  }
  return undefined;
}

/** Of one `.cargo` folder. Cargo prefers `config` to `config.toml`. */
async function targetIn(home: string): Promise<string | undefined> {
  for (const file of [join(home, 'config'), join(home, 'config.toml')]) {
    if ((await readToml(file)) !== undefined) return targetOf(resolve(file), MAX_INCLUDES);
  }
  return undefined;
}

/** A file's own setting wins over those it includes, and a later one of these over an earlier one. */
async function targetOf(file: string, depth: number): Promise<string | undefined> {
  const config = (await readToml(file)) ?? {};
  const own = textOf(tableOf(config.build)['target-dir']);
  if (own !== undefined) return resolve(dirname(dirname(file)), own);
  for (const included of depth === 0 ? [] : includesOf(config.include).reverse()) {
    const target = await targetOf(resolve(dirname(file), included), depth - 1);
    if (target !== undefined) return target;
  }
  return undefined;
}

/** `include = "a.toml"`, or a list of paths or of tables with a `path`. */
function includesOf(include: unknown): string[] {
  const entries: readonly unknown[] = Array.isArray(include) ? include : [include];
  return entries
    .map((entry) => textOf(entry) ?? textOf(tableOf(entry).path))
    .filter((path) => path !== undefined);
}

function ancestorsOf(folder: string): string[] {
  const parent = dirname(folder);
  return parent === folder ? [folder] : [folder, ...ancestorsOf(parent)];
}
