import type { Database } from '../../database/database.ts';
import { findOfferingApp } from '../../database/queries/offers.ts';
import { appTag } from '../../protocol/app-tag.ts';
import { type Platform, platformName } from '../../protocol/platform.ts';
import { stepsIn } from '../../protocol/routing/route-platforms.ts';
import { type Offer, type OffersByChannel, offerFor, resolveOffers } from './resolve-offers.ts';
import { StaleIfErrorCache, type StaleIfErrorCacheOptions } from './stale-if-error-cache.ts';

/** What an installed app says about itself. */
export interface InstalledApp {
  readonly platform: Platform;
  readonly currentVersion: string;
  readonly channel: string;
}

export interface OfferCacheOptions
  extends Pick<StaleIfErrorCacheOptions<AppOffers>, 'clock' | 'staleIfError' | 'onStale'> {
  readonly database: Database;
  readonly publicUrl: () => string;
}

interface AppOffers {
  /** The app's revision that they were resolved from. */
  readonly revision: number;
  readonly offers: OffersByChannel;
}

/**
 * The hot path: answers update checks from memory. An app's offers are resolved and serialised when its revision
 * changes; the database is queried only when its change counter has moved.
 */
export class OfferCache {
  readonly #database: Database;
  readonly #publicUrl: () => string;
  /** By slug. */
  readonly #apps: StaleIfErrorCache<AppOffers>;
  /** By slug. A slug is never given to another app, so these never change. */
  readonly #tags = new Map<string, string>();

  constructor({ database, publicUrl, ...options }: OfferCacheOptions) {
    this.#database = database;
    this.#publicUrl = publicUrl;
    this.#apps = new StaleIfErrorCache({
      changeCounter: () => database.changeCounter(),
      load: (slug, previous) => this.#load(slug, previous),
      ...options,
    });
  }

  /**
   * api.md, "Update Check Endpoint": the highest release that has a complete artifact for the platform, if its
   * version is strictly greater than `currentVersion`; with the extension `key-routing` the highest one that this
   * version can take and that leads on.
   * @throws when the database fails and no recent offers are known: "no update" is never inferred from a failure
   */
  async find(
    slug: string,
    { platform, currentVersion, channel }: InstalledApp,
  ): Promise<Offer | 'no_update' | 'unknown_slug'> {
    const app = await this.#apps.get(slug);
    if (app === undefined) return 'unknown_slug';
    const steps = stepsIn(app.offers, { channel, name: platformName(platform) });
    return (steps && offerFor(steps, currentVersion)) ?? 'no_update';
  }

  /** Extension `app-tag`: the tag of the app that `find` found; undefined for an unknown slug. */
  tagOf(slug: string): string | undefined {
    return this.#tags.get(slug);
  }

  async #load(slug: string, previous: AppOffers | undefined): Promise<AppOffers | undefined> {
    const { queries } = this.#database;
    const app = await findOfferingApp(queries, slug);
    if (app === undefined || app.revision === previous?.revision) return app && previous;
    this.#tags.set(slug, appTag(app.appId));
    const offers = await resolveOffers(queries, { ...app, publicUrl: this.#publicUrl() });
    return { revision: app.revision, offers };
  }
}
