import { FEWEST_CLIENTS, type StoredCount } from '../../database/queries/counts.ts';
import type { PauseReason } from '../../protocol/health/auto-pause.ts';
import type {
  DayStats,
  PeriodStats,
  PlatformReach,
  ReleaseStats,
  StatsResponse,
} from '../../protocol/messages.ts';
import { kindOfPeriod, type PeriodKind } from '../../protocol/stats/period.ts';
import { compareVersions, precedenceOf } from '../../protocol/version.ts';
import { pauseReasonFields } from '../http/release-response.ts';

/** A step that was taken by as many, and the next one by fewer than `FEWEST_CLIENTS`, is where a platform is stuck. */
const ENOUGH_TO_SAY = 30;
/** How long after its publication a release is not said to be stuck, in milliseconds. */
const PATIENCE_MS = 24 * 60 * 60 * 1000;

const REACH: ReadonlySet<StoredCount['kind']> = new Set([
  'offered',
  'downloaded',
  'converted',
  'looping',
  'failed',
  'reported',
]);

/** A release that was live, as far as its numbers need it. */
export interface CountedRelease {
  readonly version: string;
  /** Milliseconds since 1970. */
  readonly pubDate: number;
  readonly pauseReason?: PauseReason | null;
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
  const reached = releases.flatMap(({ version, pubDate, pauseReason = null }) => {
    const own = ofMonths.get(precedenceOf(version));
    if (own === undefined) return [];
    const reach = reachOf(own, { version, isSettled: now - pubDate > PATIENCE_MS });
    return [{ ...reach, ...(pauseReason && { pause_reason: pauseReasonFields(pauseReason) }) }];
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
  const sum = (kind: StoredCount['kind']) => sumOf(own, kind);
  const reports = reportsIn(own);
  const platforms = names.map((platform) => {
    const reach = reachIn(own.filter((count) => count.platform === platform));
    const stuck = isSettled ? stuckAt(reach) : undefined;
    return { platform, ...reach, ...(stuck && { stuck }) };
  });
  const [looping, failed] = [sum('looping'), sum('failed')];
  const trouble = { ...(looping && { looping }), ...(failed && { failed }) };
  return { version, ...reachIn(own), ...trouble, ...(reports.length > 0 && { reports }), platforms };
}

/** Extension `events`: all of an outcome, then its codes, the most frequent first. */
function reportsIn(own: readonly StoredCount[]): NonNullable<ReleaseStats['reports']> {
  const reported = Map.groupBy(
    own.filter(({ kind }) => kind === 'reported'),
    ({ outcome }) => outcome,
  );
  return [...reported]
    .map(([text, counts]) => {
      const [outcome = '', code] = text.split(' ');
      const clients = counts.reduce((total, one) => total + one.clients, 0);
      return { outcome, ...(code !== undefined && { code }), clients };
    })
    .sort((a, b) => a.outcome.localeCompare(b.outcome) || b.clients - a.clients);
}

function sumOf(counts: readonly StoredCount[], kind: StoredCount['kind']): number | null {
  const clients = counts
    .filter((count) => count.kind === kind)
    .reduce((total, one) => total + one.clients, 0);
  return clients < FEWEST_CLIENTS ? null : clients;
}

type Reach = Pick<PlatformReach, 'offered' | 'downloaded' | 'converted'>;

function reachIn(counts: readonly StoredCount[]): Reach {
  const sum = (kind: StoredCount['kind']) => sumOf(counts, kind);
  return { offered: sum('offered'), downloaded: sum('downloaded'), converted: sum('converted') };
}

function stuckAt({ offered, downloaded, converted }: Reach): 'download' | 'install' | undefined {
  if ((downloaded ?? 0) >= ENOUGH_TO_SAY) return converted === null ? 'install' : undefined;
  return (offered ?? 0) >= ENOUGH_TO_SAY && downloaded === null ? 'download' : undefined;
}
