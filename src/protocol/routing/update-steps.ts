import { compareVersions, nextVersion, precedenceOf } from '../version.ts';

// Extension `key-routing`: docs/contributing/update-check.md.

/** A release that may be offered on a platform. */
export interface RoutedRelease {
  readonly version: string;
  /** The id of the key its files are signed with; undefined when it is unknown, and every app counts as able to verify it. */
  readonly signingKeyId: string | undefined;
  /** The lowest version that may take it; undefined for all. */
  readonly requires: string | undefined;
}

/** A version that apps have, or had a chance to get: it was live at some time. */
export interface KnownVersion {
  readonly version: string;
  readonly signingKeyId: string | undefined;
  /** The id of the key its build carries; undefined when it is unknown. */
  readonly embeddedKeyId: string | undefined;
  /** Whether it is in a channel that is not asked: only apps of exactly this version count as it. */
  readonly isElsewhere?: boolean;
}

/** What versions are offered up to the next step's `from`, and the highest version that they get to from there. */
export interface UpdateStep<Release> {
  /** Inclusive; undefined in the first step. */
  readonly from: string | undefined;
  readonly release: Release | undefined;
  readonly reach: string | undefined;
}

/** A release, and how far it leads. */
interface Way<Release> {
  readonly release: Release;
  readonly reach: string;
}

/** By the id of the signing key, undefined for "all" of them; the best last. */
type Ways<Release> = Map<string | undefined, Way<Release>[]>;

/**
 * The offers of one platform as a sorted list, resolved when a release changes: a version is offered the highest
 * release among those that it can verify, that it is high enough for, and that lead as far as any of them. A version
 * that is not known counts as the nearest lower known one. One below all of them is taken to verify what the
 * lowest known version is signed with.
 */
export function updateSteps<Release extends RoutedRelease>(
  releases: readonly Release[],
  known: readonly KnownVersion[],
): readonly UpdateStep<Release>[] {
  const ways: Ways<Release> = new Map();
  const steps: UpdateStep<Release>[] = [];
  const ranges = keyRanges(known);
  const byVersion = new Map(releases.map((release) => [precedenceOf(release.version), release]));
  const boundaries = sortedVersions([
    ...ranges.flatMap(({ from }) => (from === undefined ? [] : [from])),
    ...releases.flatMap(({ version, requires }) =>
      requires === undefined ? [version] : [version, requires],
    ),
  ]);
  for (const from of [...boundaries.reverse(), undefined]) {
    while (ranges.length > 1 && isAbove(ranges.at(-1)?.from, from)) ranges.pop();
    const best = bestWay(ways, { version: from, keyId: ranges.at(-1)?.keyId });
    const next = steps.at(-1);
    if (next !== undefined && next.release === best?.release) steps.pop(); // the same offer from further below
    steps.push({ from, release: best?.release, reach: best?.reach });
    const release = from === undefined ? undefined : byVersion.get(from);
    if (release !== undefined) addWay(ways, { release, reach: best?.reach ?? release.version });
  }
  return steps.reverse();
}

export function stepFor<Release>(
  steps: readonly UpdateStep<Release>[],
  version: string,
): UpdateStep<Release> | undefined {
  let low = 0;
  let high = steps.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    const from = steps[middle]?.from;
    if (from === undefined || compareVersions(from, version) <= 0) low = middle + 1;
    else high = middle;
  }
  return steps[low - 1];
}

/** Assumes that builds carry the key they are signed with, once the app has said for any version what its build carries. */
export function embeddedKeys(known: readonly KnownVersion[]): KnownVersion[] {
  if (known.every(({ embeddedKeyId }) => embeddedKeyId === undefined)) return [...known];
  return known.map((version) => ({
    ...version,
    embeddedKeyId: version.embeddedKeyId ?? version.signingKeyId,
  }));
}

/** Versions without build metadata and without repetition, the lowest first. */
export function sortedVersions(versions: readonly string[]): string[] {
  return [...new Set(versions.map(precedenceOf))].sort(compareVersions);
}

/** From which version on apps have which key; the first range is for those below all versions. */
interface KeyRange {
  readonly from: string | undefined;
  readonly keyId: string | undefined;
}

function keyRanges(known: readonly KnownVersion[]): KeyRange[] {
  const sorted = embeddedKeys(known).sort((a, b) => compareVersions(a.version, b.version));
  const lowest = sorted.find(({ isElsewhere }) => !isElsewhere) ?? sorted[0];
  const isRouted = sorted.some(({ embeddedKeyId }) => embeddedKeyId !== undefined);
  // Apps below all known versions exist only because they were built with the key that the lowest is signed with.
  let nearest = isRouted ? lowest?.signingKeyId : undefined;
  const ranges = new Map<string | undefined, KeyRange>([[undefined, { from: undefined, keyId: nearest }]]);
  for (const { version, embeddedKeyId: keyId, isElsewhere } of sorted) {
    const [from, after] = [precedenceOf(version), nextVersion(version)];
    ranges.set(from, { from, keyId });
    if (isElsewhere) ranges.set(after, { from: after, keyId: nearest });
    else nearest = keyId;
  }
  return [...ranges.values()];
}

function bestWay<Release extends RoutedRelease>(
  ways: Ways<Release>,
  { version, keyId }: { readonly version: string | undefined; readonly keyId: string | undefined },
): Way<Release> | undefined {
  const verifiable = keyId === undefined ? [...ways.values()] : [ways.get(keyId), ways.get(undefined)];
  let best: Way<Release> | undefined;
  for (const ofKey of verifiable) {
    // Versions only get lower from here on: what this one is too low for, all of them are.
    while (isAbove(ofKey?.at(-1)?.release.requires, version)) ofKey?.pop();
    const way = ofKey?.at(-1);
    if (way !== undefined && (best === undefined || leadsFurther(way, best))) best = way;
  }
  return best;
}

function isAbove(version: string | undefined, other: string | undefined): boolean {
  return version !== undefined && (other === undefined || compareVersions(version, other) > 0);
}

function addWay<Release extends RoutedRelease>(ways: Ways<Release>, way: Way<Release>): void {
  const { signingKeyId, requires } = way.release;
  const ofKey = ways.get(signingKeyId) ?? [];
  let low = 0;
  let high = ofKey.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    const other = ofKey[middle];
    if (other !== undefined && leadsFurther(way, other)) low = middle + 1;
    else high = middle;
  }
  // One that every version may take makes those before it useless.
  if (requires === undefined) ofKey.splice(0, low, way);
  else ofKey.splice(low, 0, way);
  ways.set(signingKeyId, ofKey);
}

function leadsFurther(a: Way<RoutedRelease>, b: Way<RoutedRelease>): boolean {
  return (compareVersions(a.reach, b.reach) || compareVersions(a.release.version, b.release.version)) > 0;
}
