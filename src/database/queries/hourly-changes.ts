import { sql } from 'kysely';
import { formatTimestamp } from '../../protocol/time.ts';
import type { Attribution } from '../attribution.ts';
import type { AuditAction } from '../audit-actions.ts';
import type { Queries } from '../schema.ts';
import { limitReached, readLimits } from './read-limits.ts';

// What tokens change in an app is limited by the hour: each change leaves an entry in the audit log, which only grows.

const HOUR_MS = 60 * 60 * 1000;

/**
 * What is counted, and refused never. Each of these ends something that another change started, and that is limited: none
 * can be repeated without it.
 */
const ENDING: ReadonlySet<AuditAction> = new Set<AuditAction>([
  'file.completed',
  'file.replaced',
  'release.published',
  'release.yanked',
  'release.paused',
  'release.deleted',
]);

interface Change {
  readonly by: Attribution;
  readonly action: AuditAction;
  readonly appId: string | null;
}

/**
 * Counts the changes by tokens that the entries of a transaction are about, on whatever node. Belongs into that transaction.
 * @throws Problem `limit_reached` for one that the app has no room for in this hour
 */
export async function countChanges(transaction: Queries, changes: readonly Change[]): Promise<void> {
  const byTokens = changes.filter(({ by: { actor } }) => actor.kind === 'token' || actor.kind === 'identity');
  for (const [appId, ofApp] of Map.groupBy(byTokens, (change) => change.appId)) {
    const [{ by } = {}] = ofApp;
    if (appId === null || by === undefined) continue;
    const used = await addChanges(transaction, appId, { hour: hourOf(by.now), changes: ofApp.length });
    if (ofApp.some(({ action }) => !ENDING.has(action)))
      await requireChanges(transaction, appId, { used, now: by.now });
  }
}

/**
 * Refuses what leaves no entry yet, and leads to one.
 * @throws Problem `limit_reached`
 */
export async function requireChange(transaction: Queries, appId: string, now: Date): Promise<void> {
  const used = (await changesInHour(transaction, appId, now)) + 1;
  await requireChanges(transaction, appId, { used, now });
}

/** What tokens have changed in an app since the full hour. */
export async function changesInHour(db: Queries, appId: string, now: Date): Promise<number> {
  const row = await db
    .selectFrom('hourly_changes')
    .select('changes')
    .where('app_id', '=', appId)
    .where('hour', '=', hourOf(now))
    .executeTakeFirst();
  return row?.changes ?? 0;
}

async function requireChanges(
  transaction: Queries,
  appId: string,
  { used, now }: { readonly used: number; readonly now: Date },
): Promise<void> {
  const { hourly_changes: limit } = await readLimits(transaction, appId);
  if (limit === null || used <= limit) return;
  const until = formatTimestamp((hourOf(now) + 1) * HOUR_MS);
  throw limitReached(appId, 'hourly_changes', { used: used - 1, limit, until });
}

/** @returns the changes in that hour, with these */
async function addChanges(
  transaction: Queries,
  app_id: string,
  { hour, changes }: { readonly hour: number; readonly changes: number },
): Promise<number> {
  const row = await transaction
    .insertInto('hourly_changes')
    .values({ app_id, hour, changes })
    .onConflict((conflict) =>
      conflict.column('app_id').doUpdateSet((eb) => ({
        hour: eb.ref('excluded.hour'),
        changes: sql<number>`case when hourly_changes.hour = excluded.hour then hourly_changes.changes else 0 end
          + excluded.changes`,
      })),
    )
    .returning('changes')
    .executeTakeFirstOrThrow();
  return row.changes;
}

/** Of all hours since 1970. */
function hourOf(now: Date): number {
  return Math.floor(now.getTime() / HOUR_MS);
}
