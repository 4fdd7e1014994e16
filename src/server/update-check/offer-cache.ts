import type { Database } from '../../database/database.ts';
import { findOfferingApp } from '../../database/queries/offers.ts';
import { withQueryTimeout } from '../../database/query-timeout.ts';
import { STABLE } from '../../protocol/channel.ts';
import { type Platform, platformName } from '../../protocol/platform.ts';
import type { Clock } from '../../protocol/time.ts';
import { compareVersions } from '../../protocol/version.ts';
import { type Offer, type OffersByChannel, resolveOffers } from './resolve-offers.ts';

/** How long a check waits for the database when there is something else to answer with, in milliseconds. */
const PATIENCE_MS = 1000;
/** How long after a failure the database is not asked again while there is, in milliseconds. */
const RETRY_AFTER_MS = 1000;

/** What an installed app tells of itself. */
export interface Asked {
  readonly platform: Platform;
  readonly currentVersion: string;
  readonly channel: string;
}

export interface OffersOptions {
  readonly database: Database;
  readonly publicUrl: () => string;
  readonly clock: Clock;
  /** Seconds for which what was last known to be current stands in for a database that does not answer. */
  readonly staleIfError: number;
  /** Called when that begins. */
  readonly onStale: (cause: unknown) => void;
}

interface AppOffers {
  readonly revision: number;
  readonly offers: OffersByChannel;
}

/** A time in which nothing changed in the database, as far as its change counter tells. */
interface CacheEpoch {
  readonly counter: number;
  /** When it was last seen to go on, in milliseconds since 1970. */
  lastSeen: number;
}

interface LookUp {
  readonly epoch: CacheEpoch;
  readonly since: number;
  readonly result: Promise<AppOffers | undefined>;
}

/** What is in memory of a slug. */
interface Entry {
  /** What was found last: current for as long as its epoch goes on. */
  known?: { readonly offers: AppOffers; readonly epoch: CacheEpoch };
  underWay?: LookUp | undefined;
  /** The look-up after the one under way. */
  next?: Promise<AppOffers | undefined> | undefined;
  /** When the last look-up failed; undefined when it did not. */
  failedAt?: number | undefined;
}

/**
 * The hot path: what a check answers, from memory. An app's offers are resolved and serialised when its revision
 * changes; the database is asked only when it changed at all since the last look (design 6).
 */
export class Offers {
  readonly #options: OffersOptions;
  readonly #bySlug = new Map<string, Entry>();
  #epoch: CacheEpoch | undefined;
  /** When checks began to come without a break, in milliseconds since 1970. */
  #watchingSince = 0;
  #isStale = false;

  constructor(options: OffersOptions) {
    this.#options = options;
  }

  /**
   * api.md, "Update Check Endpoint": the highest release that has a complete artifact for the platform, if its
   * version is strictly greater than `currentVersion`.
   * @throws when the database cannot tell, nor what it told a short time ago; "no update" is never made up
   */
  async find(
    slug: string,
    { platform, currentVersion, channel }: Asked,
  ): Promise<Offer | 'no_update' | 'unknown_slug'> {
    const app = await this.#offersOf(slug);
    if (app === undefined) return 'unknown_slug';
    // A channel without releases of its own gets what everyone gets.
    const offers = app.offers.get(channel) ?? app.offers.get(STABLE);
    const offer = offers?.get(platformName(platform));
    return offer && compareVersions(offer.version, currentVersion) > 0 ? offer : 'no_update';
  }

  async #offersOf(slug: string): Promise<AppOffers | undefined> {
    const entry = this.#bySlug.get(slug);
    const known = entry?.known;
    try {
      const epoch = this.#seeEpoch();
      if (known?.epoch === epoch) return known.offers;
      if (known === undefined || !this.#withinStaleWindow(known)) return await this.#lookUp(slug, epoch);
      return this.#isUnavailable(entry)
        ? known.offers
        : await withQueryTimeout(this.#lookUp(slug, epoch), PATIENCE_MS);
    } catch (error) {
      if (known === undefined || !this.#withinStaleWindow(known)) throw error;
      if (!this.#isStale) this.#options.onStale(error);
      this.#isStale = true;
      return known.offers;
    }
  }

  /** Asks the database, once for all who ask at the same time and have seen the same changes. */
  #lookUp(slug: string, epoch: CacheEpoch): Promise<AppOffers | undefined> {
    const entry = this.#bySlug.get(slug) ?? {};
    this.#bySlug.set(slug, entry);
    if (entry.underWay === undefined) return this.#begin(slug, entry, epoch);
    if (entry.underWay.epoch === epoch) return entry.underWay.result;
    // It may have begun before the change: one more, for all who come until it begins.
    const again = () => {
      entry.next = undefined;
      return this.#lookUp(slug, this.#seeEpoch());
    };
    entry.next ??= entry.underWay.result.then(again, again); // a failure may be of before it, too
    return entry.next;
  }

  #begin(slug: string, entry: Entry, epoch: CacheEpoch): Promise<AppOffers | undefined> {
    const since = this.#now();
    const result = this.#resolve(slug, entry.known?.offers).then(
      (offers) => {
        entry.underWay = undefined;
        entry.failedAt = undefined;
        this.#isStale = false;
        if (offers === undefined)
          this.#bySlug.delete(slug); // unknown slugs are without number
        else entry.known = { offers, epoch };
        return offers;
      },
      (error) => {
        entry.underWay = undefined;
        if (since >= this.#watchingSince) entry.failedAt = this.#now();
        if (entry.known === undefined) this.#bySlug.delete(slug);
        throw error;
      },
    );
    entry.underWay = { epoch, since, result };
    return result;
  }

  async #resolve(slug: string, previous: AppOffers | undefined): Promise<AppOffers | undefined> {
    const { database, publicUrl } = this.#options;
    const app = await findOfferingApp(database.queries, slug);
    if (app === undefined || app.revision === previous?.revision) return app && previous;
    return {
      revision: app.revision,
      offers: await resolveOffers(database.queries, app.appId, app.slug, publicUrl()),
    };
  }

  /** The epoch that goes on. Seen before any query, so that a change after it begins another. */
  #seeEpoch(): CacheEpoch {
    const counter = this.#options.database.changeCounter();
    const now = this.#now();
    // Perhaps this process stood still: what it waited for, or how that ended, says nothing of the database now.
    if (now - (this.#epoch?.lastSeen ?? 0) > PATIENCE_MS) this.#watchingSince = now;
    const epoch = this.#epoch?.counter === counter ? this.#epoch : { counter, lastSeen: 0 };
    epoch.lastSeen = now;
    this.#epoch = epoch;
    return epoch;
  }

  /** Whether there is no use in waiting for the database just now. */
  #isUnavailable({ underWay, failedAt = 0 }: Entry = {}): boolean {
    const now = this.#now();
    const waitingSince = Math.max(underWay?.since ?? now, this.#watchingSince);
    return now - failedAt < RETRY_AFTER_MS || now - waitingSince > PATIENCE_MS;
  }

  /** Whether it was current a short enough time ago. */
  #withinStaleWindow({ epoch }: NonNullable<Entry['known']>): boolean {
    return this.#now() - epoch.lastSeen < this.#options.staleIfError * 1000;
  }

  #now(): number {
    return this.#options.clock().getTime();
  }
}
