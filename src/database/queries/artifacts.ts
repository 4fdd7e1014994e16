import { randomUUID } from 'node:crypto';
import type { Kysely } from 'kysely';
import { compareByPreference, type Platform, platformOf } from '../../protocol/platform.ts';
import { precedenceOf } from '../../protocol/version.ts';
import type { Queries, Schema } from '../schema.ts';
import { transact } from '../transaction.ts';
import { raiseRevision } from './apps.ts';
import { platformColumns } from './platform-columns.ts';
import { publishIfExpectedAreComplete, recordPublishedBytes } from './publish-release.ts';

export interface NewArtifact extends Platform {
  readonly releaseId: string;
  /** Bytes. */
  readonly fileSize: number;
  readonly sha256: string | null;
  readonly signature: string | null;
  /** When the upload's URL has surely expired. */
  readonly expiresAt: Date;
  /** When to look first whether its bytes arrived; null where they arrive at the server itself. */
  readonly pollAt: Date | null;
}

/** An upload that was promised and is not complete, with all that its bytes must satisfy. */
export interface PendingUpload extends Platform {
  readonly id: string;
  readonly appId: string;
  /** The app's minisign public key, if it has one. */
  readonly pubkey: string | null;
  readonly version: string;
  readonly fileSize: number;
  /** As declared; null if it was not. */
  readonly sha256: string | null;
  /** The artifact's own signature, else its release's. */
  readonly signature: string | null;
}

/** What an upload turned out to be. */
export interface StoredBytes {
  readonly storageKey: string;
  readonly sha256: string;
}

/** A file that is served. */
export interface StoredFile extends Platform {
  readonly storageKey: string;
  readonly slug: string | null;
  readonly version: string;
  readonly sha256: string | null;
}

/** Promises an upload. @returns its id, or `release_gone` when the release was deleted meanwhile */
export async function createPendingArtifact(
  db: Kysely<Schema>,
  artifact: NewArtifact,
  now: Date,
): Promise<{ readonly id: string } | 'release_gone'> {
  const id = randomUUID();
  const { releaseId, fileSize, sha256, signature, expiresAt, pollAt } = artifact;
  return transact(db, async (transaction) => {
    const release = transaction.selectFrom('releases').select('id').where('id', '=', releaseId);
    if ((await release.executeTakeFirst()) === undefined) return 'release_gone';
    await transaction
      .insertInto('artifacts')
      .values({
        id,
        release_id: releaseId,
        ...platformColumns(artifact),
        file_size: fileSize,
        sha256,
        signature,
        status: 'pending',
        storage_key: null,
        created_at: now.getTime(),
        expires_at: expiresAt.getTime(),
        poll_at: pollAt?.getTime() ?? null,
        leased_until: 0,
        refusal: null,
        multipart_id: null,
      })
      .execute();
    return { id };
  });
}

/** The SHA-256 that a version's platform has, or once had when it was live: it can have no other. */
export async function publishedBytes(
  db: Queries,
  appId: string,
  version: string,
  platform: Platform,
): Promise<string | undefined> {
  const row = await db
    .selectFrom('published_bytes')
    .select('sha256')
    .where('app_id', '=', appId)
    .where('precedence', '=', precedenceOf(version))
    .where((eb) => eb.and(platformColumns(platform)))
    .executeTakeFirst();
  return row?.sha256;
}

/** Whether the release already has its artifact for the platform. */
export async function isComplete(db: Queries, releaseId: string, platform: Platform): Promise<boolean> {
  const row = await db
    .selectFrom('artifacts')
    .select('id')
    .where('release_id', '=', releaseId)
    .where((eb) => eb.and(platformColumns(platform)))
    .where('status', '=', 'complete')
    .executeTakeFirst();
  return row !== undefined;
}

/** The upload by its id: as long as it is pending, `complete` afterwards, undefined when there is none. */
export async function findUpload(db: Queries, id: string): Promise<PendingUpload | 'complete' | undefined> {
  const row = await db
    .selectFrom('artifacts')
    .innerJoin('releases', 'releases.id', 'artifacts.release_id')
    .innerJoin('apps', 'apps.id', 'releases.app_id')
    .select([
      'artifacts.id',
      'app_id',
      'pubkey',
      'version',
      'target',
      'arch',
      'bundle_type',
      'file_size',
      'sha256',
      'artifacts.status',
      'artifacts.signature',
      'releases.signature as release_signature',
    ])
    .where('artifacts.id', '=', id)
    .executeTakeFirst();
  if (row === undefined) return undefined;
  if (row.status !== 'pending') return 'complete';
  return {
    id: row.id,
    appId: row.app_id,
    pubkey: row.pubkey,
    version: row.version,
    ...platformOf(row),
    fileSize: row.file_size,
    sha256: row.sha256,
    signature: row.signature ?? row.release_signature,
  };
}

export interface CompleteOptions {
  readonly now: Date;
  /** Lets a version that was live and deleted have other bytes. */
  readonly allowVersionReuse: boolean;
}

/**
 * Makes a pending artifact complete, in one transaction: visible at once in a release that is live; in a draft that
 * waits for certain platforms, the last of them takes all live. The bytes must be durable where they are served from.
 * @returns `went_live` when it was that last one; `immutable` when the platform has, or once had, other bytes (or these, from another upload);
 *   `gone` when its release was deleted meanwhile
 */
export async function completeArtifact(
  db: Kysely<Schema>,
  uploadId: string,
  bytes: StoredBytes,
  { now, allowVersionReuse }: CompleteOptions,
): Promise<'completed' | 'went_live' | 'immutable' | 'gone'> {
  return transact(db, async (transaction) => {
    const upload = await transaction
      .selectFrom('artifacts')
      .innerJoin('releases', 'releases.id', 'artifacts.release_id')
      .select([
        'releases.id as release_id',
        'releases.status',
        'app_id',
        'version',
        'precedence',
        'target',
        'arch',
        'bundle_type',
      ])
      .where('artifacts.id', '=', uploadId)
      .executeTakeFirst();
    if (upload === undefined) return 'gone';
    const platform = platformOf(upload);
    if (await isComplete(transaction, upload.release_id, platform)) return 'immutable';
    const { sha256, storageKey } = bytes;
    const published = await publishedBytes(transaction, upload.app_id, upload.version, platform);
    if (published !== undefined && published !== sha256 && !allowVersionReuse) return 'immutable';
    await transaction
      .updateTable('artifacts')
      .set({ status: 'complete', storage_key: storageKey, sha256 })
      .where('id', '=', uploadId)
      .execute();
    if (upload.status === 'draft') {
      const wentLive = await publishIfExpectedAreComplete(transaction, upload.release_id, now);
      return wentLive ? 'went_live' : 'completed';
    }
    await recordPublishedBytes(transaction, upload, [{ ...platform, sha256 }]);
    await raiseRevision(transaction, upload.app_id);
    return 'completed';
  });
}

/** The served file under a storage key; undefined once its release is deleted. */
export async function findStoredFile(db: Queries, storageKey: string): Promise<StoredFile | undefined> {
  const row = await storedFiles(db).where('storage_key', '=', storageKey).executeTakeFirst();
  return row && toStoredFile(row);
}

/**
 * The served file of a release's platform, by any slug the app has or had. Without a kind of bundle: of several the
 * one that suits most apps.
 */
export async function findDownload(
  db: Queries,
  slug: string,
  releaseId: string,
  { target, arch, bundleType }: Platform,
): Promise<StoredFile | undefined> {
  const rows = await storedFiles(db)
    .innerJoin('slugs', 'slugs.app_id', 'apps.id')
    .where('slugs.slug', '=', slug)
    .where('release_id', '=', releaseId)
    .where('target', '=', target)
    .where('arch', '=', arch)
    .execute();
  return rows
    .map(toStoredFile)
    .filter((file) => bundleType === undefined || file.bundleType === bundleType)
    .sort(compareByPreference)[0];
}

/** Bytes whose release is deleted and that are to be removed. */
export async function listDeleting(db: Queries): Promise<{ id: string; storageKey: string }[]> {
  const rows = await db
    .selectFrom('artifacts')
    .select(['id', 'storage_key'])
    .where('status', '=', 'deleting')
    .execute();
  return rows.map(({ id, storage_key }) => ({ id, storageKey: storage_key ?? '' }));
}

/** Forgets an artifact whose bytes are removed. */
export async function forgetDeleted(db: Queries, id: string): Promise<void> {
  await db.deleteFrom('artifacts').where('id', '=', id).where('status', '=', 'deleting').execute();
}

/** Forgets uploads that were promised, never came, and whose URL expired before `olderThan`. */
export async function forgetExpiredUploads(db: Queries, olderThan: Date): Promise<void> {
  await db
    .deleteFrom('artifacts')
    .where('status', '=', 'pending')
    .where('expires_at', '<', olderThan.getTime())
    .execute();
}

/** Whether any row, in any state, refers to the stored bytes. */
export async function isReferenced(db: Queries, storageKey: string): Promise<boolean> {
  const row = await db
    .selectFrom('artifacts')
    .select('id')
    .where('storage_key', '=', storageKey)
    .executeTakeFirst();
  return row !== undefined;
}

function storedFiles(db: Queries) {
  return db
    .selectFrom('artifacts')
    .innerJoin('releases', 'releases.id', 'artifacts.release_id')
    .innerJoin('apps', 'apps.id', 'releases.app_id')
    .select(['apps.slug', 'version', 'target', 'arch', 'bundle_type', 'sha256', 'storage_key'])
    .where('artifacts.status', '=', 'complete')
    .where('releases.status', '!=', 'draft');
}

function toStoredFile(row: StoredFileRow): StoredFile {
  const { slug, version, sha256, storage_key: storageKey } = row;
  if (storageKey === null) throw new Error('a complete artifact has its storage key');
  return { slug, version, sha256, storageKey, ...platformOf(row) };
}

type StoredFileRow = Awaited<ReturnType<ReturnType<typeof storedFiles>['execute']>>[number];
