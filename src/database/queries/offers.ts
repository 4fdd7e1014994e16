import { platformOf } from '../../protocol/platform.ts';
import type { RoutedFile } from '../../protocol/routing/route-platforms.ts';
import type { Queries } from '../schema.ts';
import { chunks } from './chunks.ts';

/** The complete artifact of a published release for one platform: an update check may offer it. */
export interface OfferCandidate extends RoutedFile {
  readonly artifactId: string;
  readonly releaseId: string;
}

export interface OfferDetails {
  readonly signature: string | null;
  readonly notes: string | null;
  /** Milliseconds since 1970. */
  readonly pubDate: number;
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
export async function offerCandidates(db: Queries, appId: string): Promise<OfferCandidate[]> {
  const rows = await offeredArtifacts(db)
    .select([
      'artifacts.id as artifact_id',
      'releases.id',
      'version',
      'channel',
      'target',
      'arch',
      'bundle_type',
      'artifacts.signing_key_id',
      'requires',
    ])
    .where('app_id', '=', appId)
    .execute();
  return rows.map(({ artifact_id, id, version, channel, signing_key_id, requires, ...platform }) => ({
    artifactId: artifact_id,
    releaseId: id,
    version,
    channel,
    signingKeyId: signing_key_id ?? undefined,
    requires: requires ?? undefined,
    ...platformOf(platform),
  }));
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
        'pub_date',
      ])
      .where('release_id', 'in', ids)
      .execute();
    for (const { id, signature, release_signature, notes, pub_date } of rows) {
      details.set(id, { signature: signature ?? release_signature, notes, pubDate: pub_date });
    }
  }
  return details;
}

function offeredArtifacts(db: Queries) {
  return db
    .selectFrom('artifacts')
    .innerJoin('releases', 'releases.id', 'artifacts.release_id')
    .where('artifacts.status', '=', 'complete')
    .where('releases.status', '=', 'published');
}
