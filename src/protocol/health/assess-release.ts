import { compareShares, type Difference, type Share } from './shares.ts';

/** How many hours after a client began to download a release it counts whether it has asked with it. */
export const AGES = [1, 4, 24] as const;
export type Age = (typeof AGES)[number];

/** Who began to download a release so often, with pauses in between, is in a loop. */
export const LOOP_DOWNLOADS = 3;

/** What is known of how a release does, by platform. */
export interface ReleaseSigns {
  /** Of the clients that began to download it: those that asked with it before they were so old. */
  readonly conversions: Readonly<Record<Age, readonly Share[]>>;
  /** Of those that downloaded it: those in a loop. */
  readonly loops: readonly Share[];
  /** Of those that downloaded it: those that report that it failed or crashed. */
  readonly failures: readonly Share[];
}

export interface AssessSettings {
  /** How many clients an assessment needs. */
  readonly minimum: number;
  /** By how much a release has to be worse, surely: a share from 0 to 1. */
  readonly tolerance: number;
}

export const DEFAULT_ASSESS_SETTINGS: AssessSettings = { minimum: 50, tolerance: 0.01 };

export const PAUSE_KINDS = ['conversion', 'loops', 'failures'] as const;

/** Why a release is paused, in numbers. */
export interface PauseCause {
  readonly kind: (typeof PAUSE_KINDS)[number];
  /** Of a conversion. */
  readonly hours?: Age | undefined;
  /** Undefined for all platforms together. */
  readonly platform?: string | undefined;
  /** Clients, and those of them that converted, loop or report. */
  readonly of: number;
  readonly count: number;
  /** The share of the release before, from 0 to 1; undefined where there is nothing to compare with. */
  readonly before?: number | undefined;
}

/** Fewer than this are no sign, whatever share of all they are. */
const FEWEST_TROUBLED = 10;
/** Where there is no release before: some apps download at each start until they are installed. */
const LOOPS_WITHOUT_BEFORE = 0.2;

/**
 * How sure an assessment has to be, in standard errors. A rollout is assessed again with every half hour: bounds that are wrong
 * once in a hundred cases would be wrong in far more rollouts. So the fewer clients are known, the wider they are; what is
 * left is measured in test/unit/protocol/health.
 */
function sureness(clients: number): number {
  return 2 + 30 / Math.sqrt(clients);
}
/** Added where one platform is assessed by itself: there are several. */
const OF_ONE_PLATFORM = 0.8;

/**
 * Whether a release does surely worse than the one before it.
 * @param before undefined where no release before was counted: then conversions are not assessed
 */
export function assessRelease(
  release: ReleaseSigns,
  before: ReleaseSigns | undefined,
  settings: AssessSettings,
): PauseCause | undefined {
  const { failures, loops, conversions } = release;
  const isMore = ({ bounds }: Difference) => bounds.low > settings.tolerance;
  const isLess = ({ bounds }: Difference) => bounds.high < -settings.tolerance;
  const assess = (pair: SharePair, kind: PauseCause['kind'], hours?: Age) =>
    assessShares(pair, settings.minimum, kind === 'conversion' ? isLess : isMore).map((found) => ({
      kind,
      hours,
      ...found,
    }));
  const found = [
    ...assess({ release: failures, before: before?.failures ?? 0 }, 'failures'),
    ...assess({ release: loops, before: before?.loops ?? LOOPS_WITHOUT_BEFORE }, 'loops'),
  ].filter(({ count }) => count >= FEWEST_TROUBLED);
  const fewer = AGES.flatMap((hours) =>
    assess({ release: conversions[hours], before: before?.conversions[hours] ?? [] }, 'conversion', hours),
  );
  return [...found, ...fewer][0];
}

interface SharePair {
  readonly release: readonly Share[];
  /** Or what is to be expected where there is none, from 0 to 1. */
  readonly before: readonly Share[] | number;
}

type Assessed = Pick<PauseCause, 'platform' | 'of' | 'count' | 'before'>;

/** All platforms together, then each. */
function assessShares(
  { release, before }: SharePair,
  minimum: number,
  isWorse: (difference: Difference) => boolean,
): Assessed[] {
  const groups = [
    { platform: undefined, shares: release, more: 0 },
    ...release.map((share) => ({ platform: share.platform, shares: [share], more: OF_ONE_PLATFORM })),
  ];
  return groups.flatMap(({ platform, shares, more }) => {
    const difference = compareShares(shares, before, (clients) => sureness(clients) + more);
    if (difference === undefined || difference.release.of < minimum || !isWorse(difference)) return [];
    const known = typeof before === 'number' ? undefined : difference.expected;
    return [{ platform, ...difference.release, before: known }];
  });
}
