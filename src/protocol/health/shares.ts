/** How many of some clients did something, on one platform. Both may be fractions, where they are estimates. */
export interface Share {
  /** As `platformName`. */
  readonly platform: string;
  readonly of: number;
  readonly count: number;
}

export interface Bounds {
  readonly low: number;
  readonly high: number;
}

/** Between which bounds a share is, after Wilson (1927). @param z how many standard errors wide */
export function wilsonBounds({ of, count }: Pick<Share, 'of' | 'count'>, z: number): Bounds {
  if (of <= 0) return { low: 0, high: 1 };
  const share = Math.min(1, Math.max(0, count / of));
  const weight = 1 + z ** 2 / of;
  const center = (share + z ** 2 / (2 * of)) / weight;
  const width = (z / weight) * Math.sqrt((share * (1 - share)) / of + z ** 2 / (4 * of ** 2));
  return { low: Math.max(0, center - width), high: Math.min(1, center + width) };
}

/** The share of a release beside the one that is to be expected. */
export interface Difference {
  readonly release: Pick<Share, 'of' | 'count'>;
  /** 0 to 1. */
  readonly expected: number;
  /** Between which bounds this release is above that: -1 to 1. */
  readonly bounds: Bounds;
}

/** A platform on which fewer clients had the release before says too little of what is to be expected there. */
const FEWEST_BEFORE = 30;

/**
 * Compares a release with the one before as if that had the same mix of platforms: its share on each counts as much as the
 * platform has clients of the release. The bounds of the difference are those of Newcombe (1998), made of Wilson's; of a
 * sum over platforms those of Zou and Donner (2008).
 * @param before of the release before; or what is to be expected on each platform, from 0 to 1
 * @param sureness how many standard errors wide the bounds are, by the number of clients
 * @returns undefined where no platform can be compared
 */
export function compareShares(
  release: readonly Share[],
  before: readonly Share[] | number,
  sureness: (clients: number) => number,
): Difference | undefined {
  const isKnown = (platform: string) => typeof before === 'number' || shareOn(platform, before) !== undefined;
  const compared = release.filter(({ platform }) => isKnown(platform));
  const of = sum(compared, (share) => share.of);
  if (of <= 0) return undefined;
  const z = sureness(of);
  const pairs = compared.map((share) => ({ share, expected: expectedOn(share.platform, before, z) }));
  const count = sum(pairs, ({ share }) => share.count);
  const weightOf = ({ share }: (typeof pairs)[number]) => share.of / of;
  const mean = sum(pairs, (pair) => weightOf(pair) * pair.expected.mean);
  const below = Math.hypot(...pairs.map((pair) => weightOf(pair) * pair.expected.below));
  const above = Math.hypot(...pairs.map((pair) => weightOf(pair) * pair.expected.above));
  const { low, high } = wilsonBounds({ of, count }, z);
  const difference = count / of - mean;
  return {
    release: { of, count },
    expected: mean,
    bounds: {
      low: difference - Math.hypot(count / of - low, above),
      high: difference + Math.hypot(high - count / of, below),
    },
  };
}

/** A share, and how far below and above it may be. */
function expectedOn(platform: string, before: readonly Share[] | number, z: number) {
  if (typeof before === 'number') return { mean: before, below: 0, above: 0 };
  const { of, count } = shareOn(platform, before) ?? { of: 1, count: 0 };
  const { low, high } = wilsonBounds({ of, count }, z);
  return { mean: count / of, below: count / of - low, above: high - count / of };
}

function shareOn(platform: string, shares: readonly Share[]): Share | undefined {
  return shares.find((one) => one.platform === platform && one.of >= FEWEST_BEFORE);
}

function sum<T>(items: readonly T[], numberOf: (item: T) => number): number {
  return items.reduce((total, item) => total + numberOf(item), 0);
}
