import { type NotNull, sql } from 'kysely';
import { platformOf } from '../../protocol/platform.ts';
import { jobRunOf } from '../../protocol/upload/job-run.ts';
import { AFTER_ALL_VERSIONS, isVersion, precedenceOf, versionOrder } from '../../protocol/version.ts';
import type { Queries, ReleasesTable } from '../schema.ts';
import { chunks } from './chunks.ts';
import { type CompleteArtifact, type Release, toRelease } from './releases.ts';

export interface ListedRelease extends Release {
  readonly artifacts: readonly CompleteArtifact[];
}

export interface PageOptions {
  readonly limit: number;
  /** The version that the page begins below; the highest one is first when left out. */
  readonly after?: string | undefined;
}

/** Releases that `listReleases` reads at once. */
const PAGE_SIZE = 500;
const ALL: ReadOptions = { text: 'all' };
const WITHOUT_NOTES: ReadOptions = { text: 'signatures' };

/** Where a release stands in a list, and how much text it has: what is needed to read a list in pieces. */
export interface ListPlace {
  readonly id: string;
  readonly version: string;
  /** Of its notes and its own signature. */
  readonly textBytes: number;
}

/** Which text of each release is read, which is most of it. What is not is null. */
export interface ReadOptions {
  readonly text: 'all' | 'signatures' | 'none';
}

/** An app's releases with their complete artifacts, highest version first. */
export async function listReleases(db: Queries, appId: string): Promise<ListedRelease[]> {
  const releases: ListedRelease[] = [];
  for (;;) {
    const after = releases.at(-1)?.version;
    const page = await listPlaces(db, appId, { limit: PAGE_SIZE, after });
    releases.push(...(await readListed(db, page, ALL)));
    if (page.length < PAGE_SIZE) return releases;
  }
}

/** Which releases are in a page of an app's list, highest version first. Reads no text. */
export async function listPlaces(
  db: Queries,
  appId: string,
  { limit, after }: PageOptions,
): Promise<ListPlace[]> {
  return selectPlaces(db, appId)
    .where('version_order', '<', after === undefined ? AFTER_ALL_VERSIONS : versionOrder(after))
    .orderBy('version_order', 'desc')
    .limit(limit)
    .execute();
}

function selectPlaces(db: Queries, appId: string) {
  return db
    .selectFrom('releases')
    .select([
      'id',
      'version',
      sql<number>`coalesce(octet_length(notes), 0) + coalesce(octet_length(signature), 0)`.as('textBytes'),
    ])
    .where('app_id', '=', appId);
}

/** Reads releases of a list, in its order, without those that are deleted by now. */
export async function readListed(
  db: Queries,
  places: readonly Pick<ListPlace, 'id'>[],
  options: ReadOptions,
): Promise<ListedRelease[]> {
  const rows = new Map<string, ReleasesTable>();
  for (const some of chunks(places)) {
    const ids = some.map(({ id }) => id);
    for (const row of await selectReleases(db, options).where('id', 'in', ids).execute())
      rows.set(row.id, row);
  }
  const inOrder = places.flatMap(({ id }) => rows.get(id) ?? []);
  return withArtifacts(db, inOrder, options);
}

/** The release with an id, or a version. */
export async function findPlace(
  db: Queries,
  appId: string,
  idOrVersion: string,
): Promise<ListPlace | undefined> {
  const byId = await selectPlaces(db, appId).where('id', '=', idOrVersion).executeTakeFirst();
  if (byId !== undefined || !isVersion(idOrVersion)) return byId;
  return selectPlaces(db, appId).where('precedence', '=', precedenceOf(idOrVersion)).executeTakeFirst();
}

/** The same with all that it has. */
export async function findListed(
  db: Queries,
  appId: string,
  idOrVersion: string,
): Promise<ListedRelease | undefined> {
  const place = await findPlace(db, appId, idOrVersion);
  return place && (await readListed(db, [place], ALL))[0];
}

/** The releases of versions, without those that the app does not have, highest version first, and without their notes. */
export async function listVersions(
  db: Queries,
  appId: string,
  precedences: readonly string[],
): Promise<ListedRelease[]> {
  const rows: ReleasesTable[] = [];
  for (const some of chunks(precedences)) {
    const found = selectReleases(db, WITHOUT_NOTES).where('app_id', '=', appId);
    rows.push(...(await found.where('precedence', 'in', some).execute()));
  }
  rows.sort((a, b) => (a.version_order > b.version_order ? -1 : 1));
  return withArtifacts(db, rows, WITHOUT_NOTES);
}

/** The highest published version of a channel, of all and of those below a version. */
export async function highestPublished(
  db: Queries,
  { appId, channel }: { readonly appId: string; readonly channel: string },
  below: string,
): Promise<string[]> {
  const found: string[] = [];
  for (const upper of [AFTER_ALL_VERSIONS, versionOrder(below)]) {
    const row = await db
      .selectFrom('releases')
      .select('precedence')
      .where('app_id', '=', appId)
      .where('channel', '=', channel)
      .where('status', '=', sql.lit('published'))
      .where('version_order', '<', upper)
      .orderBy('version_order', 'desc')
      .limit(1)
      .executeTakeFirst();
    if (row !== undefined) found.push(row.precedence);
  }
  return found;
}

function selectReleases(db: Queries, { text }: ReadOptions) {
  return db
    .selectFrom('releases')
    .select([
      'id',
      'app_id',
      'version',
      'precedence',
      'version_order',
      'status',
      'channel',
      'signing_key_id',
      'embedded_pubkey',
      'requires',
      'allow_stranding',
      'expect',
      'token_id',
      'editor_ids',
      'awaits_approval',
      'provenance',
      'pub_date',
      'created_at',
      'rollout',
      'paused_at',
      'pause_reason',
      'watch',
      'held_until',
      'mandatory',
      'rolled_back',
      'minimum_system',
    ])
    .select([
      column('notes', text === 'all').as('notes'),
      column('signature', text !== 'none').as('signature'),
    ]);
}

/** @param isRead otherwise null */
function column(name: 'notes' | 'signature', isRead: boolean) {
  return isRead ? sql<string | null>`${sql.ref(name)}` : sql<string | null>`cast(null as text)`;
}

async function withArtifacts(
  db: Queries,
  rows: readonly ReleasesTable[],
  options: ReadOptions,
): Promise<ListedRelease[]> {
  const drafts = new Set(rows.filter(({ status }) => status === 'draft').map(({ id }) => id));
  const byRelease = new Map<string | null, CompleteArtifact[]>();
  for (const some of chunks(rows)) {
    const ids = some.map(({ id }) => id);
    for (const row of await completeArtifacts(db, options).where('release_id', 'in', ids).execute()) {
      const {
        file_size: fileSize,
        sha256,
        signature,
        signing_key_id: signingKeyId,
        file_name: fileName,
      } = row;
      const isLost = row.lost_at !== null;
      const isOnlyByType = !drafts.has(row.release_id ?? '') && row.default_kinds === null;
      const recorded = { fileSize, sha256, signature, signingKeyId, fileName, isLost, isOnlyByType };
      const ofRelease = byRelease.get(row.release_id) ?? [];
      byRelease.set(row.release_id, ofRelease);
      ofRelease.push({ ...platformOf(row), ...recorded, run: jobRunOf(row) });
    }
  }
  return rows.map((row) => ({ ...toRelease(row), artifacts: byRelease.get(row.id) ?? [] }));
}

function completeArtifacts(db: Queries, { text }: ReadOptions) {
  return db
    .selectFrom('artifacts')
    .select([
      'release_id',
      'target',
      'arch',
      'bundle_type',
      'file_size',
      'sha256',
      'signing_key_id',
      'job',
      'attempt',
      'file_name',
      'lost_at',
      'default_kinds',
    ])
    .select(column('signature', text !== 'none').as('signature'))
    .where('status', '=', sql.lit('complete'))
    .where('sha256', 'is not', null)
    .$narrowType<{ sha256: NotNull }>()
    .orderBy('target')
    .orderBy('arch')
    .orderBy('bundle_type');
}
