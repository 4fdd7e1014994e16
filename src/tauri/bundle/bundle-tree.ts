import { join } from 'node:path';
import { type BundleFolder, entriesOf } from '../project/cargo-target.ts';
import { type BundleName, folderOfBundle, parseBundleName } from './bundle-name.ts';

/** A bundle as it lies in a bundle folder. */
export interface FoundBundle {
  readonly file: string;
  readonly name: BundleName;
  /** `appimage`, `macos`: the folder it lies in. */
  readonly kindFolder: string;
  readonly in: BundleFolder;
  readonly signed: boolean;
}

/** What a bundle folder holds, as far as it concerns updates. */
export interface BundleTree {
  readonly bundles: readonly FoundBundle[];
  /** `.app` folders that were not packed, by path: updater artifacts were not made. */
  readonly unpackedApps: readonly FoundBundle[];
  /** Signatures whose file is gone. */
  readonly orphans: readonly string[];
}

const KIND_FOLDERS = new Set(
  (['app', 'dmg', 'nsis', 'msi', 'appimage', 'deb', 'rpm'] as const).map(folderOfBundle),
);

/** Lists what `tauri build` left in a bundle folder; scripts and unfinished things in it are passed over. */
export async function readBundleTree(bundleFolder: BundleFolder): Promise<BundleTree> {
  const bundles: FoundBundle[] = [];
  const unpackedApps: FoundBundle[] = [];
  const orphans: string[] = [];
  for (const kindFolder of KIND_FOLDERS) {
    const folder = join(bundleFolder.folder, kindFolder);
    const entries = await entriesOf(folder);
    const files = new Set(entries.filter((entry) => !entry.isDirectory()).map(({ name }) => name));
    const found = (fileName: string, name: BundleName): FoundBundle => ({
      file: join(folder, fileName),
      name,
      kindFolder,
      in: bundleFolder,
      signed: files.has(`${fileName}.sig`),
    });
    for (const fileName of files) {
      const name = parseBundleName(fileName);
      if (name !== undefined) bundles.push(found(fileName, name));
      const signedFile = fileName.endsWith('.sig') ? fileName.slice(0, -4) : undefined;
      if (signedFile !== undefined && !files.has(signedFile)) orphans.push(join(folder, fileName));
    }
    for (const { name: app } of entries.filter(
      (entry) => entry.isDirectory() && entry.name.endsWith('.app'),
    )) {
      const name = parseBundleName(`${app}.tar.gz`);
      if (name !== undefined && !files.has(`${app}.tar.gz`)) unpackedApps.push(found(app, name));
    }
  }
  return { bundles, unpackedApps, orphans };
}
