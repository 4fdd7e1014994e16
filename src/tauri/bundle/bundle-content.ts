import { basename } from 'node:path';
import { readPackedApp, readPackedAppImage, readZip } from '../format/archive-header.ts';
import {
  type BinaryHeader,
  isAr,
  isOle,
  isRpm,
  parseBinaryHeader,
  readHead,
} from '../format/binary-header.ts';
import { readDebianPackage } from '../format/debian-package.ts';
import type { PackageData } from '../format/package-metadata.ts';
import { readRpmPackage } from '../format/rpm-package.ts';
import { parseArchWord, type TauriArch } from '../project/arch-words.ts';
import { type BundleName, parseBundleName } from './bundle-name.ts';

/** What the bytes of a bundle say. */
export interface BundleContent {
  /**
   * Undefined where they cannot tell: the stub of an NSIS installer is a 32-bit PE whatever it installs, and an MSI is
   * an OLE file.
   */
  readonly archs?: readonly TauriArch[];
  /** A macOS app's from its `Info.plist`, a package's as its system writes it. */
  readonly version?: string;
  /** What a package is called to its system: tauri-bundler makes that of the product's name. */
  readonly packageName?: string;
}

/** Looks into a bundle, to see that it is what its name says: `unlike` completes "the file …" where it is not. */
export async function readBundleContent(
  file: string,
  name: BundleName,
): Promise<BundleContent | { readonly unlike: string }> {
  try {
    return await look(file, name);
  } catch (error) {
    return { unlike: `cannot be read: ${(error as Error).message}` };
  }
}

async function look(
  file: string,
  { bundle, archive }: BundleName,
): Promise<BundleContent | { readonly unlike: string }> {
  switch (bundle) {
    case 'app': {
      const { header, version } = await readPackedApp(file);
      return {
        ...ofExecutable(header, 'mach-o', 'holds no macOS app'),
        ...(version !== undefined && { version }),
      };
    }
    case 'appimage': {
      const header = archive ? await readPackedAppImage(file) : parseBinaryHeader(await readHead(file));
      return ofExecutable(header, 'elf', archive ? 'holds no AppImage' : 'is no AppImage');
    }
    case 'nsis':
      if (archive) return ofZip(file, isPe, 'is no Windows program');
      return isPe(await readHead(file)) ? {} : { unlike: 'is no Windows program' };
    case 'msi':
      if (archive) return ofZip(file, isOle, 'is no MSI');
      return isOle(await readHead(file)) ? {} : { unlike: 'is no MSI' };
    case 'deb':
      if (!isAr(await readHead(file))) return { unlike: 'is no Debian package' };
      return ofPackage(await readDebianPackage(file));
    case 'rpm':
      if (!isRpm(await readHead(file))) return { unlike: 'is no RPM package' };
      return ofPackage(await readRpmPackage(file));
    case 'dmg':
      return {};
  }
}

function ofExecutable(
  header: BinaryHeader | undefined,
  format: BinaryHeader['format'],
  unlike: string,
): BundleContent | { readonly unlike: string } {
  if (header?.format !== format) return { unlike };
  if (header.archs.length === 0) return { unlike: 'is for a machine that no updater knows' };
  return { archs: header.archs };
}

function isPe(head: Buffer): boolean {
  return parseBinaryHeader(head)?.format === 'pe';
}

/** @param data undefined where it is there and cannot be read here */
function ofPackage(data: PackageData | undefined): BundleContent | { readonly unlike: string } {
  if (data === undefined) return {};
  const arch = parseArchWord(data.arch);
  if (arch === undefined) return { unlike: `is for the arch ${data.arch}, which no updater asks for` };
  return { archs: [arch], version: data.version, packageName: data.name };
}

/**
 * `App_1.2.0_x64-setup.nsis.zip` holds `App_1.2.0_x64-setup.exe`, `App_1.2.0_x64_en-US.msi.zip` the MSI.
 * @param isRight whether the installer's head is that of one
 */
async function ofZip(
  file: string,
  isRight: (head: Buffer) => boolean,
  unlike: string,
): Promise<BundleContent | { readonly unlike: string }> {
  const outer = basename(file);
  const expected = outer.endsWith('.nsis.zip')
    ? outer.replace(/\.nsis\.zip$/, '.exe')
    : outer.replace(/\.zip$/, '');
  const entries = await readZip(file, (name) => basename(name) === expected);
  const found = entries.filter(({ name }) => parseBundleName(basename(name)) !== undefined);
  const [installer] = found;
  if (installer === undefined) return { unlike: 'holds no installer of this name' };
  if (found.length > 1 || installer.head === undefined) {
    const names = found.map(({ name }) => basename(name)).join(', ');
    return { unlike: `holds ${names}, not ${expected}` };
  }
  return isRight(installer.head) ? {} : { unlike: `holds ${expected}, which ${unlike}` };
}
