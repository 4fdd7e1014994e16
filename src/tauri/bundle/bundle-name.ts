import type { Arch, BundleType, Target } from '../../protocol/platform.ts';
import { parseArchWord } from '../project/arch-words.ts';

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

const PATTERNS: readonly (readonly [BundleKind, RegExp])[] = [
  ['app', /^(?<product>.+)\.app\.tar\.gz$/],
  ['nsis', /^(?<product>.+)_(?<version>[^_]+)_(?<arch>[^_]+)-setup\.(exe|(?<archive>nsis\.zip))$/],
  ['msi', /^(?<product>.+)_(?<version>[^_]+)_(?<arch>[^_]+)_(?<language>[^_]+)\.msi(?<archive>\.zip)?$/],
  ['appimage', /^(?<product>.+)_(?<version>[^_]+)_(?<arch>[^_]+)\.AppImage(?<archive>\.tar\.gz)?$/],
  ['deb', /^(?<product>.+)_(?<version>[^_]+)_(?<arch>[^_]+)\.deb$/],
  ['rpm', /^(?<product>.+?)-(?<version>\d+\.\d+\.\d+.*)-[^-]+\.(?<arch>[^.]+)\.rpm$/],
  ['dmg', /^(?<product>.+)_(?<version>[^_]+)_(?<arch>[^_]+)\.dmg$/],
];

/** Reads `My App_1.2.0_amd64.AppImage`; undefined when the name is not one of tauri-bundler's. */
export function parseBundleName(fileName: string): BundleName | undefined {
  for (const [kind, pattern] of PATTERNS) {
    const groups = pattern.exec(fileName)?.groups;
    if (groups === undefined) continue;
    const { product = '', version, arch, language, archive } = groups;
    return {
      kind,
      product,
      archive: archive !== undefined,
      ...(version !== undefined && { version }),
      ...(arch !== undefined && { archWord: arch, arch: parseArchWord(arch) }),
      ...(language !== undefined && { language }),
    };
  }
  return undefined;
}

export function targetOfBundle(kind: BundleKind): Target {
  return TARGET_OF[kind];
}

/** The folder in `bundle/` where tauri-bundler puts this kind. */
export function folderOfBundle(kind: BundleKind): string {
  return kind === 'app' ? 'macos' : kind;
}
