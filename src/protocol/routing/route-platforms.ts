import { atOnce } from '../../runtime/in-slices.ts';
import { STABLE } from '../channel.ts';
import { platformName, withoutBundleType } from '../platform.ts';
import { precedenceOf } from '../version.ts';
import { type ClosableFile, defaultFiles, groupByPlatform } from './default-kinds.ts';
import {
  type KeyRange,
  type KnownVersion,
  keyRanges,
  type RoutedRelease,
  sortKnown,
  type UpdateStep,
  updateSteps,
  type WalkOptions,
  type WalkTrace,
} from './update-steps.ts';

/** The file of a release that is live. */
export interface RoutedFile extends ClosableFile, RoutedRelease {
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
 * bundle type has only its own files, a platform without one its default kinds.
 *
 * Where apps of a channel have the same keys as those of `stable`, a platform without releases of its own there has the
 * very same steps: what this costs does not grow with the number of channels times that of releases.
 */
export function routePlatforms<File extends RoutedFile>(
  files: readonly File[],
  known: readonly ChannelVersion[],
  options?: RoutingOptions<File>,
): RoutedPlatforms<File> {
  return atOnce(routing(files, known, options));
}

export interface RoutingOptions<File> extends Pick<WalkOptions<PlatformRelease<File>>, 'isHeld'> {
  /** Gets what was decided on the way to each list of steps. */
  readonly traces?: WalkTraces<File> | undefined;
  /** The only platform name that is asked about; by default all are. */
  readonly onlyName?: string | undefined;
}

/** By the list of steps that the walk has led to. */
export type WalkTraces<File> = Map<
  readonly UpdateStep<PlatformRelease<File>>[],
  WalkTrace<PlatformRelease<File>>
>;

/** The same, to be done in slices: keys that go back and forth between versions make it long. */
export function* routing<File extends RoutedFile>(
  files: readonly File[],
  known: readonly ChannelVersion[],
  options: RoutingOptions<File> = {},
): Generator<void, RoutedPlatforms<File>> {
  const versions = sortKnown(known);
  const byChannel = Map.groupBy(files, ({ channel }) => channel);
  const ofStable = releasesByName(byChannel.get(STABLE) ?? []);
  const stableKeys = keyRanges(versions, ({ channel }) => channel !== STABLE);
  const stable = yield* stepsByName(ofStable, stableKeys, options);
  byChannel.delete(STABLE);
  const routed = new Map([[STABLE, stable]]);
  for (const [channel, own] of byChannel) {
    const ofChannel = releasesByName(own);
    const keys = keyRanges(versions, (version) => ![STABLE, channel].includes(version.channel));
    const names = isSame(keys, stableKeys) ? [] : ofStable.keys();
    const together = new Map(
      [...new Set([...names, ...ofChannel.keys()])].map((name) => [
        name,
        [...(ofStable.get(name) ?? []), ...(ofChannel.get(name) ?? [])],
      ]),
    );
    routed.set(channel, new Map([...stable, ...(yield* stepsByName(together, keys, options))]));
  }
  return routed;
}

function* stepsByName<File>(
  releases: ReadonlyMap<string, readonly PlatformRelease<File>[]>,
  keys: readonly KeyRange[],
  { isHeld, traces, onlyName }: RoutingOptions<File>,
): Generator<void, Map<string, readonly UpdateStep<PlatformRelease<File>>[]>> {
  const steps = new Map<string, readonly UpdateStep<PlatformRelease<File>>[]>();
  for (const [name, ofName] of releases) {
    if (onlyName !== undefined && name !== onlyName) continue;
    const trace = traces && { ways: [], decisions: [] };
    const own = updateSteps(ofName, keys, { isHeld, trace });
    if (trace) traces?.set(own, trace);
    steps.set(name, own);
    yield;
  }
  return steps;
}

function isSame(some: readonly KeyRange[], others: readonly KeyRange[]): boolean {
  if (some.length !== others.length) return false;
  return some.every(({ from, keyId }, i) => from === others[i]?.from && keyId === others[i]?.keyId);
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

/** The names that apps ask by which get the file, where the other default files of its platform are there. */
export function askedNames(file: ClosableFile): string[] {
  const own = platformName(file);
  return file.defaultKinds === null ? [own] : [...new Set([own, platformName(withoutBundleType(file))])];
}

/** Of each name that apps ask by. */
export function releasesByName<File extends RoutedFile>(
  files: readonly File[],
): Map<string, PlatformRelease<File>[]> {
  const names = new Map<string, PlatformRelease<File>[]>();
  const add = (name: string, [first, ...others]: readonly File[]) => {
    if (first === undefined) return;
    const releases = names.get(name) ?? [];
    releases.push(toPlatformRelease([first, ...others]));
    names.set(name, releases);
  };
  for (const group of groupByPlatform(files)) {
    for (const file of group.filter(({ bundleType }) => bundleType !== undefined))
      add(platformName(file), [file]);
    for (const first of group.slice(0, 1)) add(platformName(withoutBundleType(first)), defaultFiles(group));
  }
  return names;
}

function toPlatformRelease<File extends RoutedFile>(
  files: readonly [File, ...File[]],
): PlatformRelease<File> {
  const [{ version, requires, signingKeyId }] = files;
  const isUniform = files.every((file) => file.signingKeyId === signingKeyId);
  return { version, requires, signingKeyId: isUniform ? signingKeyId : SEVERAL_KEYS, files };
}
