import { systemOf } from '../../protocol/platform.ts';
import { electronArch } from './feed-names.ts';
import type { FeedFile } from './release-files.ts';

/** What electron-updater installs. */
const INSTALLED = /\.(?:exe|zip|dmg|AppImage|deb|rpm|pacman)$/i;

export function isForElectron({ name }: FeedFile): boolean {
  return INSTALLED.test(name);
}

/** The channel file of electron-updater. @param sha512 of each file by its id, hexadecimal */
export async function electronFeed(
  files: readonly [FeedFile, ...FeedFile[]],
  sha512: ReadonlyMap<string, string>,
): Promise<string> {
  const listed = files.map((file) => ({
    url: urlOf(file),
    sha512: Buffer.from(sha512.get(file.artifactId) ?? '', 'hex').toString('base64'),
    size: file.fileSize,
  }));
  const { version, notes, pub_date, mandatory, minimum_version } = files[0].update;
  const system = minimumKernel(files[0]);
  return toYaml({
    version,
    files: listed,
    path: listed[0]?.url, // for electron-updater below 2.16
    sha512: listed[0]?.sha512,
    releaseDate: pub_date,
    ...(notes && { releaseNotes: notes }),
    ...(system !== undefined && { minimumSystemVersion: system }),
    ...(mandatory && { mandatory }), // these two are for the app to read
    ...(minimum_version && { minimumVersion: minimum_version }),
  });
}

/** For an app that has the latest version. */
export function electronFeedOfCurrent(version: string): Promise<string> {
  return toYaml({ version, files: [] });
}

/** All texts are quoted: electron-updater reads an older YAML, in which a date is no text. */
async function toYaml(feed: Readonly<Record<string, unknown>>): Promise<string> {
  const { default: yaml } = await import('yaml');
  return yaml.stringify(feed, {
    defaultStringType: 'QUOTE_DOUBLE',
    defaultKeyType: 'PLAIN',
    lineWidth: 0,
    aliasDuplicateObjects: false,
  });
}

/**
 * Relative to the feed. electron-updater finds the file of its arch by a word in the URL, and the old version's map of
 * blocks by that version in place of this one.
 */
function urlOf({ version, arch, name }: FeedFile): string {
  return [version, electronArch(arch), name].map(pathSegment).join('/');
}

function pathSegment(text: string): string {
  return encodeURIComponent(text).replaceAll('%2B', '+');
}

/** From the first on, the kernel of macOS has its number and nine more; from the second on, its number less one. */
const [BIG_SUR, TAHOE] = [11, 26];

/**
 * electron-updater compares with the version of the kernel: that of Windows is the system's; on macOS the first number
 * decides. On Linux it says nothing of a system.
 */
function minimumKernel({ target, update }: FeedFile): string | undefined {
  const numbers = update.minimum_system_version?.split('.').map(Number);
  if (numbers === undefined) return undefined;
  const [major = 0, minor = 0, build = 0] = numbers;
  switch (systemOf(target)) {
    case 'windows':
      return `${major}.${minor}.${build}`;
    case 'darwin':
      return `${darwinOf(major, minor)}.0.0`;
    default:
      return undefined;
  }
}

function darwinOf(major: number, minor: number): number {
  if (major < BIG_SUR) return minor + 4;
  return major < TAHOE ? major + 9 : major - 1;
}
