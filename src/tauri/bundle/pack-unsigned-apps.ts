import { mkdtemp } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { create } from 'tar/create';
import type { BundleTree, FoundBundle } from './bundle-tree.ts';

/**
 * A bundle folder as if all of it were signed, for a caller that signs it. macOS apps that were not packed are packed
 * into a folder of the caller, as tauri-bundler would do.
 */
export async function prepareUnsigned(tree: BundleTree, packInto: string): Promise<BundleTree> {
  const packed: FoundBundle[] = [];
  for (const app of tree.unpackedApps) packed.push({ ...app, file: await packApp(app.file, packInto) });
  const bundles = [...tree.bundles, ...packed].map((found) => ({ ...found, signed: true }));
  return { bundles, unpackedApps: [], orphans: [], unknown: [] };
}

async function packApp(app: string, packInto: string): Promise<string> {
  const name = basename(app);
  const folder = await mkdtemp(join(packInto, 'packed-')); // builds for two archs have apps of one name
  const file = join(folder, `${name}.tar.gz`);
  await create({ gzip: true, portable: true, file, cwd: dirname(app) }, [name]);
  return file;
}
