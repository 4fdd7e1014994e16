import { sql } from 'kysely';
import { platformOf } from '../../protocol/platform.ts';
import type { MinimumSystem } from '../../protocol/policy/minimum-system.ts';
import type { RoutedFile } from '../../protocol/routing/route-platforms.ts';
import type { Queries } from '../schema.ts';
import { chunks } from './chunks.ts';
import { parseKinds } from './default-kinds.ts';

/** The complete artifact of a published release for one platform, not lost: an update check may offer it. */
export interface OfferCandidate extends RoutedFile {
  readonly artifactId: string;
  readonly releaseId: string;
}

export interface OfferDetails {
  readonly signature: string | null;
  readonly notes: string | null;
  /** Extension `policy`. */
  readonly minimumSystem: MinimumSystem | null;
  /** Milliseconds since 1970. */
  readonly pubDate: number;
  readonly storageKey: string;
  /** Bytes. */
  readonly fileSize: number;
}

/** The revision of an app's offers; undefined when the app is gone. */
export async function offersRevision(db: Queries, appId: string): Promise<number | undefined> {
  const row = await db.selectFrom('apps').select('revision').where('id', '=', appId).executeTakeFirst();
  return row?.revision;
}

/** The app that has or had a slug: its current slug and the revision of its offers. */
export async function findOfferingApp(
  db: Queries,
  slug: string,
): Promise<{ appId: string; slug: string; revision: number } | undefined> {
  const row = await db
    .selectFrom('slugs')
    .innerJoin('apps', 'apps.id', 'slugs.app_id')
    .select(['apps.id', 'apps.slug', 'revision'])
    .where('slugs.slug', '=', slug)
    .executeTakeFirst();
  return row && { appId: row.id, slug: row.slug ?? slug, revision: row.revision };
}

/** All that an app may offer, without the notes and signatures, of which most are never needed. */
export async function allOffered(db: Queries, appId: string): Promise<OfferCandidate[]> {
  const rows = await candidates(db)
    .where('artifacts.app', '=', appId)
    .where('artifacts.lost_at', 'is', null) // as the index of offered files says it
    .execute();
  return rows.map(toCandidate);
}

/** All files of releases, as far as they are offered. */
export async function offeredOf(
  db: Queries,
  releases: readonly Pick<OfferCandidate, 'releaseId'>[],
): Promise<OfferCandidate[]> {
  const found: OfferCandidate[] = [];
  for (const some of chunks(releases)) {
    const ids = some.map(({ releaseId }) => releaseId);
    const rows = await candidates(db).where('release_id', 'in', ids).where(IS_THERE).execute();
    found.push(...rows.map(toCandidate));
  }
  return found;
}

function candidates(db: Queries) {
  return offeredArtifacts(db).select([
    'artifacts.id as artifact_id',
    'releases.id',
    'version',
    'channel',
    'target',
    'arch',
    'bundle_type',
    'artifacts.signing_key_id',
    'requires',
    'artifacts.default_kinds',
  ]);
}

type CandidateRow = Awaited<ReturnType<ReturnType<typeof candidates>['execute']>>[number];

function toCandidate({
  artifact_id,
  id,
  version,
  channel,
  signing_key_id,
  requires,
  default_kinds,
  ...platform
}: CandidateRow): OfferCandidate {
  return {
    artifactId: artifact_id,
    releaseId: id,
    version,
    channel,
    signingKeyId: signing_key_id ?? undefined,
    requires: requires ?? undefined,
    defaultKinds: parseKinds(default_kinds),
    ...platformOf(platform),
  };
}

/** The details of candidates, by artifact id. Those that are no longer offered are left out. */
export async function offerDetails(
  db: Queries,
  candidates: readonly Pick<OfferCandidate, 'releaseId'>[],
): Promise<Map<string, OfferDetails>> {
  const details = new Map<string, OfferDetails>();
  // By release, so that a release that is withdrawn between two statements is in the result as a whole or not at all.
  for (const ids of chunks([...new Set(candidates.map(({ releaseId }) => releaseId))])) {
    const rows = await offeredArtifacts(db)
      .select([
        'artifacts.id',
        'artifacts.signature',
        'releases.signature as release_signature',
        'notes',
        'minimum_system',
        'pub_date',
        'storage_key',
        'file_size',
      ])
      .where('release_id', 'in', ids)
      .where(IS_THERE)
      .execute();
    for (const { id, signature, release_signature, notes, ...row } of rows) {
      const { pub_date: pubDate, file_size: fileSize } = row;
      const storageKey = row.storage_key ?? ''; // a complete artifact has one
      const minimumSystem = row.minimum_system === null ? null : JSON.parse(row.minimum_system);
      details.set(id, {
        ...{ signature: signature ?? release_signature, notes, minimumSystem },
        ...{ pubDate, storageKey, fileSize },
      });
    }
  }
  return details;
}

/**
 * `lost_at is null`, in words that keep PostgreSQL from the index of all offered files: without statistics, as after a
 * restore, it expects one row in there, and reads them all to find those of one release.
 */
const IS_THERE = sql<boolean>`coalesce(artifacts.lost_at, 0) = 0`;

/** The files of published releases, also those that are lost. */
function offeredArtifacts(db: Queries) {
  return (
    db
      .selectFrom('artifacts')
      .innerJoin('releases', 'releases.id', 'artifacts.release_id')
      // As the indexes say it: SQLite does not use them for parameters.
      .where('artifacts.status', '=', sql.lit('complete'))
      .where('artifacts.released', '=', sql.lit(1))
  );
}
