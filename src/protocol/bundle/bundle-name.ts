import type { Arch, BundleType, Target } from '../platform.ts';
import { parseArchWord } from './arch-words.ts';

/** A kind of file that tauri-bundler makes. A `dmg` is for first installations, and never an update. */
export type BundleKind = BundleType | 'dmg';

/** What the name of a file says, by the conventions of tauri-bundler. */
export interface BundleName {
  readonly kind: BundleKind;
  readonly product: string;
  readonly version?: string; // an MSI's may differ from the app's
  readonly archWord?: string;
  /** Undefined where the name has none, or one that Tauri's updater does not support. */
  readonly arch?: Arch | undefined;
  readonly language?: string; // of an MSI: `en-US`
  /** Whether the bundle is packed once more, for Tauri 1's updater. */
  readonly archive: boolean;
}

const TARGET_OF: Readonly<Record<BundleKind, Target>> = {
  app: 'darwin',
  dmg: 'darwin',
  nsis: 'windows',
  msi: 'windows',
  appimage: 'linux',
  deb: 'linux',
  rpm: 'linux',
};

/** How tauri-bundler writes an arch, where one kind differs from the next. */
const ARCH_WORDS: Partial<Record<BundleKind, Partial<Record<Arch, string>>>> = {
  appimage: { x86_64: 'amd64', i686: 'i386', aarch64: 'aarch64', armv7: 'armhf', riscv64: 'riscv64' },
  deb: { x86_64: 'amd64', i686: 'i386', aarch64: 'arm64', armv7: 'armhf', riscv64: 'riscv64' },
  rpm: { x86_64: 'x86_64', i686: 'i386', aarch64: 'aarch64', armv7: 'armhfp', riscv64: 'riscv64' },
  nsis: { x86_64: 'x64', i686: 'x86', aarch64: 'arm64' },
};

/** What follows the product in a name. */
const SUFFIXES: readonly (readonly [BundleKind, string])[] = [
  ['app', String.raw`\.app\.tar\.gz`],
  ['nsis', String.raw`_(?<version>[^_]+)_(?<arch>[^_]+)-setup\.(exe|(?<archive>nsis\.zip))`],
  ['msi', String.raw`_(?<version>[^_]+)_(?<arch>[^_]+)_(?<language>[^_]+)\.msi(?<archive>\.zip)?`],
  ['appimage', String.raw`_(?<version>[^_]+)_(?<arch>[^_]+)\.AppImage(?<archive>\.tar\.gz)?`],
  ['deb', String.raw`_(?<version>[^_]+)_(?<arch>[^_]+)\.deb`],
  ['rpm', String.raw`-(?<version>\d+\.\d+\.\d+.*)-[^-]+\.(?<arch>[^.]+)\.rpm`],
  ['dmg', String.raw`_(?<version>[^_]+)_(?<arch>[^_]+)\.dmg`],
];

const PATTERNS = SUFFIXES.map(([kind, suffix]) => ({
  kind,
  // A version in the product's own name is part of it where the product is known.
  pattern: new RegExp(`^(?<product>.+${kind === 'rpm' ? '?' : ''})${suffix}$`),
  suffix: new RegExp(`^${suffix}$`),
}));

/** The endings of files that are of one kind, whatever else their names are. */
const ENDINGS: readonly (readonly [BundleKind, RegExp])[] = [
  ['app', /\.app\.tar\.gz$/i],
  ['nsis', /\.(exe|nsis\.zip)$/i],
  ['msi', /\.msi(\.zip)?$/i],
  ['appimage', /\.AppImage(\.tar\.gz)?$/i],
  ['deb', /\.deb$/i],
  ['rpm', /\.rpm$/i],
  ['dmg', /\.dmg$/i],
];

/**
 * Reads `My App_1.2.0_amd64.AppImage`; undefined when the name is not one of tauri-bundler's.
 * @param product the name of the product, if it is known: `App-1.2.3` looks like a name with a version
 */
export function parseBundleName(fileName: string, product?: string): BundleName | undefined {
  const ofProduct = product === undefined ? undefined : parseNameOf(product, fileName);
  if (ofProduct !== undefined) return ofProduct;
  for (const { kind, pattern } of PATTERNS) {
    const groups = pattern.exec(fileName)?.groups;
    if (groups !== undefined) return nameOf(kind, groups.product ?? '', groups);
  }
  return undefined;
}

/** The kind of a file by the end of its name, which need not be one of tauri-bundler's. */
export function kindByEnding(fileName: string): Pick<BundleName, 'kind' | 'archive'> | undefined {
  const kind = ENDINGS.find(([, ending]) => ending.test(fileName))?.[0];
  return kind && { kind, archive: kind !== 'app' && /\.(zip|tar\.gz)$/i.test(fileName) };
}

/** The name that tauri-bundler gives a bundle; undefined where that depends on more than this. */
export function formatBundleName(
  kind: BundleKind,
  { product, version, arch }: { readonly product: string; readonly version: string; readonly arch: Arch },
): string | undefined {
  const word = ARCH_WORDS[kind]?.[arch];
  if (kind === 'app') return `${product}.app.tar.gz`;
  if (word === undefined) return undefined;
  if (kind === 'rpm') return `${product}-${version}-1.${word}.rpm`;
  const ending = kind === 'nsis' ? '-setup.exe' : kind === 'appimage' ? '.AppImage' : `.${kind}`;
  return `${product}_${version}_${word}${ending}`;
}

export function targetOfBundle(kind: BundleKind): Target {
  return TARGET_OF[kind];
}

/** The folder in `bundle/` where tauri-bundler puts this kind. */
export function folderOfBundle(kind: BundleKind): string {
  return kind === 'app' ? 'macos' : kind;
}

function parseNameOf(product: string, fileName: string): BundleName | undefined {
  const [name, start] = [fileName.normalize('NFC'), product.normalize('NFC')];
  if (!name.startsWith(start)) return undefined;
  for (const { kind, suffix } of PATTERNS) {
    const match = suffix.exec(name.slice(start.length));
    if (match !== null) return nameOf(kind, product, match.groups ?? {});
  }
  return undefined;
}

function nameOf(
  kind: BundleKind,
  product: string,
  { version, arch, language, archive }: Readonly<Record<string, string | undefined>>,
): BundleName {
  return {
    kind,
    product,
    archive: archive !== undefined,
    ...(version !== undefined && { version }),
    ...(arch !== undefined && { archWord: arch, arch: parseArchWord(arch) }),
    ...(language !== undefined && { language }),
  };
}
