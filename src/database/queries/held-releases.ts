import { randomUUID } from 'node:crypto';
import { sql } from 'kysely';
import { Problem } from '../../protocol/problem.ts';
import { type CohortFallback, cohortOrder, type HeldRelease } from '../../protocol/rollout/cohort.ts';
import {
  heldUntil,
  type RequestedRollout,
  type RolledOut,
  rolloutOf,
  shareAt,
} from '../../protocol/rollout/rollout.ts';
import type { Queries, ReleasesTable } from '../schema.ts';
import { saveSettingOnce, setting } from './settings.ts';

/** How many releases of an app may be on their way to everyone at once: each divides its apps into more groups. */
const MAX_ROLLOUTS = 50;

export interface HeldVersion extends HeldRelease {
  readonly version: string;
}

/**
 * Extension `rollout`: the live releases of an app that are not offered to everyone.
 * @param now milliseconds since 1970
 */
export async function heldReleases(db: Queries, appId: string, now: number): Promise<HeldVersion[]> {
  const rows = await db
    .selectFrom('releases')
    .select(['id', 'version', 'rollout', 'paused_at', 'pub_date'])
    .where('app_id', '=', appId)
    .where('held_until', '>', sql.lit(0)) // as the index says it
    .where('held_until', '>', now)
    .where('status', '=', sql.lit('published'))
    .execute();
  return rows.map(({ version, ...row }) => ({ ...rolledOut(row), version, order: cohortOrder(row.id) }));
}

/** What a request says of who is offered a release. Fields that are left out stay. */
export interface RolloutChange {
  /** Null for everyone. */
  readonly rollout?: RequestedRollout | null | undefined;
  readonly paused?: boolean | undefined;
  /** Whether no one was offered it in its channel before: then a ramp begins anew. */
  readonly isNewThere?: boolean | undefined;
}

type RolloutColumns = Pick<ReleasesTable, 'rollout' | 'paused_at' | 'held_until'>;

/**
 * The columns that a change of a release sets.
 * @throws Problem `limit_reached`
 */
export async function rolloutColumns(
  transaction: Queries,
  release: ReleasesTable,
  { change, now }: { readonly change: RolloutChange; readonly now: Date },
): Promise<Partial<RolloutColumns>> {
  if (change.rollout === undefined && change.paused === undefined) return {};
  const after = afterChange(rolledOut(release), { change, isLive: release.status !== 'draft', now });
  if (change.rollout && after.rollout !== null) await requireFewRollouts(transaction, release, now);
  return {
    rollout: after.rollout === null ? null : JSON.stringify(after.rollout),
    paused_at: after.pausedAt,
    held_until: heldUntil(after),
  };
}

/** What a change makes of a rollout. Pure. */
export function afterChange(
  before: RolledOut,
  { change, isLive, now }: { readonly change: RolloutChange; readonly isLive: boolean; readonly now: Date },
): RolledOut {
  const { rollout, paused, isNewThere = false } = change;
  const current = isLive && !isNewThere ? shareAt(before, now.getTime()) : 0;
  const asked = rollout && (isLive ? rolloutOf(fromNow(rollout, now), current) : rolloutOf(rollout, 0));
  return {
    ...before,
    ...(asked !== undefined && { rollout: asked }),
    ...(paused !== undefined && { pausedAt: paused ? (before.pausedAt ?? now.getTime()) : null }),
  };
}

/** What is live does not go back to the beginning of a ramp in the past. */
function fromNow({ at, ...asked }: RequestedRollout, now: Date): RequestedRollout {
  if (asked.rampMs !== undefined) return { ...asked, at: Math.max(at ?? 0, now.getTime()) };
  return at === undefined || at <= now.getTime() ? asked : { ...asked, at };
}

export function rolledOut({
  id,
  rollout,
  paused_at,
  pub_date,
}: Pick<ReleasesTable, 'id' | 'rollout' | 'paused_at' | 'pub_date'>): RolledOut {
  return {
    id,
    rollout: rollout === null ? null : JSON.parse(rollout),
    pausedAt: paused_at,
    pubDate: pub_date,
  };
}

/**
 * Refuses one rollout more than an app may have. Belongs into the transaction that sets it. A pause is never refused.
 * @throws Problem `limit_reached`
 */
export async function requireFewRollouts(
  transaction: Queries,
  { app_id: appId, id }: { readonly app_id: string; readonly id: string },
  now: Date,
): Promise<void> {
  const row = await transaction
    .selectFrom('releases')
    .select((eb) => eb.fn.countAll().as('count'))
    .where('app_id', '=', appId)
    .where('held_until', '>', sql.lit(0))
    .where('held_until', '>', now.getTime())
    .where('id', '!=', id)
    .executeTakeFirstOrThrow();
  if (Number(row.count) < MAX_ROLLOUTS) return;
  throw new Problem(
    'limit_reached',
    `The app already has ${MAX_ROLLOUTS} releases that are not offered to everyone: end the rollout of one, or delete it.`,
  );
}

/** How the cohort of apps is found that do not say theirs; `key` where it is by their address. */
export interface CohortRule {
  readonly fallback: CohortFallback;
  readonly key: string;
}

export async function cohortRule(db: Queries, appId: string): Promise<CohortRule> {
  const row = await db
    .selectFrom('apps')
    .select('cohort_fallback')
    .where('id', '=', appId)
    .executeTakeFirst();
  const fallback = row?.cohort_fallback ?? 'hold';
  return { fallback, key: fallback === 'address' ? await cohortKey(db) : '' };
}

/** The same on all nodes; made on first use. */
async function cohortKey(db: Queries): Promise<string> {
  const known = await setting(db, 'cohort-key');
  if (known !== undefined) return known;
  await saveSettingOnce(db, 'cohort-key', randomUUID());
  return (await setting(db, 'cohort-key')) ?? '';
}
