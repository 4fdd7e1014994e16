import { STABLE } from '../channel.ts';
import { compareVersions, precedenceOf } from '../version.ts';
import { type PlatformRelease, type RoutedFile, releasesByName } from './route-platforms.ts';

/** A version that was rolled back: apps that have it may go back. */
export interface RolledBackVersion {
  readonly version: string;
  /** The id of the key that its build carries; undefined where that is unknown. */
  readonly keyId: string | undefined;
}

/** By channel, then by platform name, then by the version that was rolled back, without build metadata. */
export type Downgrades<Release> = ReadonlyMap<string, ReadonlyMap<string, ReadonlyMap<string, Release>>>;

/**
 * What apps on versions that were rolled back are offered if they take lower versions: on each platform the highest release
 * below theirs that they can verify.
 * @param files live ones that are for everyone
 */
export function downgradesOf<File extends RoutedFile>(
  files: readonly File[],
  rolledBack: readonly RolledBackVersion[],
): Downgrades<PlatformRelease<File>> {
  if (rolledBack.length === 0) return new Map();
  const channels = [...new Set([STABLE, ...files.map(({ channel }) => channel)])];
  return new Map(
    channels.map((channel) => {
      const own = files.filter((file) => [STABLE, channel].includes(file.channel));
      const byName = [...releasesByName(own)].map(([name, releases]) => {
        const targets = rolledBack.flatMap((from) => {
          const release = highestBelow(from, releases);
          return release === undefined ? [] : [[precedenceOf(from.version), release] as const];
        });
        return [name, new Map(targets)] as const;
      });
      return [channel, new Map(byName)] as const;
    }),
  );
}

function highestBelow<File extends RoutedFile>(
  { version, keyId }: RolledBackVersion,
  releases: readonly PlatformRelease<File>[],
): PlatformRelease<File> | undefined {
  const fitting = releases.filter(
    (release) =>
      compareVersions(release.version, version) < 0 &&
      (keyId === undefined || release.signingKeyId === undefined || release.signingKeyId === keyId),
  );
  return fitting.toSorted((a, b) => compareVersions(b.version, a.version))[0];
}
