import {
  findOfferingApp,
  type OfferCandidate,
  type OfferDetails,
  offerCandidates,
  offerDetails,
} from '../database/offers.ts';
import type { Database } from '../database/open.ts';
import type { Queries } from '../database/schema.ts';
import { STABLE } from '../protocol/channel.ts';
import type { UpdateAnswer } from '../protocol/messages.ts';
import { compareByPreference, type Platform, platformName, withoutBundleType } from '../protocol/platform.ts';
import { downloadPath } from '../protocol/routes.ts';
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

/** By channel, then by platform name. */
type OffersByChannel = AppOffers['offers'];

async function resolveOffers(
  db: Queries,
  appId: string,
  slug: string,
  publicUrl: string,
): Promise<OffersByChannel> {
  const candidates = await offerCandidates(db, appId);
  const serialised = new Map<string, Offer>();
  const byChannel = new Map<string, ReadonlyMap<string, Offer>>();
  for (const channel of new Set([STABLE, ...candidates.map((candidate) => candidate.channel)])) {
    const offers = new Map<string, Offer>();
    const reachable = candidates.filter((candidate) => [STABLE, channel].includes(candidate.channel));
    for (const [name, chosen] of highestByName(reachable)) {
      const key = chosen.map((candidate) => candidate.releaseId + platformName(candidate)).join(' ');
      const offer = serialised.get(key) ?? (await serialise(db, chosen, slug, publicUrl));
      if (offer === undefined) return resolveOffers(db, appId, slug, publicUrl); // deleted in between
      serialised.set(key, offer);
      offers.set(name, offer);
    }
    byChannel.set(channel, offers);
  }
  return byChannel;
}

/** The artifacts of one release for one platform: at the first place what suits most apps. */
type Chosen = readonly [OfferCandidate, ...OfferCandidate[]];

/**
 * The highest release's artifacts, for each name an app may ask by: a kind of bundle has only its own, a platform
 * without one has all kinds.
 */
function highestByName(candidates: readonly OfferCandidate[]): ReadonlyMap<string, Chosen> {
  const highest = new Map<string, Chosen>();
  for (const candidate of candidates.toSorted(compareByPreference)) {
    for (const name of new Set([platformName(candidate), platformName(withoutBundleType(candidate))])) {
      const best = highest.get(name);
      const order = best === undefined ? 1 : compareVersions(candidate.version, best[0].version);
      if (order > 0) highest.set(name, [candidate]);
      else if (order === 0 && best) highest.set(name, [...best, candidate]);
    }
  }
  return highest;
}

async function serialise(
  db: Queries,
  [first, ...others]: Chosen,
  slug: string,
  publicUrl: string,
): Promise<Offer | undefined> {
  const { releaseId, version } = first;
  const platforms = new Map<string, { url: string; signature: string }>();
  let release: Pick<OfferDetails, 'notes' | 'pubDate'> | undefined;
  for (const candidate of [first, ...others]) {
    const details = await offerDetails(db, candidate);
    if (details === undefined) return undefined;
    release ??= details;
    const url = publicUrl + downloadPath(slug, releaseId, candidate);
    platforms.set(platformName(candidate), { url, signature: details.signature ?? '' });
  }
  const [main] = platforms.values();
  if (release === undefined || main === undefined) return undefined;
  const answer: UpdateAnswer = {
    version,
    ...main,
    notes: release.notes,
    pub_date: formatTimestamp(release.pubDate),
    // Tauri's updater looks its kind of bundle up here and, where it has none or is too old to, the platform.
    ...(others.length > 0 && {
      platforms: Object.fromEntries([...platforms, [platformName(withoutBundleType(first)), main]]),
    }),
  };
  return { version, body: JSON.stringify(answer) };
}
