import { basename } from 'node:path';
import { parseArchWord } from '../../protocol/bundle/arch-words.ts';
import {
  type BinaryHeader,
  HEAD_BYTES,
  isAr,
  isOle,
  isRpm,
  parseBinaryHeader,
} from '../../protocol/bundle/binary-header.ts';
import { type BundleKind, type BundleName, parseBundleName } from '../../protocol/bundle/bundle-name.ts';
import type { Arch } from '../../protocol/platform.ts';
import { messageOf } from '../../runtime/error-details.ts';
import { readHead } from '../../runtime/read-head.ts';
import { readPackedApp, readPackedAppImage, readZip } from '../format/archive-header.ts';
import { readDebianPackage } from '../format/debian-package.ts';
import type { PackageMetadata } from '../format/package-metadata.ts';
import { readRpmPackage } from '../format/rpm-package.ts';

/** What the bytes of a bundle say, or why they are not a bundle of its kind: `reason` completes "the file …". */
export type ContentResult =
  | ({ readonly kind: 'content' } & BundleContent)
  | {
      readonly kind: 'mismatch';
      readonly reason: string;
      readonly unreadable?: boolean; // damaged, or of another format
    };

export interface BundleContent {
  /** Undefined for an MSI, and an NSIS installer: that is a 32-bit program whatever it installs. */
  readonly archs?: readonly Arch[];
  /** A macOS app's from its `Info.plist`, a package's from its metadata. */
  readonly version?: string;
  readonly packageName?: string; // of a deb or rpm; tauri-bundler derives it from the product's name
  readonly appName?: string; // of the folder of a macOS app
  /** The word of a package for every arch, which Tauri does not make. */
  readonly everyArch?: string;
}

type NamedKind = Pick<BundleName, 'kind' | 'archive'>;

/** Reads a bundle as far as needed to check that it is what its name says. */
export async function readBundleContent(file: string, name: NamedKind): Promise<ContentResult> {
  try {
    return await readContent(file, name);
  } catch (error) {
    return { ...mismatch(`cannot be read: ${messageOf(error)}`), unreadable: true };
  }
}

async function readContent(file: string, { kind, archive }: NamedKind): Promise<ContentResult> {
  switch (kind) {
    case 'app': {
      const { header, version, name } = await readPackedApp(file);
      const result = executableContent(header, 'mach-o', 'contains no macOS app');
      if (result.kind === 'mismatch') return result;
      return {
        ...result,
        ...(version !== undefined && { version }),
        ...(name !== undefined && { appName: name }),
      };
    }
    case 'appimage': {
      const header = archive
        ? await readPackedAppImage(file)
        : parseBinaryHeader(await readHead(file, HEAD_BYTES));
      return executableContent(header, 'elf', archive ? 'contains no AppImage' : 'is not an AppImage');
    }
    case 'nsis':
      if (archive) return zipContent(file, isPe, 'is not a Windows program');
      return isPe(await readHead(file, HEAD_BYTES)) ? content({}) : mismatch('is not a Windows program');
    case 'msi':
      if (archive) return zipContent(file, isOle, 'is not an MSI');
      return isOle(await readHead(file, HEAD_BYTES)) ? content({}) : mismatch('is not an MSI');
    case 'deb':
      if (!isAr(await readHead(file, HEAD_BYTES))) return mismatch('is not a Debian package');
      return packageContent(await readDebianPackage(file));
    case 'rpm':
      if (!isRpm(await readHead(file, HEAD_BYTES))) return mismatch('is not an RPM package');
      return packageContent(await readRpmPackage(file));
    case 'dmg':
      return content({});
  }
}

/** Where in a bundle of this kind its content is described. */
export function placeOfContent(kind: BundleKind): string {
  return kind === 'deb' ? 'its control data' : 'its header';
}

function content(fields: BundleContent): ContentResult {
  return { kind: 'content', ...fields };
}

function mismatch(reason: string): ContentResult & { kind: 'mismatch' } {
  return { kind: 'mismatch', reason };
}

function executableContent(
  header: BinaryHeader | undefined,
  format: BinaryHeader['format'],
  otherwise: string,
): ContentResult {
  if (header?.format !== format) return mismatch(otherwise);
  if (header.archs.length === 0) return mismatch("is for a CPU that Tauri's updater does not support");
  return content({ archs: header.archs });
}

function isPe(head: Buffer): boolean {
  return parseBinaryHeader(head)?.format === 'pe';
}

/** @param metadata undefined where it is compressed in a way that cannot be read here */
function packageContent(metadata: PackageMetadata | undefined): ContentResult {
  if (metadata === undefined) return content({});
  const { version, name: packageName } = metadata;
  if (/^(all|noarch)$/.test(metadata.arch))
    return content({ version, packageName, everyArch: metadata.arch });
  const arch = parseArchWord(metadata.arch);
  if (arch === undefined)
    return mismatch(`is for the arch ${metadata.arch}, which Tauri's updater does not support`);
  return content({ archs: [arch], version, packageName });
}

/**
 * `App_1.2.0_x64-setup.nsis.zip` contains `App_1.2.0_x64-setup.exe`, `App_1.2.0_x64_en-US.msi.zip` the MSI.
 * @param isInstaller recognises the installer by its head
 */
async function zipContent(
  file: string,
  isInstaller: (head: Buffer) => boolean,
  otherwise: string,
): Promise<ContentResult> {
  const outer = basename(file);
  const expected = outer.endsWith('.nsis.zip')
    ? outer.replace(/\.nsis\.zip$/, '.exe')
    : outer.replace(/\.zip$/, '');
  const entries = await readZip(file, (name) => basename(name) === expected);
  const found = entries.filter(({ name }) => parseBundleName(basename(name)) !== undefined);
  const [installer] = found;
  if (installer === undefined) return mismatch(`does not contain ${expected}`);
  if (found.length > 1 || installer.head === undefined) {
    const names = found.map(({ name }) => basename(name)).join(', ');
    return mismatch(`contains ${names}, not ${expected}`);
  }
  return isInstaller(installer.head) ? content({}) : mismatch(`contains ${expected}, which ${otherwise}`);
}
