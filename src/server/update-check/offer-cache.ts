import type { Database } from '../../database/database.ts';
import { findOfferingApp } from '../../database/queries/offers.ts';
import { appTag } from '../../protocol/app-tag.ts';
import { STABLE } from '../../protocol/channel.ts';
import { FOR_EVER } from '../../protocol/rollout/rollout.ts';
import { sortedVersions } from '../../protocol/routing/update-steps.ts';
import type { Clock } from '../../protocol/time.ts';
import type { OfferedApp } from '../maintenance/offered-files.ts';
import { answerTo, type InstalledApp } from './app-answers.ts';
import { type Offer, type OfferSteps, type ResolvedOffers, resolveOffers } from './resolve-offers.ts';
import { ANYONE, EVERYONE, type Validity } from './rollouts.ts';
import type { FindLost } from './route-offers.ts';
import { StaleIfErrorCache, type StaleIfErrorCacheOptions } from './stale-if-error-cache.ts';

/** Memory for the offers of some ten thousand apps. */
export const DEFAULT_CHECK_CACHE_BYTES = 64 * 1024 * 1024;

/** What an app is answered, and how long that holds where some releases are not offered to everyone. */
export interface FoundOffer {
  readonly offer: Offer | 'no_update' | 'unknown_slug';
  readonly validity: Validity | undefined;
}

export interface OfferCacheOptions
  extends Pick<StaleIfErrorCacheOptions<AppOffers>, 'clock' | 'staleIfError' | 'onStale'> {
  readonly database: Database;
  readonly publicUrl: () => string;
  /** How much memory the offers of all apps may take, in bytes. */
  readonly maxBytes?: number | undefined;
  readonly findLost?: FindLost | undefined;
  /** Called for each use of an app's offers, which may be very often. */
  readonly onAsked?: ((app: OfferedApp) => void) | undefined;
}

/** Where the offers of a channel differ. */
export interface OfferOutline {
  /** Of the platforms that are offered something. */
  readonly names: readonly string[];
  /** From which versions on some platform's offer is another one, the lowest first. */
  readonly boundaries: readonly string[];
  /** Extension `rollout`: when they are others without a change, in milliseconds since 1970. */
  readonly expiresAt: number;
  /** That have releases of their own. */
  readonly channels: readonly string[];
  /** Stands for the offers of the app: the same for as long as they are. */
  readonly state: object;
}

interface AppOffers extends ResolvedOffers {
  readonly appId: string;
  /** The app's revision that they were resolved from. */
  readonly revision: number;
  /** Extension `app-tag`. */
  readonly tag: string;
  /** Stands for all this where nothing of it is to be kept in memory. */
  readonly state: object;
}

/** What an app takes in memory besides its responses, and each step and file of its offers, in bytes. */
const APP_OVERHEAD = 2000;
const STEP_OVERHEAD = 200;
const FILE_OVERHEAD = 150;

/**
 * The hot path: answers update checks from memory. An app's offers are resolved and serialised when its revision
 * changes; the database is queried only after a change that may be of this app.
 */
export class OfferCache {
  readonly #database: Database;
  readonly #publicUrl: () => string;
  readonly #findLost: FindLost | undefined;
  readonly #onAsked: (app: OfferedApp) => void;
  readonly #clock: Clock;
  /** By slug. */
  readonly #apps: StaleIfErrorCache<AppOffers>;

  constructor({
    database,
    publicUrl,
    findLost,
    onAsked = () => {},
    maxBytes = DEFAULT_CHECK_CACHE_BYTES,
    ...options
  }: OfferCacheOptions) {
    this.#database = database;
    this.#publicUrl = publicUrl;
    this.#findLost = findLost;
    this.#onAsked = onAsked;
    this.#clock = options.clock;
    this.#apps = new StaleIfErrorCache({
      changeCounter: (app) => database.changeCounter(app?.appId),
      doubtCounter: () => database.doubtCounter(),
      load: (slug, previous) => this.#load(slug, previous),
      expiresAt: ({ rollouts }) => rollouts?.nextStep ?? FOR_EVER,
      sizeOf,
      maxBytes,
      ...options,
    });
  }

  /**
   * As `answerTo`.
   * @throws when the database fails and no recent offers are known: "no update" is never inferred from a failure
   */
  async find(slug: string, installed: InstalledApp): Promise<FoundOffer> {
    const app = await this.#current(slug);
    if (app === undefined) return { offer: 'unknown_slug', validity: undefined };
    this.#onAsked(app);
    const { rollouts } = app;
    const now = rollouts === undefined ? 0 : this.#now();
    const offer = answerTo(app, installed, now).release ?? 'no_update';
    return { offer, validity: rollouts?.validityFor(installed.asker ?? ANYONE, now) };
  }

  /** What was being loaded when a rollout went on may be from before that. */
  async #current(slug: string): Promise<AppOffers | undefined> {
    const app = await this.#apps.get(slug);
    const isExpired = app?.rollouts !== undefined && app.rollouts.nextStep <= this.#now();
    return isExpired ? this.#apps.get(slug) : app;
  }

  #now(): number {
    return this.#clock().getTime();
  }

  /** Stands for the app's offers if they are in memory and current: the same for as long as nothing changes. */
  peek(slug: string): object | undefined {
    const app = this.#apps.peek(slug);
    if (app !== undefined) this.#onAsked(app);
    return app?.state;
  }

  /** Extension `app-tag`: the tag of the app that `find` found; undefined for an unknown slug. */
  tagOf(slug: string): string | undefined {
    return this.#apps.stored(slug)?.tag;
  }

  /** The id of the app that `find` found; undefined for an unknown slug. */
  appIdOf(slug: string): string | undefined {
    return this.#apps.stored(slug)?.appId;
  }

  /** What the offers of a channel depend on; undefined for an unknown slug. @throws as `find` */
  async outlineOf(slug: string, channel: string, asker = EVERYONE): Promise<OfferOutline | undefined> {
    const app = await this.#current(slug);
    if (app === undefined) return undefined;
    this.#onAsked(app);
    const { rollouts, state } = app;
    const offers = rollouts?.offersFor(asker, this.#now()) ?? app.offers;
    const routed = offers.get(channel) ?? offers.get(STABLE) ?? new Map<string, OfferSteps>();
    const expiresAt = rollouts?.nextStep ?? FOR_EVER;
    const steps = [...routed.values()].flat();
    const boundaries = sortedVersions(steps.flatMap(({ from }) => from ?? []));
    return { names: [...routed.keys()], boundaries, expiresAt, channels: [...offers.keys()], state };
  }

  async #load(slug: string, previous: AppOffers | undefined): Promise<AppOffers | undefined> {
    const { queries } = this.#database;
    const app = await findOfferingApp(queries, slug);
    if (app === undefined) return undefined;
    const { appId, revision } = app;
    const now = this.#now();
    const isSame = appId === previous?.appId && revision === previous.revision;
    if (isSame && (previous.rollouts === undefined || now < previous.rollouts.nextStep)) return previous;
    const offering = { ...app, publicUrl: this.#publicUrl(), now };
    const resolved = await resolveOffers(queries, offering, this.#findLost);
    return { appId, revision, ...resolved, tag: appTag(appId), state: {} };
  }
}

function sizeOf({ offers, rollouts, files }: AppOffers): number {
  const all = [offers, ...(rollouts?.offers ?? [])];
  const steps = all.flatMap((one) =>
    [...one.values()].flatMap((platforms) => [...platforms.values()].flat()),
  );
  const responses = new Set(steps.map(({ release }) => release?.body ?? ''));
  const bytes = [...responses].reduce((sum, body) => sum + Buffer.byteLength(body), 0);
  return bytes + APP_OVERHEAD + STEP_OVERHEAD * steps.length + FILE_OVERHEAD * files.length;
}
