import type { BundleType, Target } from '../../protocol/platform.ts';
import { parseArchWord, type TauriArch } from '../project/arch-words.ts';

export type Bundle = BundleType;

/** What the name of a file says, as tauri-bundler makes names. */
export interface BundleName {
  /** `dmg` is for a first installation, and never an update. */
  readonly bundle: Bundle | 'dmg';
  readonly product: string;
  /** Undefined where the name has none. An MSI's may differ from the app's. */
  readonly version?: string;
  readonly archWord?: string;
  /** Undefined where the name has none, or the word is unknown. */
  readonly arch?: TauriArch | undefined;
  /** Of an MSI: `en-US`. */
  readonly language?: string;
  /** Whether it is the bundle packed once more, as Tauri 1's updater takes it. */
  readonly archive: boolean;
}

const TARGET_OF: Readonly<Record<Bundle | 'dmg', Target>> = {
  app: 'darwin',
  dmg: 'darwin',
  nsis: 'windows',
  msi: 'windows',
  appimage: 'linux',
  deb: 'linux',
  rpm: 'linux',
};

const PATTERNS: readonly (readonly [Bundle | 'dmg', RegExp])[] = [
  ['app', /^(?<product>.+)\.app\.tar\.gz$/],
  ['nsis', /^(?<product>.+)_(?<version>[^_]+)_(?<arch>[^_]+)-setup\.(exe|(?<archive>nsis\.zip))$/],
  ['msi', /^(?<product>.+)_(?<version>[^_]+)_(?<arch>[^_]+)_(?<language>[^_]+)\.msi(?<archive>\.zip)?$/],
  ['appimage', /^(?<product>.+)_(?<version>[^_]+)_(?<arch>[^_]+)\.AppImage(?<archive>\.tar\.gz)?$/],
  ['deb', /^(?<product>.+)_(?<version>[^_]+)_(?<arch>[^_]+)\.deb$/],
  ['rpm', /^(?<product>.+?)-(?<version>\d+\.\d+\.\d+.*)-[^-]+\.(?<arch>[^.]+)\.rpm$/],
  ['dmg', /^(?<product>.+)_(?<version>[^_]+)_(?<arch>[^_]+)\.dmg$/],
];

/** Reads `My App_1.2.0_amd64.AppImage`; undefined when the file is no bundle of Tauri's. */
export function parseBundleName(fileName: string): BundleName | undefined {
  for (const [bundle, pattern] of PATTERNS) {
    const groups = pattern.exec(fileName)?.groups;
    if (groups === undefined) continue;
    const { product = '', version, arch, language, archive } = groups;
    return {
      bundle,
      product,
      archive: archive !== undefined,
      ...(version !== undefined && { version }),
      ...(arch !== undefined && { archWord: arch, arch: parseArchWord(arch) }),
      ...(language !== undefined && { language }),
    };
  }
  return undefined;
}

/** The only system a kind of bundle is for. */
export function targetOfBundle(bundle: Bundle | 'dmg'): Target {
  return TARGET_OF[bundle];
}

/** The folder in `bundle/` that tauri-bundler puts a kind into. */
export function folderOfBundle(bundle: Bundle | 'dmg'): string {
  return bundle === 'app' ? 'macos' : bundle;
}
