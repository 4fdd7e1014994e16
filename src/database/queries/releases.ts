import { randomUUID } from 'node:crypto';
import type { Kysely, NotNull } from 'kysely';
import { STABLE } from '../../protocol/channel.ts';
import { type Platform, platformOf } from '../../protocol/platform.ts';
import { type JobRun, jobRunOf } from '../../protocol/upload/job-run.ts';
import { compareVersions, precedenceOf } from '../../protocol/version.ts';
import type { Queries, ReleaseStatus, ReleasesTable, Schema } from '../schema.ts';
import { transact } from '../transaction.ts';
import { strandedByChange, type WouldStrand } from './app-files.ts';
import { raiseRevision } from './apps.ts';

export interface Release {
  readonly id: string;
  readonly appId: string;
  readonly version: string;
  readonly notes: string | null;
  readonly signature: string | null;
  readonly status: ReleaseStatus;
  readonly channel: string;
  /** Extension `key-routing`: as `ReleasesTable`. */
  readonly signingKeyId: string | null;
  readonly embeddedPubkey: string | null;
  readonly requires: string | null;
  readonly allowStranding: boolean;
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
  readonly signingKeyId: string | null;
  /** The job that uploaded it, if it said so. */
  readonly run: JobRun | undefined;
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
  readonly signingKeyId?: string | null;
  /** As `formatPublicKey` writes it. */
  readonly embeddedPubkey?: string | null;
  readonly requires?: string | null;
  readonly allowStranding?: boolean;
  /** Whether a version that was live and deleted may have builds that carry another key. */
  readonly allowVersionReuse?: boolean;
}

/**
 * A version that was live and deleted has the same bytes again, so its builds carry the same key: it is taken over where
 * the new release does not say it.
 * @returns the release; `version_taken` when the app has a version of equal precedence, `other_key` when it had one with
 *   builds that carry another key
 */
export async function createRelease(
  db: Kysely<Schema>,
  release: NewRelease,
  now: Date,
): Promise<Release | 'version_taken' | 'other_key'> {
  return transact(db, async (transaction) => {
    const { embeddedPubkey: given = null, allowVersionReuse = false } = release;
    const recorded = allowVersionReuse ? null : await recordedKey(transaction, release);
    const row = toRow({ ...release, embeddedPubkey: given ?? recorded }, now);
    if (await isTaken(transaction, row)) return 'version_taken';
    if (recorded !== null && row.embedded_pubkey !== recorded) return 'other_key';
    await transaction.insertInto('releases').values(row).execute();
    return toRelease(row);
  });
}

/** The key that the builds of a version carry which was live, if it is known. */
async function recordedKey(
  db: Queries,
  { appId, version }: Pick<NewRelease, 'appId' | 'version'>,
): Promise<string | null> {
  const row = await db
    .selectFrom('published_bytes')
    .select('embedded_pubkey')
    .where('app_id', '=', appId)
    .where('precedence', '=', precedenceOf(version))
    .where('embedded_pubkey', 'is not', null)
    .executeTakeFirst();
  return row?.embedded_pubkey ?? null;
}

async function isTaken(
  db: Queries,
  { app_id, precedence }: Pick<ReleasesTable, 'app_id' | 'precedence'>,
): Promise<boolean> {
  const row = await db
    .selectFrom('releases')
    .select('id')
    .where('app_id', '=', app_id)
    .where('precedence', '=', precedence)
    .executeTakeFirst();
  return row !== undefined;
}

function toRow(
  { draft = false, expect = null, channel = STABLE, ...release }: NewRelease,
  now: Date,
): ReleasesTable {
  const { appId, version, notes, signature } = release;
  return {
    id: randomUUID(),
    app_id: appId,
    version,
    precedence: precedenceOf(version),
    notes,
    signature,
    status: draft || expect !== null ? 'draft' : 'published',
    channel,
    signing_key_id: release.signingKeyId ?? null,
    embedded_pubkey: release.embeddedPubkey ?? null,
    requires: release.requires ?? null,
    allow_stranding: release.allowStranding ? 1 : 0,
    expect: expect?.join(' ') ?? null,
    pub_date: now.getTime(),
    created_at: now.getTime(),
  };
}

export async function findRelease(db: Queries, key: ReleaseKey): Promise<Release | undefined> {
  const row = await findReleaseRow(db, key);
  return row && toRelease(row);
}

export async function findReleaseRow(
  db: Queries,
  { appId, releaseId }: ReleaseKey,
): Promise<ReleasesTable | undefined> {
  return db
    .selectFrom('releases')
    .selectAll()
    .where('app_id', '=', appId)
    .where('id', '=', releaseId)
    .executeTakeFirst();
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
      'artifacts.signing_key_id',
      'job',
      'attempt',
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
    const { file_size: fileSize, sha256, signature, signing_key_id: signingKeyId } = row;
    const ofRelease = byRelease.get(row.release_id) ?? [];
    byRelease.set(row.release_id, ofRelease);
    ofRelease.push({ ...platformOf(row), fileSize, sha256, signature, signingKeyId, run: jobRunOf(row) });
  }
  return releases
    .map((row) => ({ ...toRelease(row), artifacts: byRelease.get(row.id) ?? [] }))
    .sort((a, b) => compareVersions(b.version, a.version));
}

export interface DeleteOptions {
  /** Deletes it only if it has exactly this number of complete artifacts. */
  readonly onlyWithArtifacts?: number | undefined;
  readonly allowStranding?: boolean;
}

export type DeleteResult =
  | { readonly kind: 'deleted' }
  | { readonly kind: 'not_found' }
  /** It has another number of artifacts than required. */
  | { readonly kind: 'other_artifacts' }
  | WouldStrand;

/**
 * api.md, "Delete a Release": invisible at once, in one transaction. Its artifacts become `deleting`, and their bytes
 * are removed afterwards; its pending uploads are forgotten.
 */
export async function deleteRelease(
  db: Kysely<Schema>,
  { appId, releaseId }: ReleaseKey,
  { onlyWithArtifacts, allowStranding = false }: DeleteOptions = {},
): Promise<DeleteResult> {
  return transact(db, async (transaction): Promise<DeleteResult> => {
    const release = await findRelease(transaction, { appId, releaseId });
    if (release === undefined) return { kind: 'not_found' };
    if (onlyWithArtifacts !== undefined) {
      if ((await countComplete(transaction, releaseId)) !== onlyWithArtifacts)
        return { kind: 'other_artifacts' };
    }
    if (!allowStranding && release.status === 'published') {
      const strandings = await strandedByChange(transaction, appId, { kind: 'withdraw', releaseId });
      if (strandings.length > 0) return { kind: 'would_strand', strandings };
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
    return { kind: 'deleted' };
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

export function toRelease(row: ReleasesTable): Release {
  return {
    id: row.id,
    appId: row.app_id,
    version: row.version,
    notes: row.notes,
    signature: row.signature,
    status: row.status,
    channel: row.channel,
    signingKeyId: row.signing_key_id,
    embeddedPubkey: row.embedded_pubkey,
    requires: row.requires,
    allowStranding: row.allow_stranding !== 0,
    expect: row.expect?.split(' ') ?? null,
    pubDate: row.pub_date,
    createdAt: row.created_at,
  };
}
