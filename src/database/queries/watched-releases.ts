import { type Kysely, sql } from 'kysely';
import { AGES, type Age, type ReleaseSigns } from '../../protocol/health/assess-release.ts';
import {
  type AutoPause,
  autoPauseOf,
  type PauseReason,
  type ReleaseWatch,
  watchOf,
} from '../../protocol/health/auto-pause.ts';
import type { Share } from '../../protocol/health/shares.ts';
import { heldUntil } from '../../protocol/rollout/rollout.ts';
import { kindOfPeriod } from '../../protocol/stats/period.ts';
import type { Attribution } from '../attribution.ts';
import type { CountKind, Queries, ReleasesTable, Schema } from '../schema.ts';
import { transact } from '../transaction.ts';
import { raiseRevision } from './apps.ts';
import { readConversions } from './attempts.ts';
import { recordAudit } from './audit.ts';
import { rolledOut } from './held-releases.ts';
import { findReleaseRow, named, type ReleaseKey } from './releases.ts';

/** Releases before one of which the nearest is taken that is known well enough. */
const BEFORE = 5;
/** How many clients have to be known of a release that others are compared with. */
const ENOUGH_BEFORE = 50;

/** A release that is on its way to everyone, and may be paused. */
export interface WatchedRelease extends ReleaseKey {
  readonly version: string;
  readonly precedence: string;
  readonly versionOrder: string;
  readonly channel: string;
  readonly autoPause: AutoPause;
  readonly watch: ReleaseWatch;
  /** As the column has it: if that has changed, an operator has decided otherwise. */
  readonly watchText: string | null;
}

/** All of them, of all apps. */
export async function watchedReleases(db: Queries, now: Date): Promise<WatchedRelease[]> {
  const rows = await db
    .selectFrom('releases')
    .innerJoin('apps', 'apps.id', 'releases.app_id')
    .select([
      'releases.id as releaseId',
      'releases.app_id as appId',
      'releases.version',
      'releases.precedence',
      'releases.version_order as versionOrder',
      'releases.channel',
      'releases.watch as watchText',
      'apps.auto_pause',
    ])
    .where('releases.held_until', '>', sql.lit(0)) // as the index says it
    .where('releases.held_until', '>', now.getTime())
    .where('releases.paused_at', 'is', null)
    .where('releases.status', '=', sql.lit('published'))
    .execute();
  return rows
    .map(({ auto_pause, ...row }) => ({
      ...row,
      autoPause: autoPauseOf(auto_pause),
      watch: watchOf(row.watchText),
    }))
    .filter(({ autoPause, watch }) => autoPause.isOn && watch.off !== true);
}

/** The app of a live or yanked release; undefined where there is none. */
export async function findLiveVersion(
  db: Queries,
  { slug, precedence }: { readonly slug: string; readonly precedence: string },
): Promise<string | undefined> {
  const row = await db
    .selectFrom('slugs')
    .innerJoin('releases', 'releases.app_id', 'slugs.app_id')
    .select('releases.app_id')
    .where('slugs.slug', '=', slug)
    .where('precedence', '=', precedence)
    .where('status', '!=', sql.lit('draft'))
    .executeTakeFirst();
  return row?.app_id;
}

/** What is known of a release, in all months. @param precedence its version without build metadata */
export async function releaseSigns(db: Queries, appId: string, precedence: string): Promise<ReleaseSigns> {
  const conversions = await readConversions(db, appId, precedence);
  const counts = await db
    .selectFrom('counts')
    .select(['period', 'kind', 'platform', 'clients'])
    .where('app_id', '=', appId)
    .where('version', '=', precedence)
    .where('kind', 'in', ['downloaded', 'looping', 'failed'])
    .execute();
  const ofMonths = counts.filter(({ period }) => kindOfPeriod(period) === 'month');
  const clients = (kind: CountKind, platform: string) =>
    ofMonths
      .filter((row) => row.kind === kind && row.platform === platform)
      .reduce((sum, row) => sum + row.clients, 0);
  const platforms = new Set(ofMonths.filter(({ kind }) => kind === 'downloaded').map((row) => row.platform));
  const shares = (kind: CountKind): Share[] =>
    [...platforms].map((platform) => {
      const of = clients('downloaded', platform);
      return { platform, of, count: Math.min(of, clients(kind, platform)) };
    });
  const ofAge = (age: Age): Share[] =>
    conversions
      .filter(({ hours }) => hours === age)
      .map(({ platform, attempts, converted }) => ({ platform, of: attempts, count: converted }));
  return {
    conversions: Object.fromEntries(AGES.map((age) => [age, ofAge(age)])) as Record<Age, Share[]>,
    loops: shares('looping'),
    failures: shares('failed'),
  };
}

/** What an operator decides about pauses of a release by the server. */
export interface WatchChange {
  readonly paused?: boolean | undefined;
  /** Whether the server may pause it. */
  readonly autoPause?: boolean | undefined;
}

/** The columns that a change of a release sets. What is known when it is resumed is no reason to pause it again. */
export async function watchColumns(
  transaction: Queries,
  release: ReleasesTable,
  { paused, autoPause }: WatchChange,
): Promise<Partial<Pick<ReleasesTable, 'pause_reason' | 'watch'>>> {
  const isOverruled = paused === false && release.pause_reason !== null;
  if (!isOverruled && autoPause === undefined) return {};
  const { off, known } = watchOf(release.watch);
  const isOff = autoPause === undefined ? off === true : !autoPause;
  const now = isOverruled ? await releaseSigns(transaction, release.app_id, release.precedence) : known;
  const watch: ReleaseWatch = { ...(isOff && { off: true }), ...(now && { known: now }) };
  return {
    ...(isOverruled && { pause_reason: null }),
    watch: Object.keys(watch).length === 0 ? null : JSON.stringify(watch),
  };
}

export interface SignsBefore {
  readonly version: string;
  readonly signs: ReleaseSigns;
}

/** What is known of the live release before one in its channel: the nearest of which enough is known. */
export async function signsBefore(
  db: Queries,
  { appId, channel, versionOrder }: Pick<WatchedRelease, 'appId' | 'channel' | 'versionOrder'>,
): Promise<SignsBefore | undefined> {
  const releases = await db
    .selectFrom('releases')
    .select(['version', 'precedence'])
    .where('app_id', '=', appId)
    .where('channel', '=', channel)
    .where('status', '=', sql.lit('published'))
    .where('version_order', '<', versionOrder)
    .where('pause_reason', 'is', null)
    .orderBy('version_order', 'desc')
    .limit(BEFORE)
    .execute();
  for (const { version, precedence } of releases) {
    const signs = await releaseSigns(db, appId, precedence);
    const attempts = signs.conversions[AGES[0]].reduce((sum, { of }) => sum + of, 0);
    if (attempts >= ENOUGH_BEFORE) return { version, signs };
  }
  return undefined;
}

/**
 * Pauses a release for a reason, unless it is not as it was when that was found: paused, withdrawn or resumed since.
 * @returns whether it did
 */
export async function pauseWatched(
  db: Kysely<Schema>,
  { appId, releaseId, watchText }: Pick<WatchedRelease, keyof ReleaseKey | 'watchText'>,
  { reason, by }: { readonly reason: PauseReason; readonly by: Attribution },
): Promise<boolean> {
  return transact(db, async (transaction) => {
    const release = await findReleaseRow(transaction, { appId, releaseId });
    if (release === undefined || release.status !== 'published') return false;
    if (release.paused_at !== null || release.watch !== watchText) return false;
    const pausedAt = by.now.getTime();
    await transaction
      .updateTable('releases')
      .set({
        paused_at: pausedAt,
        pause_reason: JSON.stringify(reason),
        held_until: heldUntil({ ...rolledOut(release), pausedAt }),
      })
      .where('id', '=', releaseId)
      .execute();
    await raiseRevision(transaction, appId);
    const { text, ...cause } = reason;
    recordAudit(transaction, {
      by,
      action: 'release.paused',
      appId,
      details: { ...named(release), paused_at: { before: null, after: pausedAt }, reason: text, cause },
      rows: [`release:${releaseId}`],
    });
    return true;
  });
}
