import { FEWEST_CLIENTS, type StoredCount } from '../../database/queries/counts.ts';
import type {
  DayStats,
  PeriodStats,
  PlatformReach,
  ReleaseStats,
  StatsResponse,
} from '../../protocol/messages.ts';
import { kindOfPeriod, type PeriodKind } from '../../protocol/stats/period.ts';
import { compareVersions, precedenceOf } from '../../protocol/version.ts';

/** A step that was taken by as many, and the next one by fewer than `FEWEST_CLIENTS`, is where a platform is stuck. */
const ENOUGH_TO_SAY = 30;
/** How long after its publication a release is not said to be stuck, in milliseconds. */
const PATIENCE_MS = 24 * 60 * 60 * 1000;

const REACH: ReadonlySet<StoredCount['kind']> = new Set(['offered', 'downloaded', 'converted']);

/** A release that was live, as far as its numbers need it. */
export interface CountedRelease {
  readonly version: string;
  /** Milliseconds since 1970. */
  readonly pubDate: number;
}

export interface AdoptionContext {
  /** Published and yanked ones. */
  readonly releases: readonly CountedRelease[];
  /** Milliseconds since 1970. */
  readonly now: number;
}

/** Extension `stats`: what is known of an app, from its counts. */
export function adoptionOf(
  counts: readonly StoredCount[],
  { releases, now }: AdoptionContext,
): StatsResponse {
  const ofDays = Map.groupBy(
    counts.filter(({ kind }) => kind === 'running'),
    ({ period }) => period,
  );
  const days = periodsOf(counts, 'day').map((day) => ({
    ...day,
    versions: versionsOf(ofDays.get(day.period)),
  }));
  const ofMonths = Map.groupBy(
    counts.filter(({ kind, period }) => REACH.has(kind) && kindOfPeriod(period) === 'month'),
    ({ version }) => version,
  );
  const reached = releases.flatMap(({ version, pubDate }) => {
    const own = ofMonths.get(precedenceOf(version));
    return own === undefined ? [] : [reachOf(own, { version, isSettled: now - pubDate > PATIENCE_MS })];
  });
  return {
    hidden_below: FEWEST_CLIENTS,
    days,
    weeks: periodsOf(counts, 'week'),
    months: periodsOf(counts, 'month'),
    releases: reached.sort((a, b) => compareVersions(b.version, a.version)),
  };
}

function periodsOf(counts: readonly StoredCount[], kind: PeriodKind): PeriodStats[] {
  const seen = counts.filter((count) => count.kind === 'seen' && kindOfPeriod(count.period) === kind);
  return seen
    .filter(({ platform }) => platform === '')
    .map(({ period, clients, atMost }) => ({
      period,
      clients,
      ...(atMost > clients && { at_most: atMost }),
      platforms: seen
        .filter((count) => count.period === period && count.platform !== '')
        .map(({ platform, clients: ofPlatform }) => ({ platform, clients: ofPlatform }))
        .sort((a, b) => b.clients - a.clients),
    }));
}

function versionsOf(counts: readonly StoredCount[] = []): DayStats['versions'] {
  return counts
    .map(({ version, platform, clients }) => ({ version, platform, clients }))
    .sort((a, b) => compareVersions(b.version, a.version) || b.clients - a.clients);
}

/** The sum over months: who is offered a release in two months counts in both. */
function reachOf(
  own: readonly StoredCount[],
  { version, isSettled }: { readonly version: string; readonly isSettled: boolean },
): ReleaseStats {
  const names = [...new Set(own.map(({ platform }) => platform))].sort();
  const platforms = names.map((platform) => {
    const reach = reachIn(own.filter((count) => count.platform === platform));
    const stuck = isSettled ? stuckAt(reach) : undefined;
    return { platform, ...reach, ...(stuck && { stuck }) };
  });
  return { version, ...reachIn(own), platforms };
}

type Reach = Pick<PlatformReach, 'offered' | 'downloaded' | 'converted'>;

function reachIn(counts: readonly StoredCount[]): Reach {
  const sum = (kind: StoredCount['kind']) => {
    const clients = counts
      .filter((count) => count.kind === kind)
      .reduce((total, one) => total + one.clients, 0);
    return clients < FEWEST_CLIENTS ? null : clients;
  };
  return { offered: sum('offered'), downloaded: sum('downloaded'), converted: sum('converted') };
}

function stuckAt({ offered, downloaded, converted }: Reach): 'download' | 'install' | undefined {
  if ((downloaded ?? 0) >= ENOUGH_TO_SAY) return converted === null ? 'install' : undefined;
  return (offered ?? 0) >= ENOUGH_TO_SAY && downloaded === null ? 'download' : undefined;
}
