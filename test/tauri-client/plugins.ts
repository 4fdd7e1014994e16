import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { CARGO_FOLDER } from '../support/tauri/cargo.ts';

/** A version of `tauri-plugin-updater` that installed apps have. */
export interface Plugin {
  /** Its crate is the folder of this name. */
  readonly name: 'plugin-2.0' | 'plugin-2.9' | 'plugin-2.10' | 'plugin-2.14' | 'plugin-3.0';
  /** Finds out which kind of bundle it was installed from, and asks for that kind. */
  readonly knowsItsKind: boolean;
  /** Compares the announced version with the signed one. */
  readonly readsSignedVersion: boolean;
  /** Replaces AppImages alone, or packages too. */
  readonly installs: readonly ('appimage' | 'deb' | 'rpm')[];
}

/** The first, those before and after kinds of bundles were told apart, the newest, and the alpha of the next. */
export const PLUGINS: readonly Plugin[] = [
  { name: 'plugin-2.0', knowsItsKind: false, readsSignedVersion: false, installs: ['appimage'] },
  { name: 'plugin-2.9', knowsItsKind: false, readsSignedVersion: false, installs: ['appimage', 'deb'] },
  {
    name: 'plugin-2.10',
    knowsItsKind: true,
    readsSignedVersion: false,
    installs: ['appimage', 'deb', 'rpm'],
  },
  { name: 'plugin-2.14', knowsItsKind: true, readsSignedVersion: true, installs: ['appimage', 'deb', 'rpm'] },
  { name: 'plugin-3.0', knowsItsKind: true, readsSignedVersion: true, installs: ['appimage', 'deb', 'rpm'] },
];

/** The environment of Cargo. */
export const CARGO_ENVIRONMENT = { ...process.env, CARGO_TARGET_DIR: CARGO_FOLDER };

export function manifestOf({ name }: Plugin): string {
  return fileURLToPath(new URL(`${name}/Cargo.toml`, import.meta.url));
}

/** The words that Tauri's bundlers write into a program, so that it knows which bundle it is in. */
export const KIND_WORDS = { appimage: 'APP', deb: 'DEB', rpm: 'RPM', msi: 'MSI', nsis: 'NSS' } as const;

export type MarkedKind = keyof typeof KIND_WORDS;

/** @param kind that the bundler wrote into it, which not every plugin reads; none in programs that were not bundled */
export function programOf({ name, knowsItsKind }: Plugin, kind?: MarkedKind): string {
  const program = join(CARGO_FOLDER, 'release', name.replace('plugin', 'tauri-client').replace('.', '-'));
  return kind === undefined || !knowsItsKind ? program : `${program}.${kind}`;
}
