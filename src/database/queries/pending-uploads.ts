import { type ExpressionBuilder, type Kysely, sql } from 'kysely';
import Type from 'typebox';
import type { Platform } from '../../protocol/platform.ts';
import { type FieldError, PROBLEM_STATUS, type ProblemCode } from '../../protocol/problem.ts';
import type { JobRun } from '../../protocol/upload/job-run.ts';
import { matches } from '../../protocol/validate.ts';
import { type Attribution, tokenIdOf } from '../attribution.ts';
import type { Queries, Schema } from '../schema.ts';
import { recordOrphans } from './orphans.ts';
import { platformColumns } from './platform-columns.ts';
import { hasEnded } from './token-rights.ts';

// The server polls for uploads that go straight to a bucket. To finalize one, a node acquires a lease on it and renews
// it while it works, so that another takes over when it dies.

export interface AwaitedUpload {
  readonly id: string;
  readonly createdAt: Date;
  /** When its URL has surely expired. */
  readonly expiresAt: Date;
}

export interface LeasedUpload extends AwaitedUpload {
  /** When the lease ends; distinguishes it from a later lease of another node. */
  readonly leasedUntil: Date;
}

export interface Lease {
  readonly now: Date;
  readonly until: Date;
}

export interface ReleaseLeaseOptions {
  readonly pollAt: Date;
  /** Why the bytes that arrived were refused; keeps the last reason when left out. */
  readonly refusal?: UploadRefusal | undefined;
}

/** Why the bytes of an upload were refused: the code, detail and errors of a problem. */
export interface UploadRefusal {
  readonly code: ProblemCode;
  readonly detail: string;
  readonly errors: readonly FieldError[];
}

const REFUSAL = Type.Object({
  code: Type.Enum(Object.keys(PROBLEM_STATUS)),
  detail: Type.String(),
  errors: Type.Array(Type.Object({ field: Type.String(), message: Type.String() })),
});

export interface UploadState {
  readonly status: 'pending' | 'complete';
  readonly fileSize: number;
  /** As declared while pending, as measured once complete. */
  readonly sha256: string | null;
  /** The bucket's id of a multipart upload. */
  readonly multipartId: string | null;
  /** Of its release. */
  readonly channel: string;
}

export interface UploadKey {
  readonly appId: string;
  readonly releaseId: string;
  readonly uploadId: string;
}

export async function findUploadState(
  db: Queries,
  { appId, releaseId, uploadId }: UploadKey,
): Promise<UploadState | undefined> {
  const row = await db
    .selectFrom('artifacts')
    .innerJoin('releases', 'releases.id', 'artifacts.release_id')
    .select(['artifacts.status', 'file_size', 'sha256', 'multipart_id', 'channel', 'artifacts.token_id'])
    .where('releases.app_id', '=', appId)
    .where('release_id', '=', releaseId)
    .where('artifacts.id', '=', uploadId)
    .executeTakeFirst();
  if (row === undefined) return undefined;
  if (row.status === 'pending' && (await hasEnded(db, row.token_id))) return undefined;
  const status = row.status === 'complete' ? 'complete' : 'pending';
  const { file_size: fileSize, sha256, multipart_id: multipartId, channel } = row;
  return { status, fileSize, sha256, multipartId, channel };
}

/** What a publish declares of an upload: another run that declares the same may resume it. */
export interface ResumableUpload extends Platform {
  readonly releaseId: string;
  readonly fileSize: number;
  readonly sha256: string;
  readonly signature: string | null;
}

export interface MultipartRecord {
  /** The id that is recorded now; null for none. */
  readonly before: string | null;
  readonly multipartId: string;
  readonly expiresAt: Date;
  /** By which run and which token it is announced again, and when. */
  readonly announced?: { readonly run: JobRun | undefined; readonly by: Attribution };
}

/** The latest pending multipart upload that was declared in the same way. */
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
 * Records the bucket's id of a pending multipart upload, and when its URLs expire.
 * @returns false when another request has recorded another id since, or the upload is no longer pending
 */
export async function recordMultipart(
  db: Kysely<Schema>,
  id: string,
  { before, multipartId, expiresAt, announced }: MultipartRecord,
): Promise<boolean> {
  if (announced) await recordOrphans(db, [{ name: id, kind: 'upload' }], announced.by.now); // its URLs last longer now
  const { numUpdatedRows } = await db
    .updateTable('artifacts')
    .set({
      multipart_id: multipartId,
      expires_at: expiresAt.getTime(),
      ...(announced && {
        created_at: announced.by.now.getTime(),
        token_id: tokenIdOf(announced.by.actor),
        job: announced.run?.job ?? null,
        attempt: announced.run?.attempt ?? null,
      }),
    })
    .where('id', '=', id)
    .where('status', '=', sql.lit('pending'))
    .where('multipart_id', before === null ? 'is' : '=', before)
    .executeTakeFirstOrThrow();
  return numUpdatedRows > 0n;
}

/** Whether a pending upload is the multipart upload with this id. */
export async function isMultipartGrant(db: Queries, id: string, multipartId: string): Promise<boolean> {
  const row = await db
    .selectFrom('artifacts')
    .select('id')
    .where('id', '=', id)
    .where('status', '=', sql.lit('pending'))
    .where('multipart_id', '=', multipartId)
    .executeTakeFirst();
  return row !== undefined;
}

export interface DuePollOptions {
  readonly limit: number;
  /** The limit for each app, 0 to leave it out. Default: `limit`. */
  readonly limitOf?: (appId: string) => number;
  /** The app to go on after, so that each gets its turn. Default: none. */
  readonly after?: string;
  /** How long until the upload is polled for again, in milliseconds. */
  readonly delayOf: (upload: AwaitedUpload) => number;
}

export interface DueUpload extends AwaitedUpload {
  readonly appId: string;
}

/**
 * Takes uploads that are due to be polled for: of one app after the other, the longest overdue first. Each is due again
 * after its delay, whatever the poll finds: a poll needs no lease, only finalizing does.
 */
export async function takeDuePolls(
  db: Kysely<Schema>,
  now: Date,
  { limit, limitOf = () => limit, after = '', delayOf }: DuePollOptions,
): Promise<DueUpload[]> {
  const apps = await appsWithDuePolls(db, now, { limit, limitOf, after });
  const uploads = (await duePollsOf(db, now, apps)).slice(0, limit);
  if (uploads.length === 0) return [];
  const pollTimes = uploads.map((upload) => sql`when ${upload.id} then ${now.getTime() + delayOf(upload)}`);
  const ids = uploads.map(({ id }) => id);
  const rows = await db
    .updateTable('artifacts')
    .set({ poll_at: sql<number>`case id ${sql.join(pollTimes, sql` `)} else poll_at end` })
    .where('id', 'in', ids)
    .where((eb) => isDue(eb, now)) // another node may have taken some since
    .returning('id')
    .execute();
  const taken = new Set(rows.map(({ id }) => id));
  return uploads.filter(({ id }) => taken.has(id));
}

interface AppLimit {
  readonly appId: string;
  readonly limit: number;
}

/** The apps to poll for, those after `after` first. */
async function appsWithDuePolls(
  db: Kysely<Schema>,
  now: Date,
  { limit, limitOf, after }: Required<Omit<DuePollOptions, 'delayOf'>>,
): Promise<AppLimit[]> {
  const found: AppLimit[] = [];
  const add = async ({ after: first, upTo }: AppRange) => {
    for (let last = first; found.length < limit; ) {
      const ids = await nextApps(db, now, { after: last, upTo });
      found.push(...ids.map((appId) => ({ appId, limit: limitOf(appId) })).filter((app) => app.limit > 0));
      if (ids.length < APPS_AT_ONCE) return;
      last = ids.at(-1) ?? '';
    }
  };
  await add({ after, upTo: undefined });
  if (after !== '') await add({ after: '', upTo: after });
  return found.slice(0, limit);
}

/** How many apps are read at once. */
const APPS_AT_ONCE = 100;

interface AppRange {
  readonly after: string;
  readonly upTo: string | undefined;
}

/** Apps with polls that are due: from one to the next by the index, however many uploads each has. */
async function nextApps(db: Kysely<Schema>, now: Date, { after, upTo }: AppRange): Promise<string[]> {
  const time = now.getTime();
  const { rows } = await sql<{ id: string }>`
    with recursive waiting(id) as (
      select min(app) from artifacts where status = 'pending' and app > ${after}
      union all
      select (select min(app) from artifacts where status = 'pending' and app > waiting.id)
      from waiting where waiting.id is not null
    )
    select id from waiting where exists (
      select 1 from artifacts
      where status = 'pending' and app = waiting.id and poll_at <= ${time} and leased_until <= ${time}
    ) limit ${APPS_AT_ONCE}`.execute(db);
  return rows.map(({ id }) => id).filter((id) => upTo === undefined || id <= upTo);
}

/** The longest overdue uploads of each app, up to its limit. */
async function duePollsOf(db: Kysely<Schema>, now: Date, apps: readonly AppLimit[]): Promise<DueUpload[]> {
  const [first, ...others] = apps.map(({ appId, limit }) =>
    db
      .selectFrom((qb) =>
        qb
          .selectFrom('artifacts')
          .select(['id', 'app', 'created_at', 'expires_at'])
          .where('app', '=', appId)
          .where((eb) => isDue(eb, now))
          .orderBy('poll_at')
          .limit(limit)
          .as('due'),
      )
      .selectAll(),
  );
  const query = first && others.reduce((all, one) => all.unionAll(one), first);
  const rows = (await query?.execute()) ?? [];
  return rows.map((row) => ({ ...toAwaitedUpload(row), appId: row.app }));
}

/** Acquires the lease of an upload, due or not. @returns undefined when another node has it, or it is not pending */
export async function acquireLease(
  db: Kysely<Schema>,
  id: string,
  { now, until }: Lease,
): Promise<LeasedUpload | undefined> {
  const row = await db
    .updateTable('artifacts')
    .set({ leased_until: until.getTime() })
    .where('id', '=', id)
    .where((eb) => isFree(eb, now))
    .returning(['id', 'created_at', 'expires_at'])
    .executeTakeFirst();
  return row && { ...toAwaitedUpload(row), leasedUntil: until };
}

/**
 * Renews a lease.
 * @returns the lease as it is now; undefined when it was lost, and another node may have acquired it
 */
export async function renewLease(
  db: Kysely<Schema>,
  lease: LeasedUpload,
  until: Date,
): Promise<LeasedUpload | undefined> {
  const { numUpdatedRows } = await db
    .updateTable('artifacts')
    .set({ leased_until: until.getTime() })
    .where((eb) => isLeased(eb, lease))
    .executeTakeFirstOrThrow();
  return numUpdatedRows > 0n ? { ...lease, leasedUntil: until } : undefined;
}

/**
 * Releases a lease, for the upload to be polled for again.
 * @returns false when the lease was lost, and another node may have acquired it: nothing was changed
 */
export async function releaseLease(
  db: Kysely<Schema>,
  lease: LeasedUpload,
  { pollAt, refusal }: ReleaseLeaseOptions,
): Promise<boolean> {
  const { numUpdatedRows } = await db
    .updateTable('artifacts')
    .set({
      poll_at: pollAt.getTime(),
      leased_until: 0,
      ...(refusal && { refusal: JSON.stringify(refusal) }),
    })
    .where((eb) => isLeased(eb, lease))
    .executeTakeFirstOrThrow();
  return numUpdatedRows > 0n;
}

export async function releaseAllLeases(db: Kysely<Schema>): Promise<void> {
  await db
    .updateTable('artifacts')
    .set({ leased_until: 0 })
    .where('status', '=', 'pending')
    .where('leased_until', '>', 0)
    .execute();
}

/** Why the bytes that arrived last for an upload were refused; undefined when none were. */
export async function uploadRefusal(db: Queries, id: string): Promise<UploadRefusal | undefined> {
  const row = await db.selectFrom('artifacts').select('refusal').where('id', '=', id).executeTakeFirst();
  const refusal: unknown = JSON.parse(row?.refusal ?? 'null');
  return isRefusal(refusal) ? refusal : undefined;
}

function isRefusal(value: unknown): value is UploadRefusal {
  return matches(REFUSAL, value);
}

type Artifacts = ExpressionBuilder<Schema, 'artifacts'>;

function isFree(eb: Artifacts, now: Date) {
  return eb.and([eb('status', '=', sql.lit('pending')), eb('leased_until', '<=', now.getTime())]);
}

function isDue(eb: Artifacts, now: Date) {
  return eb.and([isFree(eb, now), eb('poll_at', '<=', now.getTime())]);
}

function isLeased(eb: Artifacts, { id, leasedUntil }: LeasedUpload) {
  return eb.and({ id, status: 'pending', leased_until: leasedUntil.getTime() });
}

function toAwaitedUpload(row: { id: string; created_at: number; expires_at: number }): AwaitedUpload {
  return { id: row.id, createdAt: new Date(row.created_at), expiresAt: new Date(row.expires_at) };
}
