import { STABLE } from '../channel.ts';
import { compareByPreference, type Platform, platformName, withoutBundleType } from '../platform.ts';
import { precedenceOf } from '../version.ts';
import { type KnownVersion, type RoutedRelease, type UpdateStep, updateSteps } from './update-steps.ts';

/** The file of a release that is live. */
export interface RoutedFile extends Platform, RoutedRelease {
  readonly channel: string;
}

export interface ChannelVersion extends KnownVersion {
  readonly channel: string;
}

/** The files of one release that a platform may be offered, the most suitable first. */
export interface PlatformRelease<File> extends RoutedRelease {
  readonly files: readonly [File, ...File[]];
}

/** By channel, then by platform name. */
export type RoutedPlatforms<File> = ReadonlyMap<
  string,
  ReadonlyMap<string, readonly UpdateStep<PlatformRelease<File>>[]>
>;

/** Of files that are signed with different keys: only apps that may have any key count as able to verify them all. */
const SEVERAL_KEYS = 'several';

/**
 * What the apps of each channel and platform are offered. Each channel offers its own releases and the stable ones. A
 * bundle type has only its own files, a platform without one has all kinds.
 */
export function routePlatforms<File extends RoutedFile>(
  files: readonly File[],
  known: readonly ChannelVersion[],
): RoutedPlatforms<File> {
  const channels = new Set([STABLE, ...files.map(({ channel }) => channel)]);
  return new Map(
    [...channels].map((channel) => {
      const isAsked = (file: { readonly channel: string }) => [STABLE, channel].includes(file.channel);
      const versions = known.map((version) => ({ ...version, isElsewhere: !isAsked(version) }));
      const byName = [...releasesByName(files.filter(isAsked))];
      return [channel, new Map(byName.map(([name, releases]) => [name, updateSteps(releases, versions)]))];
    }),
  );
}

/** What a platform has in a channel. One without releases of its own offers what `stable` does. */
export function stepsIn<Steps>(
  routed: ReadonlyMap<string, ReadonlyMap<string, Steps>>,
  { channel, name }: { readonly channel: string; readonly name: string },
): Steps | undefined {
  return (routed.get(channel) ?? routed.get(STABLE))?.get(name);
}

/** The versions of files, each once. */
export function distinctVersions<Version extends ChannelVersion>(known: readonly Version[]): Version[] {
  return [...new Map(known.map((file) => [precedenceOf(file.version), file])).values()];
}

export function askedNames(platform: Platform): string[] {
  return [...new Set([platformName(platform), platformName(withoutBundleType(platform))])];
}

function releasesByName<File extends RoutedFile>(
  files: readonly File[],
): Map<string, PlatformRelease<File>[]> {
  const names = new Map<string, Map<string, [File, ...File[]]>>();
  for (const file of files.toSorted(compareByPreference)) {
    for (const name of askedNames(file)) {
      const byVersion = names.get(name) ?? new Map<string, [File, ...File[]]>();
      const version = precedenceOf(file.version);
      const others = byVersion.get(version);
      if (others === undefined) byVersion.set(version, [file]);
      else others.push(file);
      names.set(name, byVersion);
    }
  }
  return new Map(
    [...names].map(([name, byVersion]) => [name, [...byVersion.values()].map(toPlatformRelease)]),
  );
}

function toPlatformRelease<File extends RoutedFile>(
  files: readonly [File, ...File[]],
): PlatformRelease<File> {
  const [{ version, requires, signingKeyId }] = files;
  const isUniform = files.every((file) => file.signingKeyId === signingKeyId);
  return { version, requires, signingKeyId: isUniform ? signingKeyId : SEVERAL_KEYS, files };
}
