import { readCounts } from '../../database/queries/counts.ts';
import { listPlaces } from '../../database/queries/list-releases.ts';
import type { Queries } from '../../database/schema.ts';
import { isoDay, kindOfPeriod } from '../../protocol/stats/period.ts';
import { compareVersions, precedenceOf } from '../../protocol/version.ts';

/** What apps have that ask for updates. */
export interface FieldVersion {
  readonly version: string;
  /** As `platformName`, without a bundle type; undefined for any. */
  readonly platform: string | undefined;
  /** Clients in a day. */
  readonly clients: number | null;
}

export interface Field {
  readonly source: 'counts' | 'versions';
  /** The most used ones first, else the highest. */
  readonly versions: readonly FieldVersion[];
}

/** How far back counts reach: the days of a week differ. */
const DAYS = 7;
const DAY_MS = 24 * 60 * 60 * 1000;
/** Releases that are taken as versions that apps may have. */
const MAX_RELEASES = 500;

/**
 * The versions in the field: as they are counted, by platform; else all that apps may have.
 * @param known other versions that apps may have
 */
export async function versionsInField(
  db: Queries,
  { appId, now, known }: { readonly appId: string; readonly now: number; readonly known: readonly string[] },
): Promise<Field> {
  const counted = await countedVersions(db, appId, now);
  if (counted.length > 0) return { source: 'counts', versions: counted };
  const places = await listPlaces(db, appId, { limit: MAX_RELEASES });
  const all = new Set([...places.map(({ version }) => precedenceOf(version)), ...known]);
  const sorted = [...all].sort((a, b) => compareVersions(b, a));
  return {
    source: 'versions',
    versions: sorted.map((version) => ({ version, platform: undefined, clients: null })),
  };
}

/** Each with its clients on the day of the last week that had most. */
async function countedVersions(db: Queries, appId: string, now: number): Promise<FieldVersion[]> {
  const since = isoDay(now - (DAYS - 1) * DAY_MS);
  const counts = await readCounts(db, { appId, since, version: undefined });
  const most = new Map<string, FieldVersion & { readonly clients: number }>();
  for (const { kind, period, version, platform, clients } of counts) {
    if (kind !== 'running' || kindOfPeriod(period) !== 'day' || platform === '') continue;
    const key = `${version} ${platform}`;
    if (clients > (most.get(key)?.clients ?? 0)) most.set(key, { version, platform, clients });
  }
  return [...most.values()].sort((a, b) => b.clients - a.clients);
}
