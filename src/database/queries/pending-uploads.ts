import type { ExpressionBuilder, Kysely } from 'kysely';
import type { Platform } from '../../protocol/platform.ts';
import type { Queries, Schema } from '../schema.ts';
import { platformColumns } from './platform-columns.ts';

/*
 * Uploads whose bytes arrive out of the server's sight are looked for. Of several nodes one takes what has
 * arrived: it claims the upload, for a while that it extends as long as it works, so that one that dies is stood in for.
 */

/** An upload that is looked for. */
export interface AwaitedUpload {
  readonly id: string;
  readonly createdAt: Date;
  /** When its URL has surely expired. */
  readonly expiresAt: Date;
}

/** An upload that was claimed. */
export interface LeasedUpload extends AwaitedUpload {
  /** Until when: tells this claim from one that another node made after it ended. */
  readonly leasedUntil: Date;
}

export interface Lease {
  readonly now: Date;
  readonly until: Date;
}

/** Why the bytes of an upload were refused. */
export interface UploadRefusal {
  readonly code: string;
  readonly detail: string;
  readonly errors: readonly { readonly field: string; readonly message: string }[];
}

/** An upload as far as whoever is told of it may know it. */
export interface UploadState {
  readonly status: 'pending' | 'complete';
  readonly fileSize: number;
  /** As declared while pending, as measured once complete. */
  readonly sha256: string | null;
  /** The store's name of one in parts. */
  readonly multipartId: string | null;
}

/** An upload of a release of an app. */
export async function findUploadState(
  db: Queries,
  of: { readonly appId: string; readonly releaseId: string },
  id: string,
): Promise<UploadState | undefined> {
  const row = await db
    .selectFrom('artifacts')
    .innerJoin('releases', 'releases.id', 'artifacts.release_id')
    .select(['artifacts.status', 'file_size', 'sha256', 'multipart_id'])
    .where('app_id', '=', of.appId)
    .where('release_id', '=', of.releaseId)
    .where('artifacts.id', '=', id)
    .executeTakeFirst();
  if (row === undefined) return undefined;
  const status = row.status === 'complete' ? 'complete' : 'pending';
  return { status, fileSize: row.file_size, sha256: row.sha256, multipartId: row.multipart_id };
}

/** What tells an upload that another run of the same publish may go on with. */
export interface ResumableUpload extends Platform {
  readonly releaseId: string;
  readonly fileSize: number;
  readonly sha256: string;
  readonly signature: string | null;
}

/** An upload in parts as it is to be recorded. */
export interface MultipartRecord {
  readonly before: string | null;
  readonly multipartId: string;
  readonly expiresAt: Date;
}

/** The latest upload in parts of just that, which is not complete. */
export async function findResumableUpload(
  db: Queries,
  { releaseId, fileSize, sha256, signature, ...platform }: ResumableUpload,
): Promise<{ readonly id: string; readonly multipartId: string } | undefined> {
  const row = await db
    .selectFrom('artifacts')
    .select(['id', 'multipart_id'])
    .where('release_id', '=', releaseId)
    .where((eb) => eb.and({ ...platformColumns(platform), status: 'pending', file_size: fileSize, sha256 }))
    .where('signature', signature === null ? 'is' : '=', signature)
    .where('multipart_id', 'is not', null)
    .orderBy('created_at', 'desc')
    .limit(1)
    .executeTakeFirst();
  return row?.multipart_id ? { id: row.id, multipartId: row.multipart_id } : undefined;
}

/**
 * Records how the store names a pending upload in parts, and until when its URLs are good.
 * @param before how it was named; null: not yet
 * @returns false when another request has named it since, or it is pending no more
 */
export async function recordMultipart(
  db: Kysely<Schema>,
  id: string,
  { before, multipartId, expiresAt }: MultipartRecord,
): Promise<boolean> {
  const { numUpdatedRows } = await db
    .updateTable('artifacts')
    .set({ multipart_id: multipartId, expires_at: expiresAt.getTime() })
    .where('id', '=', id)
    .where('status', '=', 'pending')
    .where('multipart_id', before === null ? 'is' : '=', before)
    .executeTakeFirstOrThrow();
  return numUpdatedRows > 0n;
}

/** Whether an upload that is promised still is the one in parts that the store calls so. */
export async function isMultipartGrant(db: Queries, id: string, multipartId: string): Promise<boolean> {
  const row = await db
    .selectFrom('artifacts')
    .select('id')
    .where('id', '=', id)
    .where('status', '=', 'pending')
    .where('multipart_id', '=', multipartId)
    .executeTakeFirst();
  return row !== undefined;
}

/**
 * Takes the turn to look for uploads that are due by now, those first that wait longest. Each is due again after its
 * wait, whatever comes of it: a look needs no claim, only who takes what has arrived does.
 * @param waitOf in milliseconds
 */
export async function takeDuePolls(
  db: Kysely<Schema>,
  now: Date,
  { limit, waitOf }: { readonly limit: number; readonly waitOf: (upload: AwaitedUpload) => number },
): Promise<AwaitedUpload[]> {
  const isDue = (eb: Artifacts) => eb.and([isFree(eb, now), eb('poll_at', '<=', now.getTime())]);
  const due = db.selectFrom('artifacts').select(['id', 'created_at', 'expires_at']).where(isDue);
  const uploads = (await due.orderBy('poll_at').limit(limit).execute()).map(toAwaitedUpload);
  const taken = new Set<string>();
  for (const wait of new Set(uploads.map(waitOf))) {
    const ids = uploads.filter((upload) => waitOf(upload) === wait).map(({ id }) => id);
    const rows = await db
      .updateTable('artifacts')
      .set({ poll_at: now.getTime() + wait })
      .where('id', 'in', ids)
      .where(isDue) // by now another node may have been quicker
      .returning('id')
      .execute();
    for (const { id } of rows) taken.add(id);
  }
  return uploads.filter(({ id }) => taken.has(id));
}

/** Claims one upload, due or not. @returns undefined when another node has it, or it is not pending */
export async function acquireLease(
  db: Kysely<Schema>,
  id: string,
  claim: Lease,
): Promise<LeasedUpload | undefined> {
  const row = await db
    .updateTable('artifacts')
    .set({ leased_until: claim.until.getTime() })
    .where('id', '=', id)
    .where((eb) => isFree(eb, claim.now))
    .returning(['id', 'created_at', 'expires_at'])
    .executeTakeFirst();
  return row && { ...toAwaitedUpload(row), leasedUntil: claim.until };
}

/**
 * Keeps a claim for longer.
 * @returns the claim as it is now; undefined when it has ended, and maybe another node has its own
 */
export async function renewLease(
  db: Kysely<Schema>,
  claimed: LeasedUpload,
  until: Date,
): Promise<LeasedUpload | undefined> {
  const { numUpdatedRows } = await db
    .updateTable('artifacts')
    .set({ leased_until: until.getTime() })
    .where((eb) => isLeased(eb, claimed))
    .executeTakeFirstOrThrow();
  return numUpdatedRows > 0n ? { ...claimed, leasedUntil: until } : undefined;
}

/**
 * Lets an upload go, to be looked for again, unless the claim has ended and another node has its own.
 * @param refusal why what arrived was refused, if it was
 * @returns whether it was still claimed so
 */
export async function releaseLease(
  db: Kysely<Schema>,
  claimed: LeasedUpload,
  pollAt: Date,
  refusal?: UploadRefusal,
): Promise<boolean> {
  const { numUpdatedRows } = await db
    .updateTable('artifacts')
    .set({
      poll_at: pollAt.getTime(),
      leased_until: 0,
      ...(refusal && { refusal: JSON.stringify(refusal) }),
    })
    .where((eb) => isLeased(eb, claimed))
    .executeTakeFirstOrThrow();
  return numUpdatedRows > 0n;
}

/** Why what arrived for an upload last was refused; undefined when nothing was. */
export async function uploadRefusal(db: Queries, id: string): Promise<UploadRefusal | undefined> {
  const row = await db.selectFrom('artifacts').select('refusal').where('id', '=', id).executeTakeFirst();
  return row?.refusal ? (JSON.parse(row.refusal) as UploadRefusal) : undefined;
}

type Artifacts = ExpressionBuilder<Schema, 'artifacts'>;

function isFree(eb: Artifacts, now: Date) {
  return eb.and([eb('status', '=', 'pending'), eb('leased_until', '<=', now.getTime())]);
}

function isLeased(eb: Artifacts, { id, leasedUntil }: LeasedUpload) {
  return eb.and({ id, status: 'pending', leased_until: leasedUntil.getTime() });
}

function toAwaitedUpload(row: { id: string; created_at: number; expires_at: number }): AwaitedUpload {
  return { id: row.id, createdAt: new Date(row.created_at), expiresAt: new Date(row.expires_at) };
}
