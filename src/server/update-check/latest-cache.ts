import type { Database } from '../../database/database.ts';
import { findOfferingApp, type OfferCandidate, offerDetails } from '../../database/queries/offers.ts';
import { type Platform, platformName } from '../../protocol/platform.ts';
import { stepsIn } from '../../protocol/routing/route-platforms.ts';
import type { OfferedApp } from '../maintenance/offered-files.ts';
import { readLatestFiles } from './latest-files.ts';
import { StaleIfErrorCache, type StaleIfErrorCacheOptions } from './stale-if-error-cache.ts';

/** The file to install where nothing is installed yet. */
export type LatestFile = Pick<OfferCandidate, 'releaseId' | 'target' | 'arch' | 'bundleType'>;

export interface FoundLatest {
  readonly slug: string;
  readonly file: LatestFile;
  /** When it may be another one without a change, in milliseconds since 1970. */
  readonly expiresAt: number;
}

export interface LatestCacheOptions
  extends Pick<StaleIfErrorCacheOptions<AppFiles>, 'clock' | 'staleIfError' | 'onStale'> {
  readonly database: Database;
  /** Called for each use of an app's files. */
  readonly onAsked?: ((app: OfferedApp) => void) | undefined;
}

/** Memory for the files of all apps, and what one takes. */
const MAX_BYTES = 16 * 1024 * 1024;
const FILE_BYTES = 500;

interface AppFiles extends OfferedApp {
  readonly appId: string;
  /** The app's revision that they were read at. */
  readonly revision: number;
  readonly slug: string;
  /** Extension `rollout`: when it is other files, in milliseconds since 1970. */
  readonly expiresAt: number;
  /** By channel, then by platform name. */
  readonly latest: ReadonlyMap<string, ReadonlyMap<string, LatestFile>>;
}

/** Extension `latest`: the files of the highest releases of apps, kept like the offers, for apps that are asked for. */
export class LatestCache {
  readonly #apps: StaleIfErrorCache<AppFiles>;
  readonly #onAsked: (app: OfferedApp) => void;

  constructor({ database, onAsked = () => {}, ...options }: LatestCacheOptions) {
    this.#onAsked = onAsked;
    this.#apps = new StaleIfErrorCache({
      changeCounter: (app) => database.changeCounter(app?.appId),
      doubtCounter: () => database.doubtCounter(),
      sizeOf: ({ latest }) => FILE_BYTES * [...latest.values()].reduce((sum, { size }) => sum + size, 1),
      maxBytes: MAX_BYTES,
      load: (slug, previous) => load(database, slug, { previous, now: options.clock().getTime() }),
      expiresAt: (app) => app.expiresAt,
      ...options,
    });
  }

  /** @returns undefined where there is none. @throws when the database fails and nothing recent is known */
  async find(
    slug: string,
    { platform, channel }: { readonly platform: Platform; readonly channel: string },
  ): Promise<FoundLatest | undefined> {
    const app = await this.#apps.get(slug);
    if (app !== undefined) this.#onAsked(app);
    const file = app && stepsIn(app.latest, { channel, name: platformName(platform) });
    return file && { slug: app.slug, file, expiresAt: app.expiresAt };
  }
}

async function load(
  { queries }: Database,
  slug: string,
  { previous, now }: { readonly previous: AppFiles | undefined; readonly now: number },
): Promise<AppFiles | undefined> {
  const app = await findOfferingApp(queries, slug);
  if (app === undefined) return undefined;
  const isSame = app.appId === previous?.appId && app.revision === previous.revision;
  if (isSame && now < previous.expiresAt) return previous;
  const { byChannel: latest, expiresAt } = await readLatestFiles(queries, app.appId, now);
  const candidates = new Set([...latest.values()].flatMap((byName) => [...byName.values()]));
  const details = await offerDetails(queries, [...candidates]);
  const files = [...candidates].flatMap(({ artifactId }) => details.get(artifactId) ?? []);
  return {
    ...app,
    expiresAt,
    latest,
    files: files.map(({ storageKey, fileSize }) => ({ storageKey, fileSize })),
  };
}
