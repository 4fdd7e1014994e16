import { randomUUID } from 'node:crypto';
import type { Kysely, NotNull } from 'kysely';
import { signingKeyIdOf } from '../../protocol/minisign.ts';
import { compareByPreference, type Platform, platformOf } from '../../protocol/platform.ts';
import { type JobRun, jobRunOf } from '../../protocol/upload/job-run.ts';
import { precedenceOf } from '../../protocol/version.ts';
import type { Queries, Schema } from '../schema.ts';
import { transact } from '../transaction.ts';
import { raiseRevision } from './apps.ts';
import { platformColumns } from './platform-columns.ts';
import { publishIfExpectedAreComplete, recordPublishedBytes } from './publish-release.ts';
import { findCompleteFile, isReplacement } from './release-files.ts';

export interface NewArtifact extends Platform {
  readonly releaseId: string;
  /** Bytes. */
  readonly fileSize: number;
  readonly sha256: string | null;
  readonly signature: string | null;
  /** When the upload's URL has surely expired. */
  readonly expiresAt: Date;
  /** When to poll first for its bytes; null where they arrive at the server itself. */
  readonly pollAt: Date | null;
  /** Extension `replace-draft-files`: the job that announces it. */
  readonly run?: JobRun | undefined;
}

/** An upload that was granted and is not complete, with everything its bytes are checked against. */
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

/** An upload with stored and verified bytes. */
export interface VerifiedUpload {
  readonly id: string;
  readonly storageKey: string;
  readonly sha256: string;
}

export interface AppVersion {
  readonly appId: string;
  readonly version: string;
}

/** A release's file for a platform, as a download URL names it. */
export interface DownloadKey {
  readonly slug: string;
  readonly releaseId: string;
  /** Without a bundle type: of several files the one that suits most apps. */
  readonly platform: Platform;
}

export interface StoredFile extends Platform {
  readonly storageKey: string;
  readonly slug: string | null;
  readonly version: string;
  readonly sha256: string | null;
}

/** Grants an upload. @returns its id, or `release_gone` when its release has been deleted */
export async function createPendingArtifact(
  db: Kysely<Schema>,
  artifact: NewArtifact,
  now: Date,
): Promise<{ readonly id: string } | 'release_gone'> {
  const id = randomUUID();
  const { releaseId, fileSize, sha256, signature, expiresAt, pollAt, run } = artifact;
  return transact(db, async (transaction) => {
    const release = await transaction
      .selectFrom('releases')
      .select('signature')
      .where('id', '=', releaseId)
      .executeTakeFirst();
    if (release === undefined) return 'release_gone';
    await transaction
      .insertInto('artifacts')
      .values({
        id,
        release_id: releaseId,
        ...platformColumns(artifact),
        file_size: fileSize,
        sha256,
        signature,
        signing_key_id: signingKeyIdOf(signature ?? release.signature) ?? null,
        status: 'pending',
        storage_key: null,
        created_at: now.getTime(),
        expires_at: expiresAt.getTime(),
        poll_at: pollAt?.getTime() ?? null,
        leased_until: 0,
        refusal: null,
        multipart_id: null,
        job: run?.job ?? null,
        attempt: run?.attempt ?? null,
      })
      .execute();
    return { id };
  });
}

/** The SHA-256 that a version was ever published with for a platform: it can have no other. */
export async function publishedBytes(
  db: Queries,
  { appId, version }: AppVersion,
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

/** The files that were live, and that no release lists as live or yanked any more, because theirs was deleted. */
export async function deletedFiles(db: Queries, appId: string) {
  const rows = await db
    .selectFrom('published_bytes as was')
    .select([
      'was.precedence as version',
      'was.target',
      'was.arch',
      'was.bundle_type',
      'was.sha256',
      'was.channel',
      'was.signing_key_id',
      'was.embedded_pubkey',
    ])
    .where('was.app_id', '=', appId)
    .where(({ not, exists, selectFrom }) =>
      not(
        exists(
          selectFrom('artifacts')
            .innerJoin('releases', 'releases.id', 'artifacts.release_id')
            .select('artifacts.id')
            .whereRef('releases.app_id', '=', 'was.app_id')
            .whereRef('releases.precedence', '=', 'was.precedence')
            .whereRef('artifacts.target', '=', 'was.target')
            .whereRef('artifacts.arch', '=', 'was.arch')
            .whereRef('artifacts.bundle_type', '=', 'was.bundle_type')
            .where('releases.status', '!=', 'draft')
            .where('artifacts.status', '=', 'complete'),
        ),
      ),
    )
    .orderBy('was.precedence')
    .orderBy('was.target')
    .orderBy('was.arch')
    .orderBy('was.bundle_type')
    .execute();
  return rows.map(({ bundle_type, ...file }) => ({ ...file, bundle_type: bundle_type || null }));
}

/** Whether the release already has its artifact for the platform. */
export async function isComplete(db: Queries, releaseId: string, platform: Platform): Promise<boolean> {
  return (await findCompleteFile(db, releaseId, platform)) !== undefined;
}

/** An upload by its id: itself while it is pending, then `complete`; undefined when there is none. */
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
  /** Whether a version that was published and deleted may have other bytes. */
  readonly allowVersionReuse: boolean;
  /** Called when the bytes of a file that was replaced are queued for removal. */
  readonly onReplaced?: (() => void) | undefined;
}

/**
 * Makes a pending artifact complete, in one transaction. A live release offers it at once; a draft that expects
 * certain platforms goes live with the last of them. The bytes must be durable where they are served from. In a draft it
 * replaces the file of an earlier run of its job, and that file's bytes are queued for removal.
 * @returns `went_live` when the draft did; `immutable` when the platform has or had other bytes, or has these from
 *   another upload; `gone` when the release has been deleted
 */
export async function completeArtifact(
  db: Kysely<Schema>,
  { id, storageKey, sha256 }: VerifiedUpload,
  { now, allowVersionReuse, onReplaced }: CompleteOptions,
): Promise<'completed' | 'went_live' | 'immutable' | 'gone'> {
  let replaced = false;
  const outcome = await transact(db, async (transaction) => {
    replaced = false;
    const upload = await transaction
      .selectFrom('artifacts')
      .innerJoin('releases', 'releases.id', 'artifacts.release_id')
      .select([
        'releases.id as release_id',
        'releases.status',
        'app_id',
        'version',
        'precedence',
        'channel',
        'embedded_pubkey',
        'target',
        'arch',
        'bundle_type',
        'artifacts.signing_key_id',
        'artifacts.created_at',
        'job',
        'attempt',
      ])
      .where('artifacts.id', '=', id)
      .executeTakeFirst();
    if (upload === undefined) return 'gone';
    const platform = platformOf(upload);
    const current = await findCompleteFile(transaction, upload.release_id, platform);
    const announced = { run: jobRunOf(upload), at: upload.created_at };
    const replaces = current !== undefined && isReplacement({ sha256, announced }, current);
    if (current !== undefined && !(replaces && upload.status === 'draft')) return 'immutable';
    const version = { appId: upload.app_id, version: upload.version };
    const published = await publishedBytes(transaction, version, platform);
    if (published !== undefined && published !== sha256 && !allowVersionReuse) return 'immutable';
    if (current !== undefined) {
      await queueForRemoval(transaction, current.id);
      replaced = true;
    }
    await transaction
      .updateTable('artifacts')
      .set({ status: 'complete', storage_key: storageKey, sha256 })
      .where('id', '=', id)
      .execute();
    if (upload.status === 'draft') {
      const wentLive = await publishIfExpectedAreComplete(transaction, upload.release_id, now);
      return wentLive ? 'went_live' : 'completed';
    }
    await recordPublishedBytes(transaction, upload, [
      { ...platform, sha256, signingKeyId: upload.signing_key_id },
    ]);
    await raiseRevision(transaction, upload.app_id);
    return 'completed';
  });
  if (replaced) onReplaced?.();
  return outcome;
}

async function queueForRemoval(transaction: Queries, id: string): Promise<void> {
  await transaction
    .updateTable('artifacts')
    .set({ status: 'deleting', release_id: null })
    .where('id', '=', id)
    .execute();
}

/** The served file under a storage key; undefined once its release is deleted. */
export async function findStoredFile(db: Queries, storageKey: string): Promise<StoredFile | undefined> {
  const row = await storedFiles(db).where('storage_key', '=', storageKey).executeTakeFirst();
  return row && toStoredFile(row);
}

/** The served file of a release for a platform, by any slug the app has or had. */
export async function findDownload(
  db: Queries,
  { slug, releaseId, platform: { target, arch, bundleType } }: DownloadKey,
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

/** The artifacts of deleted releases, and those that were replaced, that still have their bytes. */
export async function listDeleting(db: Queries): Promise<{ id: string; storageKey: string }[]> {
  return db
    .selectFrom('artifacts')
    .select(['id', 'storage_key as storageKey'])
    .where('status', '=', 'deleting')
    .where('storage_key', 'is not', null)
    .$narrowType<{ storageKey: NotNull }>()
    .execute();
}

export async function forgetDeleted(db: Queries, id: string): Promise<void> {
  await db.deleteFrom('artifacts').where('id', '=', id).where('status', '=', 'deleting').execute();
}

/** Forgets pending uploads that expired before `olderThan`. */
export async function forgetExpiredUploads(db: Queries, olderThan: Date): Promise<void> {
  await db
    .deleteFrom('artifacts')
    .where('status', '=', 'pending')
    .where('expires_at', '<', olderThan.getTime())
    .execute();
}

/** Whether any artifact, in any state, refers to the stored bytes. */
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
    .where('releases.status', '!=', 'draft')
    .where('storage_key', 'is not', null)
    .$narrowType<{ storage_key: NotNull }>();
}

function toStoredFile(row: StoredFileRow): StoredFile {
  const { slug, version, sha256, storage_key: storageKey } = row;
  return { slug, version, sha256, storageKey, ...platformOf(row) };
}

type StoredFileRow = Awaited<ReturnType<ReturnType<typeof storedFiles>['execute']>>[number];
