import { compareVersions, nextVersion, precedenceOf, versionOrder } from '../version.ts';

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
}

/** What versions are offered up to the next step's `from`, and the highest version that they get to from there. */
export interface UpdateStep<Release> {
  /** Inclusive; undefined in the first step. */
  readonly from: string | undefined;
  readonly release: Release | undefined;
  readonly reach: string | undefined;
}

/** A version and its `versionOrder`, by which it is compared; empty for below all versions. */
interface Boundary {
  readonly from: string | undefined;
  readonly order: string;
}

/** A release, and how far it leads. */
export interface Way<Release> {
  readonly release: Release;
  readonly order: string;
  readonly reach: Boundary;
  /** The order of the version that it requires; empty for none. */
  readonly requires: string;
  readonly isHeld: boolean;
}

/** What was decided for the versions from a boundary up to the next one. */
export interface Decision<Release> {
  readonly order: string;
  /** The key that they have; undefined for any. */
  readonly keyId: string | undefined;
  /** What leads furthest, whether or not it is held. */
  readonly best: Way<Release> | undefined;
  readonly offered: Way<Release> | undefined;
}

/** What `updateSteps` writes down on its way, for those who ask why: the highest first. */
export interface WalkTrace<Release> {
  readonly ways: Way<Release>[];
  readonly decisions: Decision<Release>[];
}

export interface WalkOptions<Release> {
  /**
   * Releases that are not offered yet: they count as offered for how far others lead, so that no version is led where it
   * could not get to them later.
   */
  readonly isHeld?: ((release: Release) => boolean) | undefined;
  readonly trace?: WalkTrace<Release> | undefined;
}

/** By the id of the signing key, undefined for "all" of them; the best last. */
type Ways<Release> = Map<string | undefined, Way<Release>[]>;

/**
 * The offers of one platform as a sorted list, resolved when a release changes: a version is offered the highest
 * release among those that it can verify, that it is high enough for, and that lead as far as any of them. A version
 * that is not known counts as the nearest lower known one. One below all of them is taken to verify what the
 * lowest known version is signed with.
 * @param keys as `keyRanges`: all platforms of a channel have them in common
 */
export function updateSteps<Release extends RoutedRelease>(
  releases: readonly Release[],
  keys: readonly KeyRange[],
  { isHeld, trace }: WalkOptions<Release> = {},
): readonly UpdateStep<Release>[] {
  const ways: Ways<Release> = new Map();
  const open: Ways<Release> = isHeld === undefined ? ways : new Map();
  const steps: UpdateStep<Release>[] = [];
  const byOrder = new Map(releases.map((release) => [versionOrder(release.version), release]));
  let range = keys.length - 1;
  for (const boundary of boundariesOf(releases, keys)) {
    const { from, order } = boundary;
    while (range > 0 && (keys[range]?.order ?? '') > order) range--;
    const keyId = keys[range]?.keyId;
    const best = bestWay(ways, order, keyId);
    const offered = open === ways ? best : asFarAs(best, bestWay(open, order, keyId));
    trace?.decisions.push({ order, keyId, best, offered });
    const next = steps.at(-1);
    if (next !== undefined && next.release === offered?.release) steps.pop(); // the same offer from further below
    steps.push({ from, release: offered?.release, reach: offered?.reach.from });
    const release = byOrder.get(order);
    if (release === undefined) continue;
    const requires = release.requires === undefined ? '' : versionOrder(release.requires);
    const way = {
      ...{ release, order, requires },
      reach: best?.reach ?? boundary,
      isHeld: isHeld?.(release) ?? false,
    };
    trace?.ways.push(way);
    addWay(ways, way);
    if (open !== ways && !way.isHeld) addWay(open, way);
  }
  return steps.reverse();
}

/** Where the offer may be another one, the highest first. */
function boundariesOf(releases: readonly RoutedRelease[], keys: readonly KeyRange[]): Boundary[] {
  const versions = releases.flatMap(({ version, requires }) =>
    requires === undefined ? [version] : [version, requires],
  );
  const own = sortedVersions(versions).map((from) => ({ from, order: versionOrder(from) }));
  const boundaries: Boundary[] = [];
  for (let range = keys.length - 1; range >= 0; ) {
    const [key, highest] = [keys[range], own.at(-1)];
    if (highest !== undefined && highest.order >= (key?.order ?? '')) {
      boundaries.push(highest);
      own.pop();
      if (key?.order === highest.order) range--;
    } else {
      if (key !== undefined) boundaries.push(key);
      range--;
    }
  }
  return boundaries;
}

export function stepFor<Step extends Pick<UpdateStep<unknown>, 'from'>>(
  steps: readonly Step[],
  version: string,
): Step | undefined {
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
export function embeddedKeys<Version extends KnownVersion>(known: readonly Version[]): Version[] {
  if (known.every(({ embeddedKeyId }) => embeddedKeyId === undefined)) return [...known];
  return known.map((version) => ({
    ...version,
    embeddedKeyId: version.embeddedKeyId ?? version.signingKeyId,
  }));
}

/** Versions without build metadata and without repetition, the lowest first. */
export function sortedVersions(versions: readonly string[]): string[] {
  return inOrder([...new Set(versions.map(precedenceOf))], (version) => version).map(({ item }) => item);
}

/** From which version on apps have which key; the first range is for those below all versions. */
export interface KeyRange extends Boundary {
  readonly keyId: string | undefined;
}

/** Known versions with the keys that their builds carry, the lowest first. */
export interface SortedVersions<Version> {
  readonly versions: readonly Ordered<Version>[];
  /** Whether any is known to carry a key. */
  readonly isRouted: boolean;
}

interface Ordered<T> {
  readonly item: T;
  readonly order: string;
}

export function sortKnown<Version extends KnownVersion>(known: readonly Version[]): SortedVersions<Version> {
  const versions = inOrder(embeddedKeys(known), ({ version }) => version);
  return { versions, isRouted: versions.some(({ item }) => item.embeddedKeyId !== undefined) };
}

/**
 * The keys that apps have, as few ranges as possible: neighbours with one key are one range.
 * @param isElsewhere whether it is in a channel that is not asked: only apps of exactly this version count as it
 */
export function keyRanges<Version extends KnownVersion>(
  { versions, isRouted }: SortedVersions<Version>,
  isElsewhere: (version: Version) => boolean,
): readonly KeyRange[] {
  const lowest = versions.find(({ item }) => !isElsewhere(item)) ?? versions[0];
  // Apps below all known versions exist only because they were built with the key that the lowest is signed with.
  let nearest = isRouted ? lowest?.item.signingKeyId : undefined;
  const ranges: KeyRange[] = [{ from: undefined, order: '', keyId: nearest }];
  const begin = (range: KeyRange) => {
    if (ranges.at(-1)?.order === range.order) ranges.pop();
    if (ranges.length === 0 || ranges.at(-1)?.keyId !== range.keyId) ranges.push(range);
  };
  for (const { item, order } of versions) {
    const { version, embeddedKeyId: keyId } = item;
    if (keyId === nearest) continue;
    begin({ from: precedenceOf(version), order, keyId });
    if (isElsewhere(item)) {
      const after = nextVersion(version);
      begin({ from: after, order: versionOrder(after), keyId: nearest });
    } else nearest = keyId;
  }
  return ranges;
}

function inOrder<T>(items: readonly T[], versionOf: (item: T) => string): Ordered<T>[] {
  const ordered = items.map((item) => ({ item, order: versionOrder(versionOf(item)) }));
  return ordered.sort((a, b) => (a.order < b.order ? -1 : a.order > b.order ? 1 : 0));
}

function bestWay<Release extends RoutedRelease>(
  ways: Ways<Release>,
  order: string,
  keyId: string | undefined,
): Way<Release> | undefined {
  const verifiable = keyId === undefined ? [...ways.values()] : [ways.get(keyId), ways.get(undefined)];
  let best: Way<Release> | undefined;
  for (const ofKey of verifiable) {
    // Versions only get lower from here on: what this one is too low for, all of them are.
    while (isTooLow(order, ofKey?.at(-1))) ofKey?.pop();
    const way = ofKey?.at(-1);
    if (way !== undefined && (best === undefined || leadsFurther(way, best))) best = way;
  }
  return best;
}

/** Whether a build that carries a key verifies what is signed with another; undefined is any. */
export function canVerify(keyId: string | undefined, signingKeyId: string | undefined): boolean {
  return keyId === undefined || signingKeyId === undefined || keyId === signingKeyId;
}

export function isTooLow(order: string, way: Pick<Way<RoutedRelease>, 'requires'> | undefined): boolean {
  return (way?.requires ?? '') > order;
}

/** The way, unless it ends short of the other: an app that took it could not go the other later. */
function asFarAs<Release>(other: Way<Release> | undefined, way: Way<Release> | undefined): typeof way {
  return way?.reach.order === other?.reach.order ? way : undefined;
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
  return a.reach.order === b.reach.order ? a.order > b.order : a.reach.order > b.reach.order;
}
