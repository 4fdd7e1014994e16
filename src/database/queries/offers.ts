import { type Platform, platformOf } from '../../protocol/platform.ts';
import type { Queries } from '../schema.ts';
import { platformColumns } from './platform-columns.ts';

/** One platform's complete artifact in one published release: what a check may offer. */
export interface OfferCandidate extends Platform {
  readonly releaseId: string;
  readonly version: string;
  readonly channel: string;
}

/** What a check answers besides the URL. */
export interface OfferDetails {
  readonly signature: string | null;
  readonly notes: string | null;
  /** Milliseconds since 1970. */
  readonly pubDate: number;
}

/** The app that answers under a slug: its current slug and the revision of its offers. */
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

export async function offerCandidates(db: Queries, appId: string): Promise<OfferCandidate[]> {
  const rows = await db
    .selectFrom('artifacts')
    .innerJoin('releases', 'releases.id', 'artifacts.release_id')
    .select(['releases.id', 'version', 'channel', 'target', 'arch', 'bundle_type'])
    .where('app_id', '=', appId)
    .where('artifacts.status', '=', 'complete')
    .where('releases.status', '=', 'published')
    .execute();
  return rows.map(({ id, version, channel, ...platform }) => ({
    releaseId: id,
    version,
    channel,
    ...platformOf(platform),
  }));
}

export async function offerDetails(
  db: Queries,
  candidate: Platform & Pick<OfferCandidate, 'releaseId'>,
): Promise<OfferDetails | undefined> {
  const row = await db
    .selectFrom('artifacts')
    .innerJoin('releases', 'releases.id', 'artifacts.release_id')
    .select(['artifacts.signature', 'releases.signature as release_signature', 'notes', 'pub_date'])
    .where('release_id', '=', candidate.releaseId)
    .where((eb) => eb.and(platformColumns(candidate)))
    .where('artifacts.status', '=', 'complete')
    .where('releases.status', '=', 'published')
    .executeTakeFirst();
  return (
    row && { signature: row.signature ?? row.release_signature, notes: row.notes, pubDate: row.pub_date }
  );
}
