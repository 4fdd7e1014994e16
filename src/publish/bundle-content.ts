import { basename } from 'node:path';
import { listZip, readPackedApp, readPackedAppImage } from './archive-header.ts';
import { type BinaryHeader, isAr, isOle, isRpm, parseBinaryHeader, readHead } from './binary-header.ts';
import { type BundleName, parseBundleName } from './bundle-name.ts';
import type { TauriArch } from './tauri-arch.ts';

/** What the bytes of a bundle say. */
export interface BundleContent {
  /**
   * Undefined where they cannot tell: the stub of an NSIS installer is a 32-bit PE whatever it installs, an MSI is an
   * OLE file, and a package's program is compressed inside.
   */
  readonly archs?: readonly TauriArch[];
  /** The version a macOS app has in its `Info.plist`. */
  readonly version?: string;
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
    case 'nsis': {
      if (archive) return ofZip(file, 'holds no installer of this name');
      return parseBinaryHeader(await readHead(file))?.format === 'pe'
        ? {}
        : { unlike: 'is no Windows program' };
    }
    case 'msi':
      if (archive) return ofZip(file, 'holds no installer of this name');
      return isOle(await readHead(file)) ? {} : { unlike: 'is no MSI' };
    case 'deb':
      return isAr(await readHead(file)) ? {} : { unlike: 'is no Debian package' };
    case 'rpm':
      return isRpm(await readHead(file)) ? {} : { unlike: 'is no RPM package' };
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

/** `App_1.2.0_x64-setup.nsis.zip` holds `App_1.2.0_x64-setup.exe`, `App_1.2.0_x64_en-US.msi.zip` the MSI. */
async function ofZip(file: string, unlike: string): Promise<BundleContent | { readonly unlike: string }> {
  const outer = basename(file);
  const expected = outer.endsWith('.nsis.zip')
    ? outer.replace(/\.nsis\.zip$/, '.exe')
    : outer.replace(/\.zip$/, '');
  const names = await listZip(file);
  const found = names.map((name) => basename(name)).filter((name) => parseBundleName(name) !== undefined);
  if (found.length === 1 && found[0] === expected) return {};
  return { unlike: found.length === 0 ? unlike : `holds ${found.join(', ')}, not ${expected}` };
}
