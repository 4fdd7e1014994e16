import type { Kysely } from 'kysely';
import { namesPlatform, type Platform, platformName, platformOf } from '../../protocol/platform.ts';
import type { Queries, ReleasesTable, Schema } from '../schema.ts';
import { transact } from '../transaction.ts';
import { raiseRevision } from './apps.ts';
import { platformColumns } from './platform-columns.ts';
import { findRelease } from './releases.ts';

/** An artifact that a release must have to be published. */
export interface RequiredArtifact extends Platform {
  readonly sha256: string;
}

export type PublishOutcome =
  | 'published'
  | 'not_found'
  /** What is required and is not there, by platform name. */
  | { readonly missing: readonly string[] };

/** What may be changed of a release; what is left out stays. */
export interface ReleaseChange {
  readonly notes?: string | null | undefined;
  readonly status?: 'published' | 'yanked' | undefined;
}

/** An artifact that is complete in a release. */
type Complete = Platform & { readonly sha256: string };

/**
 * Takes a draft live, for all its platforms at one instant: one transaction. A release that is live already stays so.
 * @param required what it must have; null for whatever it has
 */
export async function publishRelease(
  db: Kysely<Schema>,
  appId: string,
  id: string,
  required: readonly RequiredArtifact[] | null,
  now: Date,
): Promise<PublishOutcome> {
  return transact(db, async (transaction) => {
    const release = await transaction
      .selectFrom('releases')
      .selectAll()
      .where('app_id', '=', appId)
      .where('id', '=', id)
      .executeTakeFirst();
    if (release === undefined) return 'not_found';
    const complete = await completeArtifacts(transaction, id);
    const has = ({ sha256, ...platform }: RequiredArtifact) =>
      complete.some((found) => platformName(found) === platformName(platform) && found.sha256 === sha256);
    const missing = (required ?? []).filter((artifact) => !has(artifact)).map(platformName);
    if (complete.length === 0 && missing.length === 0) return { missing: ['any artifact'] };
    if (missing.length > 0) return { missing };
    if (release.status !== 'draft') return 'published';
    await goLive(transaction, release, complete, now);
    return 'published';
  });
}

/**
 * Publishes a draft whose expected platforms are all complete. Belongs into the transaction that completes one.
 * A platform is complete when it has an artifact and no other upload for it is still promised: one that has several
 * kinds of bundle does not go live with the first.
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
  const promised = await promisedPlatforms(transaction, releaseId, now);
  const there = new Set(complete.map(platformName));
  const outstanding = promised.filter((platform) => !there.has(platformName(platform)));
  const isComplete = (name: string) =>
    complete.some((artifact) => namesPlatform(name, artifact)) &&
    !outstanding.some((platform) => namesPlatform(name, platform));
  if (!release.expect.split(' ').every(isComplete)) return false;
  await goLive(transaction, release, complete, now);
  return true;
}

/**
 * Publishes the drafts that nothing is missing from but uploads that were promised and never came: their URLs have
 * expired by now. No upload is there to take these live.
 */
export async function publishLeftWaiting(db: Kysely<Schema>, now: Date): Promise<void> {
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
 * Records what is live from now on: published bytes never change. That they do not was checked when each artifact was
 * completed, and while a release has a version no other can.
 */
export async function recordPublishedBytes(
  transaction: Queries,
  { app_id, precedence }: Pick<ReleasesTable, 'app_id' | 'precedence'>,
  artifacts: readonly Complete[],
): Promise<void> {
  for (const { sha256, ...platform } of artifacts) {
    await transaction
      .insertInto('published_bytes')
      .values({ app_id, precedence, ...platformColumns(platform), sha256 })
      .onConflict((conflict) =>
        conflict.columns(['app_id', 'precedence', 'target', 'arch', 'bundle_type']).doUpdateSet({ sha256 }),
      )
      .execute();
  }
}

/** Extension `yank`: changes a live release. @returns `draft` when it is none yet and its status was to change */
export async function updateRelease(
  db: Kysely<Schema>,
  appId: string,
  id: string,
  { notes, status }: ReleaseChange,
): Promise<'updated' | 'not_found' | 'draft'> {
  return transact(db, async (transaction) => {
    const release = await findRelease(transaction, appId, id);
    if (release === undefined) return 'not_found';
    if (release.status === 'draft' && status !== undefined) return 'draft';
    const change = { ...(notes !== undefined && { notes }), ...(status !== undefined && { status }) };
    if (Object.keys(change).length === 0) return 'updated';
    await transaction.updateTable('releases').set(change).where('id', '=', id).execute();
    await raiseRevision(transaction, appId);
    return 'updated';
  });
}

async function goLive(
  transaction: Queries,
  release: ReleasesTable,
  complete: readonly Complete[],
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
    .execute();
  return rows.map(({ sha256, ...platform }) => {
    if (sha256 === null) throw new Error('a complete artifact has its SHA-256');
    return { ...platformOf(platform), sha256 };
  });
}

/** What uploads whose URL is still good are for. */
async function promisedPlatforms(db: Queries, releaseId: string, now: Date): Promise<Platform[]> {
  const rows = await db
    .selectFrom('artifacts')
    .select(['target', 'arch', 'bundle_type'])
    .where('release_id', '=', releaseId)
    .where('status', '=', 'pending')
    .where('expires_at', '>', now.getTime())
    .execute();
  return rows.map(platformOf);
}
