import { type Kysely, sql } from 'kysely';
import { Problem } from '../../protocol/problem.ts';
import {
  type AppLimits,
  type AppUsage,
  isLimitName,
  type LimitName,
  MAX_FILES_OF_RELEASE,
  MAX_LANES,
} from '../app-limits.ts';
import type { Attribution } from '../attribution.ts';
import type { Queries, Schema } from '../schema.ts';
import { transact } from '../transaction.ts';
import { recordAudit } from './audit.ts';
import { changesInHour } from './hourly-changes.ts';
import { inWords, limitReached, readLimits } from './read-limits.ts';

/** New values of limits: null for none, `default` for that of this program; those that are left out stay. */
export type LimitChanges = Readonly<Partial<Record<LimitName, number | 'default' | null>>>;

/** What a write adds to what an app has. `requireChannel` compares channels, `countChanges` changes. */
export type Addition = Readonly<Partial<Record<Exclude<LimitName, 'channels' | 'hourly_changes'>, number>>>;

/**
 * Refuses a write that would exceed a limit of the app. Belongs into the transaction of the write, before it: of two at
 * once, one sees what the other has added, or is run again.
 * @throws Problem `limit_reached`
 */
export async function requireWithinLimits(
  transaction: Queries,
  appId: string,
  addition: Addition,
): Promise<void> {
  const growing = ADDED.filter((name) => (addition[name] ?? 0) > 0);
  if (growing.length === 0) return;
  const used = await readCounted(transaction, appId);
  const limits = await readLimits(transaction, appId);
  for (const name of growing) {
    const limit = limits[name];
    if (limit !== null && used[name] + (addition[name] ?? 0) > limit)
      throw limitReached(appId, name, { used: used[name], limit });
  }
}

const ADDED = ['releases', 'drafts', 'pending_uploads', 'slugs', 'notes_bytes', 'stored_bytes'] as const;

/**
 * Refuses an announcement of a file that the app's limit of stored bytes has no room for, with what is announced already. A
 * URL that has expired brings nothing any more; parts stay in the storage until the upload is forgotten.
 * @param bytes that it adds
 * @throws Problem `limit_reached`
 */
export async function requireRoomForBytes(
  transaction: Queries,
  appId: string,
  { bytes, now }: { readonly bytes: number; readonly now: Date },
): Promise<void> {
  const { stored_bytes: limit } = await readLimits(transaction, appId);
  if (limit === null || bytes <= 0) return;
  const { stored_bytes, announced_bytes } = await readCounted(transaction, appId);
  const used = stored_bytes + announced_bytes;
  if (used + bytes <= limit) return;
  const expired = await expiredBytes(transaction, appId, now);
  if (used - expired + bytes > limit)
    throw limitReached(appId, 'stored_bytes', { used: used - expired, limit });
}

async function expiredBytes(transaction: Queries, appId: string, now: Date): Promise<number> {
  const row = await transaction
    .selectFrom('artifacts')
    .select((eb) => eb.fn.sum('file_size').as('bytes'))
    .where('status', '=', sql.lit('pending'))
    .where('app', '=', appId)
    .where('multipart_id', 'is', null)
    .where('expires_at', '<', now.getTime())
    .executeTakeFirst();
  return Number(row?.bytes ?? 0);
}

/**
 * The same for a release in a channel that the app may not have yet.
 * @throws Problem `limit_reached`
 */
export async function requireChannel(transaction: Queries, appId: string, channel: string): Promise<void> {
  const channels = await channelsOf(transaction, appId);
  if (channels.has(channel)) return;
  const { channels: limit } = await readLimits(transaction, appId);
  if (limit !== null && channels.size >= limit)
    throw limitReached(appId, 'channels', { used: channels.size, limit });
}

/** @throws Problem `limit_reached` for a release with as many files and uploads as any can have */
export async function requireRoomInRelease(transaction: Queries, releaseId: string): Promise<void> {
  const files = await transaction
    .selectFrom('artifacts')
    .select('id')
    .where('release_id', '=', releaseId)
    .limit(MAX_FILES_OF_RELEASE)
    .execute();
  if (files.length < MAX_FILES_OF_RELEASE) return;
  const message = `must be at most ${MAX_FILES_OF_RELEASE} in a release, with uploads that have not arrived`;
  throw new Problem('limit_reached', `The files ${message}.`, [{ field: 'artifacts', message }]);
}

/**
 * Refuses what was offered just now if the offers of the app have become too many to resolve them quickly. Belongs into the
 * transaction that changes what is offered.
 * @throws Problem `limit_reached`
 */
export async function requireFewLanes(transaction: Queries, appId: string): Promise<void> {
  const { rows } = await sql<{ known: number; offered: number }>`
    with recursive known(lane) as (
      select min(lane) from published_bytes where app_id = ${appId}
      union all
      select (select min(lane) from published_bytes where app_id = ${appId} and lane > known.lane)
      from known where known.lane is not null
    ), offered(lane) as (
      select min(lane) from artifacts
      where app = ${appId} and status = 'complete' and released = 1 and lost_at is null
      union all
      select (
        select min(lane) from artifacts
        where app = ${appId} and status = 'complete' and released = 1 and lost_at is null and lane > offered.lane
      ) from offered where offered.lane is not null
    )
    select (select count(*) from (select lane from known limit ${MAX_LANES + 2}) l) as known,
      (select count(*) from (select lane from offered limit ${MAX_LANES + 2}) l) as offered`.execute(
    transaction,
  );
  if (rows.every(({ known, offered }) => Math.max(Number(known), Number(offered)) <= MAX_LANES + 1)) return;
  throw new Problem(
    'limit_reached',
    `The app would offer files for more than ${inWords(MAX_LANES)} combinations of channel, platform, signing key and required version.`,
    [{ field: 'channel', message: `must not add to ${MAX_LANES} combinations` }],
  );
}

/** What an app has, and may have. */
export async function limitsOf(
  db: Queries,
  appId: string,
  now: Date,
): Promise<{ readonly used: AppUsage; readonly limits: AppLimits }> {
  const channels = (await channelsOf(db, appId)).size;
  const { announced_bytes, stored_bytes, ...counted } = await readCounted(db, appId);
  const hourly_changes = await changesInHour(db, appId, now);
  const used = { ...counted, stored_bytes: stored_bytes + announced_bytes, channels, hourly_changes };
  return { used, limits: await readLimits(db, appId) };
}

export async function setLimits(
  db: Kysely<Schema>,
  { appId, changes }: { readonly appId: string; readonly changes: LimitChanges },
  by: Attribution,
): Promise<void> {
  await transact(db, async (transaction) => {
    const before = await readLimits(transaction, appId);
    for (const [name, value] of Object.entries(changes)) {
      if (!isLimitName(name) || value === undefined) continue;
      await transaction
        .deleteFrom('app_limits')
        .where('app_id', '=', appId)
        .where('name', '=', name)
        .execute();
      if (value === 'default') continue;
      await transaction.insertInto('app_limits').values({ app_id: appId, name, value }).execute();
    }
    const details = { limits: { before, after: await readLimits(transaction, appId) } };
    recordAudit(transaction, { by, action: 'app.limits_set', appId, details, rows: [`limits:${appId}`] });
  });
}

/** Forgets what an app has and may have, once it has nothing any more. Belongs into the transaction that deletes it. */
export async function forgetLimits(transaction: Queries, appId: string): Promise<void> {
  for (const table of ['app_usage', 'app_limits', 'hourly_changes'] as const) {
    await transaction.deleteFrom(table).where('app_id', '=', appId).execute();
  }
}

/** What each app has, counted anew. */
const COUNTED = sql`
    select app_id, sum(releases) as releases, sum(drafts) as drafts, sum(pending) as pending_uploads,
      sum(slugs) as slugs, sum(notes) as notes_bytes, sum(stored) as stored_bytes,
      sum(announced) as announced_bytes from (
      select app_id, 1 as releases, 0 as drafts, 0 as pending, 0 as slugs, 0 as notes, 0 as stored,
        0 as announced
      from (select app_id, precedence from releases union select app_id, precedence from published_bytes) versions
      union all
      select app_id, 0, case when status = 'draft' then 1 else 0 end, 0, 0,
        coalesce(octet_length(notes), 0) + coalesce(octet_length(signature), 0), 0, 0
      from releases
      union all
      select app, 0, 0, case when status = 'pending' then 1 else 0 end, 0, coalesce(octet_length(signature), 0),
        case when status = 'complete' then file_size else 0 end,
        case when status = 'pending' then file_size else 0 end
      from artifacts where status <> 'deleting'
      union all
      select app, 0, 0, 0, 0, octet_length(document), 0, 0 from statements
      union all
      select app_id, 0, 0, 0, 1, 0, 0, 0 from slugs where app_id is not null
    ) counted group by app_id`;

/** Counts what each app has anew. Belongs into a transaction that has replaced the rows. */
export async function recountUsage(transaction: Queries): Promise<void> {
  await transaction.deleteFrom('app_usage').execute();
  await sql`
    insert into app_usage
      (app_id, releases, drafts, pending_uploads, slugs, notes_bytes, stored_bytes, announced_bytes)
    ${COUNTED}`.execute(transaction);
}

/** The apps that have other things than what is kept of them: somebody has changed the database. */
export async function findWrongUsage(db: Queries): Promise<string[]> {
  const kept = await db.selectFrom('app_usage').selectAll().execute();
  const { rows } = await sql<AppUsageRow>`${COUNTED}`.execute(db);
  const counted = new Map(rows.map((row) => [row.app_id, row]));
  const wrong = kept.filter(
    (row) => !KEPT.every((name) => Number(row[name]) === countOf(counted, row, name)),
  );
  const known = new Set(kept.map(({ app_id }) => app_id));
  const missing = rows.filter(({ app_id }) => !known.has(app_id));
  return [...wrong, ...missing].map(({ app_id }) => app_id);
}

/** The columns of `app_usage`. */
const KEPT = [...ADDED, 'announced_bytes'] as const;

type AppUsageRow = Readonly<Record<(typeof KEPT)[number], unknown>> & { readonly app_id: string };

function countOf(
  counted: ReadonlyMap<string, AppUsageRow>,
  { app_id }: Pick<AppUsageRow, 'app_id'>,
  name: (typeof KEPT)[number],
): number {
  return Number(counted.get(app_id)?.[name] ?? 0);
}

async function readCounted(db: Queries, appId: string): Promise<Record<(typeof KEPT)[number], number>> {
  const row = await db.selectFrom('app_usage').selectAll().where('app_id', '=', appId).executeTakeFirst();
  const { releases = 0, drafts = 0, pending_uploads = 0, slugs = 0 } = row ?? {};
  return {
    ...{ releases, drafts, pending_uploads, slugs },
    notes_bytes: row?.notes_bytes ?? 0,
    stored_bytes: row?.stored_bytes ?? 0,
    announced_bytes: row?.announced_bytes ?? 0,
  };
}

/**
 * The channels of an app's releases, and of those that were live: from one to the next by the index. A lane begins with
 * its channel and a blank, and `!` comes after that.
 */
async function channelsOf(db: Queries, appId: string): Promise<ReadonlySet<string>> {
  const { rows } = await sql<{ channel: string | null }>`
    with recursive present(channel) as (
      select min(channel) from releases where app_id = ${appId}
      union all
      select (select min(channel) from releases where app_id = ${appId} and channel > present.channel)
      from present where present.channel is not null
    ), lanes(lane) as (
      select min(lane) from published_bytes where app_id = ${appId}
      union all
      select (
        select min(lane) from published_bytes
        where app_id = ${appId} and lane > replace(lanes.lane, ' ', '!')
      ) from lanes where lanes.lane is not null
    )
    select channel from present union all select lane from lanes`.execute(db);
  return new Set(rows.flatMap(({ channel }) => channel?.split(' ')[0] ?? []));
}
