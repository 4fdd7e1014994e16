import { randomUUID } from 'node:crypto';
import type { Kysely, NotNull } from 'kysely';
import { STABLE } from '../../protocol/channel.ts';
import { type Platform, platformOf } from '../../protocol/platform.ts';
import { compareVersions, precedenceOf } from '../../protocol/version.ts';
import type { Queries, ReleaseStatus, ReleasesTable, Schema } from '../schema.ts';
import { transact } from '../transaction.ts';
import { raiseRevision } from './apps.ts';

export interface Release {
  readonly id: string;
  readonly appId: string;
  readonly version: string;
  readonly notes: string | null;
  readonly signature: string | null;
  readonly status: ReleaseStatus;
  readonly channel: string;
  /** Names of the platforms that a draft goes live with; null when it waits for a request. */
  readonly expect: readonly string[] | null;
  /** Milliseconds since 1970, as is `createdAt`. */
  readonly pubDate: number;
  readonly createdAt: number;
}

/** An artifact with bytes that are stored, verified and served. */
export interface CompleteArtifact extends Platform {
  /** Bytes. */
  readonly fileSize: number;
  readonly sha256: string;
  readonly signature: string | null;
}

export interface ReleaseKey {
  readonly appId: string;
  readonly releaseId: string;
}

export interface NewRelease {
  readonly appId: string;
  readonly version: string;
  readonly notes: string | null;
  readonly signature: string | null;
  readonly draft?: boolean;
  readonly expect?: readonly string[] | null;
  /** `stable` when left out. */
  readonly channel?: string;
}

/** @returns the release, or `version_taken` when the app has a version of equal precedence */
export async function createRelease(
  db: Queries,
  { appId, version, notes, signature, draft = false, expect = null, channel = STABLE }: NewRelease,
  now: Date,
): Promise<Release | 'version_taken'> {
  const row: ReleasesTable = {
    id: randomUUID(),
    app_id: appId,
    version,
    precedence: precedenceOf(version),
    notes,
    signature,
    status: draft || expect !== null ? 'draft' : 'published',
    channel,
    expect: expect?.join(' ') ?? null,
    pub_date: now.getTime(),
    created_at: now.getTime(),
  };
  const { numInsertedOrUpdatedRows } = await db
    .insertInto('releases')
    .values(row)
    .onConflict((conflict) => conflict.columns(['app_id', 'precedence']).doNothing())
    .executeTakeFirstOrThrow();
  return numInsertedOrUpdatedRows === 0n ? 'version_taken' : toRelease(row);
}

export async function findRelease(
  db: Queries,
  { appId, releaseId }: ReleaseKey,
): Promise<Release | undefined> {
  const row = await db
    .selectFrom('releases')
    .selectAll()
    .where('app_id', '=', appId)
    .where('id', '=', releaseId)
    .executeTakeFirst();
  return row && toRelease(row);
}

/** An app's releases with their complete artifacts, highest version first. */
export async function listReleases(
  db: Queries,
  appId: string,
): Promise<(Release & { artifacts: CompleteArtifact[] })[]> {
  const releases = await db.selectFrom('releases').selectAll().where('app_id', '=', appId).execute();
  const artifacts = await db
    .selectFrom('artifacts')
    .innerJoin('releases', 'releases.id', 'artifacts.release_id')
    .select([
      'release_id',
      'target',
      'arch',
      'bundle_type',
      'file_size',
      'artifacts.sha256',
      'artifacts.signature',
    ])
    .where('releases.app_id', '=', appId)
    .where('artifacts.status', '=', 'complete')
    .where('artifacts.sha256', 'is not', null)
    .$narrowType<{ sha256: NotNull }>()
    .orderBy('target')
    .orderBy('arch')
    .orderBy('bundle_type')
    .execute();
  const byRelease = new Map<string | null, CompleteArtifact[]>();
  for (const row of artifacts) {
    const { file_size: fileSize, sha256, signature } = row;
    const ofRelease = byRelease.get(row.release_id) ?? [];
    byRelease.set(row.release_id, ofRelease);
    ofRelease.push({ ...platformOf(row), fileSize, sha256, signature });
  }
  return releases
    .map((row) => ({ ...toRelease(row), artifacts: byRelease.get(row.id) ?? [] }))
    .sort((a, b) => compareVersions(b.version, a.version));
}

export interface DeleteOptions {
  /** Deletes it only if it has exactly this number of complete artifacts. */
  readonly onlyWithArtifacts?: number | undefined;
}

/**
 * api.md, "Delete a Release": invisible at once, in one transaction. Its artifacts become `deleting`, and their bytes
 * are removed afterwards; its pending uploads are forgotten.
 * @returns `other_artifacts` when it has another number of artifacts than required
 */
export async function deleteRelease(
  db: Kysely<Schema>,
  { appId, releaseId }: ReleaseKey,
  { onlyWithArtifacts }: DeleteOptions = {},
): Promise<'deleted' | 'not_found' | 'other_artifacts'> {
  return transact(db, async (transaction) => {
    if ((await findRelease(transaction, { appId, releaseId })) === undefined) return 'not_found';
    if (onlyWithArtifacts !== undefined) {
      if ((await countComplete(transaction, releaseId)) !== onlyWithArtifacts) return 'other_artifacts';
    }
    await transaction
      .deleteFrom('artifacts')
      .where('release_id', '=', releaseId)
      .where('status', '=', 'pending')
      .execute();
    await transaction
      .updateTable('artifacts')
      .set({ status: 'deleting', release_id: null })
      .where('release_id', '=', releaseId)
      .execute();
    await transaction.deleteFrom('releases').where('id', '=', releaseId).execute();
    await raiseRevision(transaction, appId);
    return 'deleted';
  });
}

async function countComplete(db: Queries, releaseId: string): Promise<number> {
  const row = await db
    .selectFrom('artifacts')
    .select((eb) => eb.fn.countAll().as('count'))
    .where('release_id', '=', releaseId)
    .where('status', '=', 'complete')
    .executeTakeFirstOrThrow();
  return Number(row.count);
}

function toRelease(row: ReleasesTable): Release {
  return {
    id: row.id,
    appId: row.app_id,
    version: row.version,
    notes: row.notes,
    signature: row.signature,
    status: row.status,
    channel: row.channel,
    expect: row.expect?.split(' ') ?? null,
    pubDate: row.pub_date,
    createdAt: row.created_at,
  };
}
