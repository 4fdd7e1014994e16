import { findOfferingApp, type OfferCandidate, offerCandidates, offerDetails } from '../database/offers.ts';
import type { Database } from '../database/open.ts';
import type { Queries } from '../database/schema.ts';
import { STABLE } from '../protocol/channel.ts';
import type { UpdateAnswer } from '../protocol/messages.ts';
import { type Platform, platformName } from '../protocol/platform.ts';
import { pathOf } from '../protocol/routes.ts';
import { formatTimestamp } from '../protocol/time.ts';
import { compareVersions } from '../protocol/version.ts';

/** The newest update of one platform, ready to be sent. */
export interface Offer {
  readonly version: string;
  /** The answer's JSON: api.md, "Update Available (200)". */
  readonly body: string;
}

/** What an installed app tells of itself. */
export interface Asked {
  readonly platform: Platform;
  readonly currentVersion: string;
  readonly channel: string;
}

interface AppOffers {
  readonly revision: number;
  /** By channel, then by platform name. Each channel offers the higher of what is its own and of stable. */
  readonly offers: ReadonlyMap<string, ReadonlyMap<string, Offer>>;
}

interface CacheEntry {
  /** The database's change counter up to which `offers` are known to be current. */
  readonly counter: number;
  /** Under way or done; undefined for a slug that no app has. */
  readonly offers: Promise<AppOffers | undefined>;
}

/**
 * The hot path: what a check answers, from memory. An app's offers are resolved and serialised when its revision
 * changes; the database is asked only when it changed at all since the last look (design 6).
 */
export class Offers {
  readonly #database: Database;
  readonly #publicUrl: () => string;
  readonly #bySlug = new Map<string, CacheEntry>();

  constructor(database: Database, publicUrl: () => string) {
    this.#database = database;
    this.#publicUrl = publicUrl;
  }

  /**
   * api.md, "Update Check Endpoint": the highest release that has a complete artifact for the platform, if its
   * version is strictly greater than `currentVersion`.
   * @throws when the database cannot tell; a false "no update" is never made up
   */
  async find(
    slug: string,
    { platform, currentVersion, channel }: Asked,
  ): Promise<Offer | 'no_update' | 'unknown_slug'> {
    const entry = await this.#current(slug);
    if (entry === undefined) return 'unknown_slug';
    // A channel without releases of its own gets what everyone gets.
    const offers = entry.offers.get(channel) ?? entry.offers.get(STABLE);
    const offer = offers?.get(platformName(platform));
    return offer && compareVersions(offer.version, currentVersion) > 0 ? offer : 'no_update';
  }

  async #current(slug: string): Promise<AppOffers | undefined> {
    // Read before the queries: a change in between is then seen by the next check.
    const counter = this.#database.changeCounter();
    const cached = this.#bySlug.get(slug);
    if (cached?.counter === counter) return cached.offers; // also joins a look-up that is under way
    const offers = this.#refresh(slug, cached?.offers);
    this.#bySlug.set(slug, { counter, offers });
    // Only what answers stays: a failure is asked again, and unknown slugs are without number.
    const known = await offers.catch(() => undefined);
    if (known === undefined && this.#bySlug.get(slug)?.offers === offers) this.#bySlug.delete(slug);
    return offers;
  }

  async #refresh(slug: string, cached: CacheEntry['offers'] | undefined): Promise<AppOffers | undefined> {
    const previous = await cached?.catch(() => undefined);
    const app = await findOfferingApp(this.#database.queries, slug);
    if (app === undefined || app.revision === previous?.revision) return app && previous;
    const offers = await resolveOffers(this.#database.queries, app.appId, app.slug, this.#publicUrl());
    return { revision: app.revision, offers };
  }
}

async function resolveOffers(
  db: Queries,
  appId: string,
  slug: string,
  publicUrl: string,
): Promise<AppOffers['offers']> {
  const candidates = await offerCandidates(db, appId);
  const serialised = new Map<OfferCandidate, Offer>();
  const byChannel = new Map<string, ReadonlyMap<string, Offer>>();
  for (const channel of new Set([STABLE, ...candidates.map((candidate) => candidate.channel)])) {
    const offers = new Map<string, Offer>();
    const reachable = candidates.filter((candidate) => [STABLE, channel].includes(candidate.channel));
    for (const [platform, candidate] of highestByPlatform(reachable)) {
      const offer = serialised.get(candidate) ?? (await serialise(db, candidate, slug, publicUrl));
      if (offer === undefined) return resolveOffers(db, appId, slug, publicUrl); // deleted in between
      serialised.set(candidate, offer);
      offers.set(platform, offer);
    }
    byChannel.set(channel, offers);
  }
  return byChannel;
}

function highestByPlatform(candidates: readonly OfferCandidate[]): ReadonlyMap<string, OfferCandidate> {
  const highest = new Map<string, OfferCandidate>();
  for (const candidate of candidates) {
    const best = highest.get(platformName(candidate));
    if (best === undefined || compareVersions(candidate.version, best.version) > 0) {
      highest.set(platformName(candidate), candidate);
    }
  }
  return highest;
}

async function serialise(
  db: Queries,
  candidate: OfferCandidate,
  slug: string,
  publicUrl: string,
): Promise<Offer | undefined> {
  const details = await offerDetails(db, candidate);
  if (details === undefined) return undefined;
  const { releaseId, version, target, arch } = candidate;
  const answer: UpdateAnswer = {
    version,
    url: publicUrl + pathOf('download', { slug, release_id: releaseId, target, arch }),
    signature: details.signature ?? '',
    notes: details.notes,
    pub_date: formatTimestamp(details.pubDate),
  };
  return { version, body: JSON.stringify(answer) };
}
