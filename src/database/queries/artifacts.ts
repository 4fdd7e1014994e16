import { randomUUID } from 'node:crypto';
import { type Kysely, type NotNull, sql } from 'kysely';
import { signingKeyIdOf } from '../../protocol/minisign.ts';
import { type Platform, platformName, platformOf } from '../../protocol/platform.ts';
import {
  type ClosableFile,
  closeKinds,
  isMainFile,
  isShutOut,
} from '../../protocol/routing/default-kinds.ts';
import { type JobRun, jobRunOf } from '../../protocol/upload/job-run.ts';
import { precedenceOf } from '../../protocol/version.ts';
import { type Attribution, tokenIdOf } from '../attribution.ts';
import type { Queries, Schema } from '../schema.ts';
import { transact } from '../transaction.ts';
import {
  requireFewLanes,
  requireRoomForBytes,
  requireRoomInRelease,
  requireWithinLimits,
} from './app-limits.ts';
import { raiseRevision, requiresApproval } from './apps.ts';
import { type AuditEntry, recordAudit } from './audit.ts';
import { bytesOf } from './audited-rows.ts';
import { chunks } from './chunks.ts';
import { parseKinds, recordedKinds } from './default-kinds.ts';
import { queueForRemoval } from './delete-artifacts.ts';
import { requireChange } from './hourly-changes.ts';
import { fileLane } from './lanes.ts';
import { keepFile, recordOrphans } from './orphans.ts';
import { platformColumns } from './platform-columns.ts';
import { publishIfExpectedAreComplete, recordPublishedBytes } from './publish-release.ts';
import { findCompleteFile, isRepair, isReplacement } from './release-files.ts';
import { named } from './releases.ts';
import { hasEnded, mayGoLive } from './token-rights.ts';

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
  /** The name that downloads are saved under, where it is known what the file is called. */
  readonly fileName?: string | null;
}

/** An upload that was granted and is not complete, with everything its bytes are checked against. */
export interface PendingUpload extends Platform {
  readonly id: string;
  readonly appId: string;
  /** The app's minisign public key, if it has one. */
  readonly pubkey: string | null;
  /** Whether its signature has to name the version, where the app has a key. */
  readonly requiresBoundSignature: boolean;
  readonly version: string;
  readonly fileSize: number;
  /** As declared; null if it was not. */
  readonly sha256: string | null;
  /** The artifact's own signature, else its release's. */
  readonly signature: string | null;
  readonly releaseId: string;
  /** Whether its release is a draft that goes live by itself. */
  readonly mayGoLive: boolean;
  /** The token that announced it, if one did. */
  readonly announcedBy: { readonly id: string; readonly name: string | null } | null;
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
  /** Without a bundle type: of several files the one that suits most apps, as it was when they went live. */
  readonly platform: Platform;
}

export interface StoredFile extends ClosableFile {
  readonly appId: string;
  readonly storageKey: string;
  readonly slug: string | null;
  readonly version: string;
  readonly sha256: string;
  /** Null where it is not known what the file was called. */
  readonly fileName: string | null;
  readonly createdAt: Date;
  readonly fileSize: number;
  readonly isLost: boolean;
}

/**
 * Grants an upload.
 * @returns its id, or `release_gone` when its release has been deleted
 * @throws Problem `limit_reached`
 */
export async function createPendingArtifact(
  db: Kysely<Schema>,
  artifact: NewArtifact,
  { now, actor }: Attribution,
): Promise<{ readonly id: string } | 'release_gone'> {
  const id = randomUUID();
  const { releaseId, fileSize, sha256, signature, expiresAt, pollAt, run, fileName = null } = artifact;
  return transact(db, async (transaction) => {
    const release = await transaction
      .selectFrom('releases')
      .select(['app_id', 'version_order', 'channel', 'requires', 'status', 'signature'])
      .where('id', '=', releaseId)
      .executeTakeFirst();
    if (release === undefined) return 'release_gone';
    await requireRoomInRelease(transaction, releaseId);
    const replaced = await findCompleteFile(transaction, releaseId, platformOf(platformColumns(artifact)));
    const appId = release.app_id;
    await requireChange(transaction, appId, now);
    await requireWithinLimits(transaction, appId, {
      pending_uploads: 1,
      notes_bytes: Buffer.byteLength(signature ?? ''),
    });
    await requireRoomForBytes(transaction, appId, { bytes: fileSize - (replaced?.fileSize ?? 0), now });
    const signingKeyId = signingKeyIdOf(signature ?? release.signature) ?? null;
    await transaction
      .insertInto('artifacts')
      .values({
        id,
        app: release.app_id,
        release_id: releaseId,
        version_order: release.version_order,
        lane: fileLane({ ...release, ...platformOf(platformColumns(artifact)), signingKeyId }),
        released: release.status === 'published' ? 1 : 0,
        ...platformColumns(artifact),
        file_size: fileSize,
        sha256,
        signature,
        signing_key_id: signingKeyId,
        status: 'pending',
        storage_key: null,
        lost_at: null,
        created_at: now.getTime(),
        expires_at: expiresAt.getTime(),
        poll_at: pollAt?.getTime() ?? null,
        leased_until: 0,
        refusal: null,
        multipart_id: null,
        job: run?.job ?? null,
        attempt: run?.attempt ?? null,
        file_name: fileName,
        token_id: tokenIdOf(actor),
        default_kinds: null,
      })
      .execute();
    await recordOrphans(transaction, [{ name: id, kind: 'upload' }], now);
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

/** A file that was live, and that no release lists as live or yanked any more, because its own was deleted. */
export type DeletedFile = ReturnType<typeof toDeletedFile>;

/** Of the files that were live and then deleted those of some versions. */
export async function deletedFiles(
  db: Queries,
  appId: string,
  precedences: readonly string[],
): Promise<DeletedFile[]> {
  const files: DeletedFile[] = [];
  for (const some of chunks(precedences)) {
    const rows = await deleted(db, appId).where('was.precedence', 'in', some).execute();
    files.push(...rows.map(toDeletedFile));
  }
  return files;
}

/** Some of them all, in their order. @param after the last one of the page before */
export async function deletedFilePage(
  db: Queries,
  appId: string,
  { limit, after }: { readonly limit: number; readonly after: DeletedFile | undefined },
): Promise<DeletedFile[]> {
  const { version, target, arch, bundle_type } = after ?? {
    version: '',
    target: '',
    arch: '',
    bundle_type: '',
  };
  const rows = await deleted(db, appId)
    .where(
      sql<boolean>`(was.precedence, was.target, was.arch, was.bundle_type)
        > (${version}, ${target}, ${arch}, ${bundle_type ?? ''})`,
    )
    .limit(limit)
    .execute();
  return rows.map(toDeletedFile);
}

function deleted(db: Queries, appId: string) {
  return db
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
      'was.default_kinds',
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
    .orderBy('was.bundle_type');
}

type DeletedRow = Awaited<ReturnType<ReturnType<typeof deleted>['execute']>>[number];

function toDeletedFile({ bundle_type, default_kinds, ...file }: DeletedRow) {
  return {
    ...file,
    bundle_type: bundle_type || null,
    ...(default_kinds === null && { only_by_bundle_type: true }),
  };
}

/** Whether the release already has its artifact for the platform. */
export async function isComplete(db: Queries, releaseId: string, platform: Platform): Promise<boolean> {
  return (await findCompleteFile(db, releaseId, platform)) !== undefined;
}

/**
 * An upload by its id: itself while it is pending, then `complete`; undefined when there is none, or what the token was
 * granted has ended.
 */
export async function findUpload(db: Queries, id: string): Promise<PendingUpload | 'complete' | undefined> {
  const row = await db
    .selectFrom('artifacts')
    .innerJoin('releases', 'releases.id', 'artifacts.release_id')
    .innerJoin('apps', 'apps.id', 'releases.app_id')
    .leftJoin('tokens', 'tokens.id', 'artifacts.token_id')
    .select([
      'artifacts.id',
      'releases.app_id',
      'artifacts.token_id',
      'tokens.name as token_name',
      'pubkey',
      'require_bound_signatures',
      'version',
      'target',
      'arch',
      'bundle_type',
      'file_size',
      'sha256',
      'artifacts.status',
      'artifacts.signature',
      'releases.signature as release_signature',
      'releases.id as release_id',
      'releases.status as release_status',
      'expect',
      'awaits_approval',
      'artifacts.token_id',
    ])
    .where('artifacts.id', '=', id)
    .executeTakeFirst();
  if (row === undefined) return undefined;
  if (row.status !== 'pending') return 'complete';
  if (await hasEnded(db, row.token_id)) return undefined;
  return {
    id: row.id,
    appId: row.app_id,
    pubkey: row.pubkey,
    requiresBoundSignature: row.require_bound_signatures !== 0,
    version: row.version,
    ...platformOf(row),
    fileSize: row.file_size,
    sha256: row.sha256,
    signature: row.signature ?? row.release_signature,
    releaseId: row.release_id,
    mayGoLive: row.release_status === 'draft' && row.expect !== null && row.awaits_approval === 0,
    announcedBy: row.token_id === null ? null : { id: row.token_id, name: row.token_name },
  };
}

export interface CompleteOptions {
  readonly by: Attribution;
  /** Whether a version that was published and deleted may have other bytes. */
  readonly allowVersionReuse: boolean;
  /** Called when the bytes of a file that was replaced are queued for removal. */
  readonly onReplaced?: (() => void) | undefined;
}

/**
 * Makes a pending artifact complete, in one transaction. A live release offers it at once; a draft that expects
 * certain platforms goes live with the last of them. The bytes must be durable where they are served from. It replaces the
 * same file if that is lost, and in a draft the file of an earlier run of its job; what may be left of those bytes is queued
 * for removal.
 * @returns `went_live` when the draft did; `immutable` when the platform has or had other bytes, or has these from
 *   another upload; `not_allowed` when the release is live and the upload was granted to a token that may not add to it, or
 *   the app requires approval; `gone` when the release has been deleted, or what the token was granted has ended
 * @throws Problem `limit_reached`
 */
export async function completeArtifact(
  db: Kysely<Schema>,
  { id, storageKey, sha256 }: VerifiedUpload,
  { by, allowVersionReuse, onReplaced }: CompleteOptions,
): Promise<'completed' | 'went_live' | 'immutable' | 'not_allowed' | 'gone'> {
  let replaced = false;
  const outcome = await transact(db, async (transaction) => {
    replaced = false;
    const upload = await findArrived(transaction, id);
    if (upload === undefined || (await hasEnded(transaction, upload.token_id))) return 'gone';
    const platform = platformOf(upload);
    const current = await findCompleteFile(transaction, upload.release_id, platform);
    const announced = { run: jobRunOf(upload), at: upload.created_at };
    if (current !== undefined) {
      const signature = upload.signature ?? upload.release_signature;
      const replaces = upload.status === 'draft' && isReplacement({ sha256, announced }, current);
      if (!replaces && !isRepair({ sha256, signature }, current)) return 'immutable';
    }
    const version = { appId: upload.app_id, version: upload.version };
    const published = await publishedBytes(transaction, version, platform);
    if (published !== undefined && published !== sha256 && !allowVersionReuse) return 'immutable';
    const recorded = await recordedKinds(transaction, upload);
    if (isShutOut(recorded, platform) && !allowVersionReuse) return 'immutable';
    const isAddition = upload.status !== 'draft' && current === undefined;
    if (isAddition && !(await mayAddToLive(transaction, upload))) return 'not_allowed';
    if (!(await keepFile(transaction, storageKey))) return 'gone'; // it took longer than a day
    if (current !== undefined) {
      await queueForRemoval(transaction, current.id);
      replaced = true;
    }
    await requireWithinLimits(transaction, upload.app_id, { stored_bytes: upload.file_size });
    await transaction
      .updateTable('artifacts')
      .set({ status: 'complete', storage_key: storageKey, sha256 })
      .where('id', '=', id)
      .execute();
    recordAudit(transaction, completion({ ...upload, ...platform, sha256, replaced: current }, by));
    if (upload.status === 'draft') {
      const wentLive = await publishIfExpectedAreComplete(transaction, upload.release_id, by);
      if (wentLive === undefined) return 'completed';
      recordAudit(transaction, wentLive);
      return 'went_live';
    }
    const file = { ...platform, id, sha256, signingKeyId: upload.signing_key_id };
    await recordPublishedBytes(transaction, upload, closeKinds([file], recorded));
    await requireFewLanes(transaction, upload.app_id);
    await raiseRevision(transaction, upload.app_id);
    return 'completed';
  });
  if (replaced) onReplaced?.();
  return outcome;
}

/** An upload with what decides whether and how it becomes a file of its release. */
function findArrived(transaction: Queries, id: string) {
  return transaction
    .selectFrom('artifacts')
    .innerJoin('releases', 'releases.id', 'artifacts.release_id')
    .select([
      'releases.id as release_id',
      'releases.status',
      'releases.app_id',
      'version',
      'precedence',
      'releases.version_order',
      'channel',
      'embedded_pubkey',
      'requires',
      'target',
      'arch',
      'bundle_type',
      'artifacts.signature',
      'releases.signature as release_signature',
      'artifacts.signing_key_id',
      'artifacts.created_at',
      'file_size',
      'artifacts.token_id',
      'job',
      'attempt',
    ])
    .where('artifacts.id', '=', id)
    .executeTakeFirst();
}

/** Whether a file may be added to what is live, where it is offered at once. */
async function mayAddToLive(
  transaction: Queries,
  upload: { readonly app_id: string; readonly token_id: string | null; readonly channel: string },
): Promise<boolean> {
  if (await requiresApproval(transaction, upload.app_id)) return false;
  return mayGoLive(transaction, [upload.token_id], upload.channel);
}

interface CompletedFile extends Platform {
  readonly release_id: string;
  readonly app_id: string;
  readonly version: string;
  readonly precedence: string;
  readonly file_size: number;
  readonly sha256: string;
  readonly replaced: { readonly sha256: string } | undefined;
}

function completion({ replaced, ...file }: CompletedFile, by: Attribution): AuditEntry {
  const { release_id, version, sha256, file_size: size } = file;
  return {
    by,
    action: replaced === undefined ? 'file.completed' : 'file.replaced',
    appId: file.app_id,
    details: {
      ...named({ id: release_id, version }),
      ...{ platform: platformName(file), sha256, size },
      ...(replaced !== undefined && { before: replaced.sha256 }),
    },
    rows: [`release:${release_id}`, bytesOf(file)],
  };
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
    .find((file) => (bundleType === undefined ? isMainFile(file) : file.bundleType === bundleType));
}

/** The artifacts of deleted releases, and those that were replaced, that still have their bytes. */
export async function listDeleting(db: Queries): Promise<{ id: string; storageKey: string }[]> {
  return db
    .selectFrom('artifacts')
    .select(['id', 'storage_key as storageKey'])
    .where('status', '=', sql.lit('deleting')) // which has a key: SQLite would read all files by `is not null`
    .$narrowType<{ storageKey: NotNull }>()
    .execute();
}

export async function forgetDeleted(db: Queries, id: string): Promise<void> {
  await db.deleteFrom('artifacts').where('id', '=', id).where('status', '=', sql.lit('deleting')).execute();
}

/** Forgets pending uploads that expired before `olderThan`. */
export async function forgetExpiredUploads(db: Queries, olderThan: Date): Promise<void> {
  await db
    .deleteFrom('artifacts')
    .where('status', '=', sql.lit('pending'))
    .where('expires_at', '<', olderThan.getTime())
    .execute();
}

function storedFiles(db: Queries) {
  return db
    .selectFrom('artifacts')
    .innerJoin('releases', 'releases.id', 'artifacts.release_id')
    .innerJoin('apps', 'apps.id', 'releases.app_id')
    .select([
      'apps.id as app_id',
      'apps.slug',
      'version',
      'target',
      'arch',
      'bundle_type',
      'sha256',
      'storage_key',
      'file_name',
      'file_size',
      'lost_at',
      'artifacts.created_at',
      'default_kinds',
    ])
    .where('artifacts.status', '=', 'complete')
    .where('releases.status', '!=', 'draft')
    .where('storage_key', 'is not', null)
    .where('sha256', 'is not', null)
    .$narrowType<{ storage_key: NotNull; sha256: NotNull }>();
}

function toStoredFile(row: StoredFileRow): StoredFile {
  const { app_id: appId, slug, version, sha256 } = row;
  const { storage_key: storageKey, file_name: fileName, file_size: fileSize } = row;
  const state = { createdAt: new Date(row.created_at), isLost: row.lost_at !== null };
  const defaultKinds = parseKinds(row.default_kinds);
  return {
    appId,
    slug,
    version,
    sha256,
    storageKey,
    fileName,
    fileSize,
    defaultKinds,
    ...state,
    ...platformOf(row),
  };
}

type StoredFileRow = Awaited<ReturnType<ReturnType<typeof storedFiles>['execute']>>[number];
