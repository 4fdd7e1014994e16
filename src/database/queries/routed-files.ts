import { sql } from 'kysely';
import { STABLE } from '../../protocol/channel.ts';
import { publicKeyIdOf } from '../../protocol/minisign.ts';
import { groupByPlatform, lacksDefaultFile } from '../../protocol/routing/default-kinds.ts';
import { AFTER_ALL_VERSIONS, nextVersion, versionOrder } from '../../protocol/version.ts';
import type { PublishedBytesTable, Queries } from '../schema.ts';
import { chunks } from './chunks.ts';
import { allOffered, type OfferCandidate, offeredOf } from './offers.ts';

/*
 * What decides the offers of an app, without reading each of its releases. Within a run of versions with builds that carry
 * one key, a higher version leads at least as far as a lower one, so of each lane (see `lanes.ts`) only its highest
 * file in each run is ever offered: docs/contributing/update-check.md, "Few of many releases".
 */

/** A file that was live at some time. */
export type KnownRow = Pick<
  PublishedBytesTable,
  | 'precedence'
  | 'channel'
  | 'target'
  | 'arch'
  | 'bundle_type'
  | 'signing_key_id'
  | 'embedded_pubkey'
  | 'default_kinds'
>;

export interface RoutedFiles {
  readonly live: readonly OfferCandidate[];
  readonly known: readonly KnownRow[];
  /** Whether these are all files of the app. */
  readonly isAll: boolean;
}

/** What a change is about: versions with files or keys that change, and versions that they require. */
export interface ChangedVersions {
  readonly versions: readonly string[];
  readonly requires: readonly string[];
}

/**
 * The files that decide what each version is offered. With a change: also those that decide it afterwards, and of the
 * versions that have the same way before and after, one at least for each channel and platform.
 */
export async function readRoutedFiles(
  db: Queries,
  appId: string,
  change?: ChangedVersions,
): Promise<RoutedFiles> {
  return readFilesBesides(db, appId, { change, held: [] });
}

export interface Deciding {
  readonly change?: ChangedVersions | undefined;
  readonly held: readonly { readonly version: string }[];
}

/** The same for apps that are not offered some of the releases: in each lane the files below these are read, too. */
export async function readFilesBesides(
  db: Queries,
  appId: string,
  { change, held }: Deciding,
): Promise<RoutedFiles> {
  const lanes = await knownLanes(db, appId);
  const runs = keyRuns(lanes, change !== undefined);
  if (runs === undefined) return readAllFiles(db, appId);
  const below = held.map(({ version }) => versionOrder(version));
  const cuts = [...runs.slice(1).map(({ lowest }) => lowest), ...cutsAround(change), ...below];
  const highest = await highestOffered(db, appId, cuts);
  const live = await offeredOf(db, highest);
  const isIrregular = hasMixedKeys(live) || groupByPlatform(live).some(lacksDefaultFile);
  if (isIrregular) return readAllFiles(db, appId);
  const precedences = new Set([
    ...lanes.flatMap(({ lowestVersion, highestVersion }) => [lowestVersion, highestVersion]),
    ...highest.map(({ precedence }) => precedence),
    ...(change === undefined
      ? await knownElsewhere(db, appId, runs)
      : await knownAround(db, appId, [...cuts, ...thresholdsOf(live)])),
  ]);
  return { live, known: await knownRows(db, appId, [...precedences]), isAll: false };
}

export async function readAllFiles(db: Queries, appId: string): Promise<RoutedFiles> {
  const live = await allOffered(db, appId); // first, so that their keys are among the known ones
  const known = await selectKnown(db, appId).execute();
  return { live, known, isAll: true };
}

interface LaneEnds {
  readonly lane: string;
  readonly channel: string;
  readonly signing_key_id: string | null;
  readonly embedded_pubkey: string | null;
  /** As `versionOrder` writes it, as is `highest`. */
  readonly lowest: string;
  readonly highest: string;
  readonly lowestVersion: string;
  readonly highestVersion: string;
}

/** The lanes of the files that were ever live, each with its lowest and highest version. */
export async function knownLanes(db: Queries, appId: string): Promise<readonly LaneEnds[]> {
  // By subqueries, each of which is one look into the index: joins may be planned as scans of all files of the app.
  const end = (column: string, order: 'asc' | 'desc') => sql`(
    select ${sql.ref(column)} from published_bytes b where b.app_id = ${appId} and b.lane = lanes.lane
    order by b.version_order ${sql.raw(order)} limit 1
  )`;
  const { rows } = await sql<LaneEnds>`
    with recursive ${everyKnownLane(appId)}
    select lane,
      ${end('channel', 'asc')} as channel,
      ${end('signing_key_id', 'asc')} as signing_key_id,
      ${end('embedded_pubkey', 'asc')} as embedded_pubkey,
      ${end('version_order', 'asc')} as lowest,
      ${end('version_order', 'desc')} as highest,
      ${end('precedence', 'asc')} as "lowestVersion",
      ${end('precedence', 'desc')} as "highestVersion"
    from lanes where lane is not null
  `.execute(db);
  return rows;
}

/** `lanes(lane)`: from one lane to the next by the index, however many files each has. The last row is null. */
function everyKnownLane(appId: string) {
  return sql`lanes(lane) as (
    select (select lane from published_bytes b where b.app_id = ${appId} order by lane limit 1)
    union all
    select (
      select b.lane from published_bytes b
      where b.app_id = ${appId} and b.lane > lanes.lane order by b.lane limit 1
    ) from lanes where lanes.lane is not null
  )`;
}

/** Versions, known or not, between which all known builds carry one key. */
interface KeyRun {
  readonly lowest: string;
  readonly lanes: readonly LaneEnds[];
  /** Whether all known builds of the app carry the key that they are signed with, which is the same one. */
  readonly isOnly: boolean;
}

/**
 * The runs of an app, the lowest first; undefined where keys went back and forth, so that they overlap.
 * @param byKey also where no build is known to carry a key, so that no version is led by its key yet
 */
function keyRuns(lanes: readonly LaneEnds[], byKey: boolean): readonly KeyRun[] | undefined {
  const isRouted = lanes.some(({ embedded_pubkey }) => embedded_pubkey !== null);
  const keyOf = ({ embedded_pubkey, signing_key_id }: LaneEnds) => {
    if (isRouted) return publicKeyIdOf(embedded_pubkey) ?? signing_key_id;
    return byKey ? signing_key_id : null;
  };
  const byKeyId = new Map<string | null, LaneEnds[]>();
  for (const lane of lanes) byKeyId.set(keyOf(lane), [...(byKeyId.get(keyOf(lane)) ?? []), lane]);
  const runs = [...byKeyId.values()].map((ofKey) => ({
    lowest: ofKey.map(({ lowest }) => lowest).sort()[0] ?? '',
    highest:
      ofKey
        .map(({ highest }) => highest)
        .sort()
        .at(-1) ?? '',
    lanes: ofKey,
  }));
  runs.sort((a, b) => (a.lowest < b.lowest ? -1 : 1));
  const overlap = runs.some((run, i) => run.highest >= (runs[i + 1]?.lowest ?? AFTER_ALL_VERSIONS));
  if (overlap) return undefined;
  const isOnly =
    runs.length === 1 && (!isRouted || lanes.every((lane) => lane.signing_key_id === keyOf(lane)));
  return runs.map((run) => ({ ...run, isOnly }));
}

function cutsAround({ versions, requires }: ChangedVersions = { versions: [], requires: [] }): string[] {
  const around = versions.flatMap((version) => [version, nextVersion(version)]);
  return [...around, ...requires].map(versionOrder);
}

function thresholdsOf(live: readonly OfferCandidate[]): string[] {
  return live.flatMap(({ requires }) => (requires === undefined ? [] : [versionOrder(requires)]));
}

interface OfferedRelease {
  readonly releaseId: string;
  readonly precedence: string;
}

/** The releases with the highest file of a lane, of all its versions and of those below each cut. */
async function highestOffered(
  db: Queries,
  appId: string,
  cuts: readonly string[],
): Promise<OfferedRelease[]> {
  const found = new Map<string, OfferedRelease>();
  // As the index of offered files says it.
  const isOffered = sql`a.app = ${appId} and a.status = 'complete' and a.released = 1 and a.lost_at is null`;
  for (const uppers of chunks([...new Set([AFTER_ALL_VERSIONS, ...cuts])])) {
    const { rows } = await sql<OfferedRelease>`
      with recursive lanes(lane) as (
        select (
          select a.lane from artifacts a
          where ${isOffered} order by a.lane limit 1
        )
        union all
        select (
          select a.lane from artifacts a
          where ${isOffered} and a.lane > lanes.lane order by a.lane limit 1
        ) from lanes where lanes.lane is not null
      ), uppers(upper) as (values ${valuesOf(uppers)}), picks(release_id) as (
        select (
          select a.release_id from artifacts a
          where ${isOffered} and a.lane = lanes.lane and a.version_order < uppers.upper
          order by a.version_order desc limit 1
        ) from lanes cross join uppers where lane is not null
      )
      select release_id as "releaseId",
        (select precedence from releases where releases.id = picks.release_id) as precedence
      from picks where release_id is not null
    `.execute(db);
    for (const row of rows) found.set(row.releaseId, row);
  }
  return [...found.values()];
}

/** Of each lane that was ever live, the versions next to each cut: the highest below, and the lowest from it on. */
async function knownAround(db: Queries, appId: string, cuts: readonly string[]): Promise<string[]> {
  const found = new Set<string>();
  for (const some of chunks([...new Set(cuts)])) {
    const { rows } = await sql<{ precedence: string }>`
      with recursive ${everyKnownLane(appId)}, cuts(cut) as (values ${valuesOf(some)}), picks(precedence) as (
        select (
          select b.precedence from published_bytes b
          where b.app_id = ${appId} and b.lane = lanes.lane and b.version_order < cuts.cut
          order by b.version_order desc limit 1
        ) from lanes cross join cuts where lane is not null
        union all
        select (
          select b.precedence from published_bytes b
          where b.app_id = ${appId} and b.lane = lanes.lane and b.version_order >= cuts.cut
          order by b.version_order limit 1
        ) from lanes cross join cuts where lane is not null
      )
      select precedence from picks where precedence is not null
    `.execute(db);
    for (const { precedence } of rows) found.add(precedence);
  }
  return [...found];
}

/**
 * Versions of another channel than stable count exactly where that channel is not asked. In each run that matters for
 * those below its first stable version: the others count as it does.
 */
async function knownElsewhere(db: Queries, appId: string, runs: readonly KeyRun[]): Promise<string[]> {
  const channels = new Set(runs.flatMap(({ lanes }) => lanes.map(({ channel }) => channel)));
  if (channels.size < 2) return [];
  const found: string[] = [];
  for (const { lanes, isOnly } of runs) {
    if (isOnly) continue;
    const stable = lanes.filter(({ channel }) => channel === STABLE).map(({ lowest }) => lowest);
    const end = stable.sort()[0] ?? AFTER_ALL_VERSIONS;
    const others = lanes.filter(({ channel, lowest }) => channel !== STABLE && lowest < end);
    for (const some of chunks(others)) {
      const rows = await db
        .selectFrom('published_bytes')
        .select('precedence')
        .where('app_id', '=', appId)
        .where(
          'lane',
          'in',
          some.map(({ lane }) => lane),
        )
        .where('version_order', '<', end)
        .execute();
      found.push(...rows.map(({ precedence }) => precedence));
    }
  }
  return found;
}

async function knownRows(db: Queries, appId: string, precedences: readonly string[]): Promise<KnownRow[]> {
  const rows: KnownRow[] = [];
  for (const some of chunks(precedences)) {
    rows.push(...(await selectKnown(db, appId).where('precedence', 'in', some).execute()));
  }
  return rows;
}

function selectKnown(db: Queries, appId: string) {
  return db
    .selectFrom('published_bytes')
    .select([
      'precedence',
      'channel',
      'target',
      'arch',
      'bundle_type',
      'signing_key_id',
      'embedded_pubkey',
      'default_kinds',
    ])
    .where('app_id', '=', appId);
}

/** Whether one of the releases has files for one platform that are signed with different keys. */
function hasMixedKeys(live: readonly OfferCandidate[]): boolean {
  const keys = new Map<string, string | undefined>();
  return live.some(({ releaseId, target, arch, signingKeyId }) => {
    const place = `${releaseId} ${target} ${arch}`;
    const isMixed = keys.has(place) && keys.get(place) !== signingKeyId;
    keys.set(place, signingKeyId);
    return isMixed;
  });
}

/** `(?), (?)`, as text for PostgreSQL, which does not know the type. */
function valuesOf(texts: readonly string[]) {
  return sql.join(texts.map((text) => sql`(cast(${text} as text))`));
}
