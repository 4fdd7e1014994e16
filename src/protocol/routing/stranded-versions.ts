import { STABLE } from '../channel.ts';
import type { Platform } from '../platform.ts';
import { compareVersions, precedenceOf } from '../version.ts';
import {
  askedNames,
  type ChannelVersion,
  distinctVersions,
  type RoutedFile,
  type RoutedPlatforms,
  routePlatforms,
  stepsIn,
} from './route-platforms.ts';
import { type RoutedRelease, sortedVersions, stepFor, type UpdateStep } from './update-steps.ts';

/** A file that was live at some time, so that apps may be on its version. */
export interface KnownFile extends Platform, ChannelVersion {}

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
  readonly files: readonly (Platform & { readonly signingKeyId: string | undefined })[];
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
  if (!isRouted(after)) return [];
  const channels = new Set([STABLE, ...after.known.map(({ channel }) => channel)]);
  const names = new Set(after.known.flatMap(askedNames));
  const [routedBefore, routedAfter] = [route(before), route(after)];
  const strandings = [...channels].flatMap((channel) =>
    [...names].flatMap((name) => {
      const place = { channel, name };
      return strandedOn(viewOf(before, routedBefore, place), viewOf(after, routedAfter, place), name);
    }),
  );
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

function route({ live, known }: AppFiles): RoutedPlatforms<RoutedFile> {
  return routePlatforms(live, distinctVersions(known));
}

function viewOf(
  { live, known }: AppFiles,
  routed: RoutedPlatforms<RoutedFile>,
  place: { readonly channel: string; readonly name: string },
): View {
  const { channel, name } = place;
  const steps = stepsIn(routed, place) ?? [];
  const versionsOf = (files: readonly (RoutedFile | KnownFile)[]) => {
    const here = files.filter(
      (file) => [STABLE, channel].includes(file.channel) && askedNames(file).includes(name),
    );
    return sortedVersions(here.map(({ version }) => version));
  };
  return { steps, versions: versionsOf(known), highest: versionsOf(live).at(-1) };
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
