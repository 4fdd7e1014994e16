import type { Kysely, NotNull } from 'kysely';
import { namesPlatform, type Platform, platformName, platformOf } from '../../protocol/platform.ts';
import type { Queries, ReleasesTable, Schema } from '../schema.ts';
import { transact } from '../transaction.ts';
import { raiseRevision } from './apps.ts';
import { platformColumns } from './platform-columns.ts';
import { findRelease, type ReleaseKey } from './releases.ts';

export interface RequiredArtifact extends Platform {
  readonly sha256: string;
}

export interface PublishOptions {
  /** What the release must have; null for whatever it has. */
  readonly required: readonly RequiredArtifact[] | null;
  readonly now: Date;
}

export type PublishResult =
  | { readonly kind: 'published' }
  | { readonly kind: 'not_found' }
  | { readonly kind: 'incomplete'; readonly missing: readonly string[] };

/** Fields that are left out stay. */
export interface ReleaseChange {
  readonly notes?: string | null | undefined;
  readonly status?: 'published' | 'yanked' | undefined;
}

type Complete = Platform & { readonly sha256: string };

/** Publishes a draft, for all its platforms in one transaction. A release that is published already stays so. */
export async function publishRelease(
  db: Kysely<Schema>,
  { appId, releaseId }: ReleaseKey,
  { required, now }: PublishOptions,
): Promise<PublishResult> {
  return transact(db, async (transaction) => {
    const release = await transaction
      .selectFrom('releases')
      .selectAll()
      .where('app_id', '=', appId)
      .where('id', '=', releaseId)
      .executeTakeFirst();
    if (release === undefined) return { kind: 'not_found' };
    const complete = await completeArtifacts(transaction, releaseId);
    const has = ({ sha256, ...platform }: RequiredArtifact) =>
      complete.some((found) => platformName(found) === platformName(platform) && found.sha256 === sha256);
    const missing = (required ?? []).filter((artifact) => !has(artifact)).map(platformName);
    if (complete.length === 0 && missing.length === 0)
      return { kind: 'incomplete', missing: ['any artifact'] };
    if (missing.length > 0) return { kind: 'incomplete', missing };
    if (release.status === 'draft') await goLive(transaction, { release, complete }, now);
    return { kind: 'published' };
  });
}

/**
 * Publishes a draft once all its expected platforms are complete. Belongs into the transaction that completes one.
 * A platform is complete when it has an artifact and none of its other uploads is pending: with several kinds of
 * bundle it does not go live with the first.
 * @returns whether it did
 */
export async function publishIfExpectedAreComplete(
  transaction: Queries,
  releaseId: string,
  now: Date,
): Promise<boolean> {
  const release = await transaction
    .selectFrom('releases')
    .selectAll()
    .where('id', '=', releaseId)
    .executeTakeFirst();
  if (release?.status !== 'draft' || release.expect === null) return false;
  const complete = await completeArtifacts(transaction, releaseId);
  const pending = await pendingPlatforms(transaction, releaseId, now);
  const arrived = new Set(complete.map(platformName));
  const outstanding = pending.filter((platform) => !arrived.has(platformName(platform)));
  const isComplete = (name: string) =>
    complete.some((artifact) => namesPlatform(name, artifact)) &&
    !outstanding.some((platform) => namesPlatform(name, platform));
  if (!release.expect.split(' ').every(isComplete)) return false;
  await goLive(transaction, { release, complete }, now);
  return true;
}

/** Publishes the drafts that pending uploads held back until they expired: no further upload would publish them. */
export async function publishReadyDrafts(db: Kysely<Schema>, now: Date): Promise<void> {
  const waiting = await db
    .selectFrom('releases')
    .select('id')
    .where('status', '=', 'draft')
    .where('expect', 'is not', null)
    .execute();
  for (const { id } of waiting) {
    await transact(db, (transaction) => publishIfExpectedAreComplete(transaction, id, now));
  }
}

/**
 * Records the bytes that are live from now on: they never change. That was checked when each artifact was completed,
 * and no other release can have the version.
 * @param artifacts one at least
 */
export async function recordPublishedBytes(
  transaction: Queries,
  { app_id, precedence }: Pick<ReleasesTable, 'app_id' | 'precedence'>,
  artifacts: readonly Complete[],
): Promise<void> {
  await transaction
    .insertInto('published_bytes')
    .values(
      artifacts.map(({ sha256, ...platform }) => ({
        app_id,
        precedence,
        ...platformColumns(platform),
        sha256,
      })),
    )
    .onConflict((conflict) =>
      conflict
        .columns(['app_id', 'precedence', 'target', 'arch', 'bundle_type'])
        .doUpdateSet((eb) => ({ sha256: eb.ref('excluded.sha256') })),
    )
    .execute();
}

/** Extension `yank`: changes a release. @returns `draft` when its status was to change and it is a draft */
export async function updateRelease(
  db: Kysely<Schema>,
  { appId, releaseId }: ReleaseKey,
  { notes, status }: ReleaseChange,
): Promise<'updated' | 'not_found' | 'draft'> {
  return transact(db, async (transaction) => {
    const release = await findRelease(transaction, { appId, releaseId });
    if (release === undefined) return 'not_found';
    if (release.status === 'draft' && status !== undefined) return 'draft';
    const change = { ...(notes !== undefined && { notes }), ...(status !== undefined && { status }) };
    if (Object.keys(change).length === 0) return 'updated';
    await transaction.updateTable('releases').set(change).where('id', '=', releaseId).execute();
    await raiseRevision(transaction, appId);
    return 'updated';
  });
}

async function goLive(
  transaction: Queries,
  { release, complete }: { readonly release: ReleasesTable; readonly complete: readonly Complete[] },
  now: Date,
): Promise<void> {
  await recordPublishedBytes(transaction, release, complete);
  await transaction
    .updateTable('releases')
    .set({ status: 'published', pub_date: now.getTime() })
    .where('id', '=', release.id)
    .execute();
  await raiseRevision(transaction, release.app_id);
}

async function completeArtifacts(db: Queries, releaseId: string): Promise<Complete[]> {
  const rows = await db
    .selectFrom('artifacts')
    .select(['target', 'arch', 'bundle_type', 'sha256'])
    .where('release_id', '=', releaseId)
    .where('status', '=', 'complete')
    .where('sha256', 'is not', null)
    .$narrowType<{ sha256: NotNull }>()
    .execute();
  return rows.map(({ sha256, ...platform }) => ({ ...platformOf(platform), sha256 }));
}

/** The platforms of pending uploads that have not expired. */
async function pendingPlatforms(db: Queries, releaseId: string, now: Date): Promise<Platform[]> {
  const rows = await db
    .selectFrom('artifacts')
    .select(['target', 'arch', 'bundle_type'])
    .where('release_id', '=', releaseId)
    .where('status', '=', 'pending')
    .where('expires_at', '>', now.getTime())
    .execute();
  return rows.map(platformOf);
}
