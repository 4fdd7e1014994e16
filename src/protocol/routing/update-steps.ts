import { compareVersions, precedenceOf } from '../version.ts';

/*
 * Extension `key-routing` (docs/contributing/update-check.md): which release an installed version is offered. An app
 * verifies updates with the key that its build carries, so after a key rotation it has to be led over a release that is
 * signed with its own key and carries the next one. `requires` leads it over a stepping stone in the same way.
 */

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

/** What versions are offered, from one version (inclusive) to the `from` of the next step (exclusive). */
export interface UpdateStep<Release> {
  /** Undefined in the first step, for all versions below the second one's. */
  readonly from: string | undefined;
  /** Undefined when there is nothing to offer. */
  readonly release: Release | undefined;
  /** The highest version that apps get to from here, step by step; undefined without a release. */
  readonly reach: string | undefined;
}

/** A release with a way on: candidates for a version are compared by how far they lead, then by their own version. */
interface Way<Release> {
  readonly release: Release;
  readonly reach: string;
}

/** The best way for each `requires`, by the id of the signing key; undefined stands for "all" in both. */
type Ways<Release> = Map<string | undefined, Map<string | undefined, Way<Release>>>;

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
  const keyOf = keyLookup(known);
  const byVersion = new Map(releases.map((release) => [precedenceOf(release.version), release]));
  const boundaries = sortedVersions([
    ...known.map(({ version }) => version),
    ...releases.flatMap(({ version, requires }) =>
      requires === undefined ? [version] : [version, requires],
    ),
  ]);
  for (const from of [...boundaries.reverse(), undefined]) {
    const best = bestWay(ways, { version: from, keyId: keyOf(from) });
    const next = steps.at(-1);
    if (next !== undefined && next.release === best?.release) steps.pop(); // the same offer from further below
    steps.push({ from, release: best?.release, reach: best?.reach });
    const release = from === undefined ? undefined : byVersion.get(from);
    if (release !== undefined) addWay(ways, { release, reach: best?.reach ?? release.version });
  }
  return steps.reverse();
}

/** The step that a version is at. */
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

/**
 * The key of each version's build, where it is unknown the key that the version is signed with: but only once the app
 * has said it for some version. Before that no offer depends on keys.
 */
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

/** Looks up the key of versions in descending order, undefined being the last. */
function keyLookup(known: readonly KnownVersion[]): (version: string | undefined) => string | undefined {
  const remaining = embeddedKeys(known).sort((a, b) => compareVersions(a.version, b.version));
  const lowest = remaining[0];
  // Apps below it exist only because they were built with the key that it is signed with.
  const isRouted = remaining.some(({ embeddedKeyId }) => embeddedKeyId !== undefined);
  const below = isRouted ? lowest?.signingKeyId : undefined;
  return (version) => {
    if (version === undefined) return below;
    while (remaining.length > 0 && compareVersions(remaining.at(-1)?.version ?? '', version) > 0)
      remaining.pop();
    const nearest = remaining.at(-1);
    return nearest === undefined ? below : nearest.embeddedKeyId;
  };
}

function bestWay<Release extends RoutedRelease>(
  ways: Ways<Release>,
  { version, keyId }: { readonly version: string | undefined; readonly keyId: string | undefined },
): Way<Release> | undefined {
  const verifiable = keyId === undefined ? [...ways.values()] : [ways.get(keyId), ways.get(undefined)];
  let best: Way<Release> | undefined;
  for (const byRequired of verifiable) {
    for (const [requires, way] of byRequired ?? []) {
      // Versions only get lower from here on: it is required of all of them in vain.
      if (requires !== undefined && (version === undefined || compareVersions(version, requires) < 0))
        byRequired?.delete(requires);
      else if (best === undefined || leadsFurther(way, best)) best = way;
    }
  }
  return best;
}

function addWay<Release extends RoutedRelease>(ways: Ways<Release>, way: Way<Release>): void {
  const { signingKeyId, requires } = way.release;
  const byRequired = ways.get(signingKeyId) ?? new Map<string | undefined, Way<Release>>();
  const other = byRequired.get(requires);
  if (other === undefined || leadsFurther(way, other)) byRequired.set(requires, way);
  ways.set(signingKeyId, byRequired);
}

function leadsFurther(a: Way<RoutedRelease>, b: Way<RoutedRelease>): boolean {
  return (compareVersions(a.reach, b.reach) || compareVersions(a.release.version, b.release.version)) > 0;
}
