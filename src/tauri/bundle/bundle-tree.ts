import { join } from 'node:path';
import { type BundleFolder, entriesOf } from '../project/cargo-target.ts';
import { type BundleName, folderOfBundle, parseBundleName } from './bundle-name.ts';

/** A bundle in a bundle folder. */
export interface FoundBundle {
  readonly file: string;
  readonly name: BundleName;
  readonly kindFolder: string; // `appimage`, `macos`: the folder it is in
  readonly bundleFolder: BundleFolder;
  readonly signed: boolean;
}

/** The files in a bundle folder that matter for updates. */
export interface BundleTree {
  readonly bundles: readonly FoundBundle[];
  /** `.app` folders that were not packed: `createUpdaterArtifacts` was off. */
  readonly unpackedApps: readonly FoundBundle[];
  /** Signatures of files that do not exist. */
  readonly orphans: readonly string[];
}

const KIND_FOLDERS = new Set(
  (['app', 'dmg', 'nsis', 'msi', 'appimage', 'deb', 'rpm'] as const).map(folderOfBundle),
);

/** Lists what `tauri build` left in a bundle folder, without its scripts and intermediate files. */
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
      bundleFolder,
      signed: files.has(`${fileName}.sig`),
    });
    for (const fileName of files) {
      if (/^rw\.\d+\..*\.dmg$/.test(fileName)) continue; // a disk image that was never finished
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
