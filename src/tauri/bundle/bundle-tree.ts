import { basename, join } from 'node:path';
import { type BundleName, folderOfBundle, parseBundleName } from '../../protocol/bundle/bundle-name.ts';
import { type BundleFolder, entriesOf } from '../project/cargo-target.ts';

/** A bundle in a bundle folder, or in a folder of downloaded files. */
export interface FoundBundle {
  readonly file: string;
  readonly name: BundleName;
  /** `appimage`, `macos`: the folder it is in; undefined where folders mean nothing. */
  readonly kindFolder: string | undefined;
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
  /** Signed files that are not named as tauri-bundler names its bundles, or are where it puts none. */
  readonly unknown: readonly string[];
}

/** The endings of signatures, in the order in which they count. */
export const SIGNATURE_ENDINGS = ['.sig', '.minisig'] as const;

const KIND_FOLDERS = new Set(
  (['app', 'dmg', 'nsis', 'msi', 'appimage', 'deb', 'rpm'] as const).map(folderOfBundle),
);

/** Folders with the files of one bundle: an app, or what a package of the same name beside it was made from. */
const PACKED_FOLDER = /\.(app|AppDir)$/;
const PACKAGE_ENDINGS = ['.deb', '.rpm'] as const;

/** Lists what `tauri build` left in a bundle folder, without its scripts and intermediate files. */
export async function readBundleTree(bundleFolder: BundleFolder): Promise<BundleTree> {
  const trees: BundleTree[] = [];
  for (const path of await foldersBelow(bundleFolder.folder)) {
    const kindFolder = KIND_FOLDERS.has(path) ? path : undefined;
    const tree = await readFolder(join(bundleFolder.folder, path), bundleFolder, kindFolder);
    if (kindFolder !== undefined) trees.push(tree);
    // Elsewhere tauri-bundler puts no bundles: only what is signed is worth a word.
    else trees.push({ ...NOTHING, unknown: [...signedFiles(tree), ...tree.unknown] });
  }
  return joinTrees(trees);
}

/** Lists the bundles directly in a folder, whatever the folder is called. */
export async function readFlatFolder(bundleFolder: BundleFolder): Promise<BundleTree> {
  return readFolder(bundleFolder.folder, bundleFolder, undefined);
}

/** The paths of the folders in a folder at any depth, itself first as an empty path, without links and bundles. */
export async function foldersBelow(folder: string, path = ''): Promise<string[]> {
  const entries = await entriesOf(join(folder, path));
  const names = new Set(entries.map(({ name }) => name));
  const isPacked = (name: string) =>
    PACKED_FOLDER.test(name) || PACKAGE_ENDINGS.some((ending) => names.has(name + ending));
  const inner = entries.filter((entry) => entry.isDirectory() && !isPacked(entry.name));
  const found = [path];
  for (const { name } of inner) found.push(...(await foldersBelow(folder, join(path, name))));
  return found;
}

const NOTHING: BundleTree = { bundles: [], unpackedApps: [], orphans: [], unknown: [] };

function joinTrees(trees: readonly BundleTree[]): BundleTree {
  return {
    bundles: trees.flatMap(({ bundles }) => bundles),
    unpackedApps: trees.flatMap(({ unpackedApps }) => unpackedApps),
    orphans: trees.flatMap(({ orphans }) => orphans),
    unknown: trees.flatMap(({ unknown }) => unknown),
  };
}

function signedFiles({ bundles }: BundleTree): string[] {
  return bundles.filter(({ signed }) => signed).map(({ file }) => file);
}

async function readFolder(
  folder: string,
  bundleFolder: BundleFolder,
  kindFolder: string | undefined,
): Promise<BundleTree> {
  const entries = await entriesOf(folder);
  const files = new Set(entries.filter((entry) => !entry.isDirectory()).map(({ name }) => name));
  const isSigned = (fileName: string) => SIGNATURE_ENDINGS.some((ending) => files.has(fileName + ending));
  const foundIn = (fileName: string, name: BundleName): FoundBundle => ({
    file: join(folder, fileName),
    name,
    kindFolder,
    bundleFolder,
    signed: isSigned(fileName),
  });
  const tree = { bundles: [] as FoundBundle[], orphans: [] as string[], unknown: [] as string[] };
  for (const fileName of files) {
    if (/^rw\.\d+\..*\.dmg$/.test(fileName)) continue; // a disk image that was never finished
    const name = parseBundleName(fileName);
    const ending = SIGNATURE_ENDINGS.find((end) => fileName.endsWith(end));
    if (name !== undefined) tree.bundles.push(foundIn(fileName, name));
    else if (ending === undefined && isSigned(fileName)) tree.unknown.push(join(folder, fileName));
    else if (ending !== undefined && !files.has(basename(fileName, ending))) {
      tree.orphans.push(join(folder, fileName));
    }
  }
  const unpackedApps = entries
    .filter((entry) => entry.isDirectory() && !files.has(`${entry.name}.tar.gz`))
    .flatMap(({ name: app }) => {
      const name = app.endsWith('.app') ? parseBundleName(`${app}.tar.gz`) : undefined;
      return name === undefined ? [] : [foundIn(app, name)];
    });
  return { ...tree, unpackedApps };
}
