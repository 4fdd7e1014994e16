import { parseSignature, signedNameOf } from '../../protocol/minisign.ts';
import {
  type BundleType,
  type Platform,
  platformName,
  systemOf,
  type Target,
} from '../../protocol/platform.ts';
import { safeFileName } from '../../runtime/safe-file-name.ts';

/** A file, as far as its name is concerned. */
export interface NamedDownload extends Platform {
  readonly slug: string | null;
  readonly version: string;
  /** As it was made when the upload was announced. */
  readonly fileName: string | null;
}

/** What an upload says of its file's name. */
export interface NameSources {
  /** Extension `file-name`. */
  readonly given: string | null;
  /** Tauri's signatures name the file that was signed. */
  readonly signature: string | null;
  /** Its own may be of another platform's file. */
  readonly releaseSignature: string | null;
}

/** What the names of files of a bundle type end in, the usual one first. */
const ENDINGS_OF: Readonly<Record<BundleType, readonly [string, ...string[]]>> = {
  appimage: ['.AppImage', '.AppImage.tar.gz'],
  deb: ['.deb'],
  rpm: ['.rpm'],
  app: ['.app.tar.gz', '.tar.gz'],
  nsis: ['-setup.exe', '.exe', '.nsis.zip'],
  msi: ['.msi', '.msi.zip'],
};

const ENDINGS_ON: Readonly<Record<Target | 'any', readonly string[]>> = {
  linux: ['.AppImage', '.AppImage.tar.gz', '.deb', '.rpm'],
  darwin: ['.app.tar.gz'],
  windows: ['.exe', '.msi', '.nsis.zip', '.msi.zip'],
  any: Object.values(ENDINGS_OF).flat(),
};

/** The name of an uploaded file, if the uploader said it or the signature does, and it is one for the bundle type. */
export function uploadedName(platform: Platform, { given, ...signatures }: NameSources): string | null {
  const system = systemOf(platform.target);
  const { bundleType } = platform;
  const own = [given, signedName(signatures.signature)].map((name) => name && safeFileName(name));
  const shared = safeFileName(signedName(signatures.releaseSignature) ?? '');
  const named = own.find(
    (name) => name && (bundleType === undefined || endsIn(name, ENDINGS_OF[bundleType])),
  );
  const endings = bundleType ? ENDINGS_OF[bundleType] : ENDINGS_ON[system ?? 'any'];
  return named || (endsIn(shared, endings) ? shared : null);
}

/**
 * The name under which a download is saved: the file's own, else `my-app-1.2.0-linux-x86_64-deb.deb`. Without a bundle
 * type the extension is known for macOS only; a wrong one would be worse than none.
 */
export function downloadName(file: NamedDownload): string {
  if (file.fileName !== null) return file.fileName;
  const ending = file.bundleType
    ? ENDINGS_OF[file.bundleType][0]
    : file.target === 'darwin'
      ? '.app.tar.gz'
      : '';
  return `${file.slug ?? 'app'}-${file.version}-${platformName(file)}${ending}`;
}

function signedName(signature: string | null): string | undefined {
  const parsed = parseSignature(signature ?? '');
  return parsed.kind === 'signature' ? signedNameOf(parsed) : undefined;
}

function endsIn(name: string, endings: readonly string[]): boolean {
  return endings.some((ending) => name.toLowerCase().endsWith(ending.toLowerCase()));
}
