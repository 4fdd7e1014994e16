import { atOnce } from '../../runtime/in-slices.ts';
import { STABLE } from '../channel.ts';
import { compareVersions, precedenceOf } from '../version.ts';
import type { ClosableFile } from './default-kinds.ts';
import {
  askedNames,
  type ChannelVersion,
  distinctVersions,
  type RoutedFile,
  type RoutedPlatforms,
  releasesByName,
  routing,
  stepsIn,
} from './route-platforms.ts';
import { type RoutedRelease, sortedVersions, stepFor, type UpdateStep } from './update-steps.ts';

/** A file that was live at some time, so that apps may be on its version. */
export interface KnownFile extends ClosableFile, ChannelVersion {}

export interface AppFiles {
  readonly live: readonly RoutedFile[];
  readonly known: readonly KnownFile[];
}

/** Versions of one platform that have no way to its highest release. */
export interface Stranding {
  readonly platform: string;
  readonly versions: readonly string[];
  /** The release that they do not get to. */
  readonly highest: string;
}

/** A release that goes live. */
export interface LiveFiles {
  readonly version: string;
  readonly channel: string;
  readonly requires: string | undefined;
  readonly embeddedKeyId: string | undefined;
  readonly files: readonly (ClosableFile & { readonly signingKeyId: string | undefined })[];
}

/** An app's files once a release is live too. */
export function withLiveFiles(
  { live, known }: AppFiles,
  { version, channel, requires, embeddedKeyId, files }: LiveFiles,
): AppFiles {
  const added = files.map((file) => ({ ...file, version, channel }));
  return {
    live: [...live, ...added.map((file) => ({ ...file, requires }))],
    known: [...known, ...added.map((file) => ({ ...file, embeddedKeyId }))],
  };
}

/**
 * The versions that a change would strand: those that had a way to the highest release before, and have none after;
 * and all lower ones where a new highest release would be offered to none of them.
 */
export function strandedVersions(before: AppFiles, after: AppFiles): Stranding[] {
  return atOnce(findingStranded(before, after));
}

/** The same, to be done in slices. */
export function* findingStranded(before: AppFiles, after: AppFiles): Generator<void, Stranding[]> {
  if (!isRouted(after)) return [];
  const names = [...new Set(after.known.flatMap(askedNames))];
  const routedBefore = new RoutedFiles(before, yield* routing(before.live, distinctVersions(before.known)));
  const routedAfter = new RoutedFiles(after, yield* routing(after.live, distinctVersions(after.known)));
  const strandings: Stranding[] = [];
  for (const channel of new Set([STABLE, ...after.known.map((file) => file.channel)])) {
    for (const name of names) {
      const place = { channel, name };
      // Apps of such a channel are stranded as those of `stable` are, where they are found.
      if (routedBefore.isLikeStable(place) && routedAfter.isLikeStable(place)) continue;
      strandings.push(...strandedOn(routedBefore.viewOf(place), routedAfter.viewOf(place), name));
      yield;
    }
  }
  return distinct(strandings);
}

const BELOW = 'versions before';

/** For messages: `1.0.0 and 1.1.0 would have no way to 1.2.0 (linux-x86_64)`. */
export function describeStranding(strandings: readonly Stranding[]): string {
  const groups = new Map<string, string[]>();
  for (const { versions, highest, platform } of strandings) {
    const [first = '', ...others] = versions;
    const named = first.startsWith(BELOW) ? [...others, first] : versions;
    const what = `${joinWords(named)} would have no way to ${highest}`;
    groups.set(what, [...(groups.get(what) ?? []), platform]);
  }
  return [...groups].map(([what, platforms]) => `apps on ${what} (${platforms.join(', ')})`).join('; ');
}

interface View {
  readonly steps: readonly UpdateStep<RoutedRelease>[];
  readonly versions: readonly string[];
  readonly highest: string | undefined;
}

function isRouted({ live, known }: AppFiles): boolean {
  return (
    live.some(({ requires }) => requires !== undefined) ||
    known.some((file) => file.embeddedKeyId !== undefined)
  );
}

interface Place {
  readonly channel: string;
  readonly name: string;
}

/** An app's files, so that those of one channel and platform are found without reading the others. */
class RoutedFiles {
  readonly #routed: RoutedPlatforms<RoutedFile>;
  readonly #known: VersionsByPlace;
  readonly #live: VersionsByPlace;

  constructor({ live, known }: AppFiles, routed: RoutedPlatforms<RoutedFile>) {
    this.#routed = routed;
    this.#known = versionsByPlace(known);
    this.#live = offeredByPlace(live);
  }

  /** Whether a channel has nothing of its own for a platform, and leads its apps as `stable` does. */
  isLikeStable(place: Place): boolean {
    if (place.channel === STABLE) return false;
    const isOwn = [this.#known, this.#live].some((versions) => versions.get(place.channel)?.has(place.name));
    const ofStable = stepsIn(this.#routed, { ...place, channel: STABLE });
    return !isOwn && stepsIn(this.#routed, place) === ofStable;
  }

  viewOf(place: Place): View {
    const steps = stepsIn(this.#routed, place) ?? [];
    return {
      steps,
      versions: versionsIn(this.#known, place),
      highest: versionsIn(this.#live, place).at(-1),
    };
  }
}

/** By channel, then by platform name. */
type VersionsByPlace = ReadonlyMap<string, ReadonlyMap<string, readonly string[]>>;

function versionsByPlace(files: readonly KnownFile[]): VersionsByPlace {
  const byChannel = new Map<string, Map<string, string[]>>();
  for (const file of files) {
    const byName = byChannel.get(file.channel) ?? new Map<string, string[]>();
    byChannel.set(file.channel, byName);
    for (const name of askedNames(file)) {
      const versions = byName.get(name) ?? [];
      byName.set(name, versions);
      versions.push(file.version);
    }
  }
  return byChannel;
}

/** Without a platform of a release that lacks one of its default files. */
function offeredByPlace(live: readonly RoutedFile[]): VersionsByPlace {
  const byChannel = Map.groupBy(live, ({ channel }) => channel);
  return new Map(
    [...byChannel].map(([channel, files]) => {
      const byName = releasesByName(files);
      return [channel, new Map([...byName].map(([name, own]) => [name, own.map(({ version }) => version)]))];
    }),
  );
}

function versionsIn(versions: VersionsByPlace, { channel, name }: Place): string[] {
  return sortedVersions([...new Set([STABLE, channel])].flatMap((one) => versions.get(one)?.get(name) ?? []));
}

function strandedOn(before: View, after: View, platform: string): Stranding[] {
  const { highest } = after;
  if (highest === undefined) return [];
  const had = new Set(before.versions);
  const wasStranded = (version: string | undefined) =>
    before.highest !== undefined &&
    (version === undefined || had.has(version)) &&
    isStranded(before, version);
  // The first release of a platform has no apps below it.
  const asked = before.versions.length > 0 ? [undefined, ...after.versions] : after.versions;
  const stranded = asked.filter((version) => isStranded(after, version));
  const lower = after.versions.filter((version) => compareVersions(version, highest) < 0);
  const isNew = !had.has(precedenceOf(highest));
  const isDeadEnd = isNew && lower.length > 0 && lower.every((version) => isStranded(after, version));
  const versions = isDeadEnd ? lower : stranded.filter((version) => !wasStranded(version)).map(nameOf(after));
  return versions.length === 0 ? [] : [{ platform, versions, highest }];
}

function isStranded({ steps, highest }: View, version: string | undefined): boolean {
  if (highest === undefined || (version !== undefined && compareVersions(version, highest) >= 0))
    return false;
  const step = version === undefined ? steps[0] : stepFor(steps, version);
  return step?.reach === undefined || compareVersions(step.reach, highest) !== 0;
}

function nameOf({ steps }: View): (version: string | undefined) => string {
  return (version) => version ?? `${BELOW} ${steps[1]?.from ?? ''}`;
}

function distinct(strandings: readonly Stranding[]): Stranding[] {
  return [...new Map(strandings.map((stranding) => [JSON.stringify(stranding), stranding])).values()];
}

function joinWords(words: readonly string[]): string {
  const last = words.at(-1) ?? '';
  return words.length < 2 ? last : `${words.slice(0, -1).join(', ')} and ${last}`;
}
