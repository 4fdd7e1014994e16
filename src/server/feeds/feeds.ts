import { findApp } from '../../database/queries/apps.ts';
import type { DigestAlgorithm } from '../../database/schema.ts';
import { STABLE } from '../../protocol/channel.ts';
import type { Arch } from '../../protocol/platform.ts';
import { Problem } from '../../protocol/problem.ts';
import type { Services } from '../services.ts';
import type { OfferCache, OfferOutline } from '../update-check/offer-cache.ts';
import { EVERYONE } from '../update-check/rollouts.ts';
import type { AppcastItem } from './appcast.ts';
import { electronFeed, electronFeedOfCurrent, isForElectron } from './electron-feed.ts';
import { FeedCache } from './feed-cache.ts';
import type { Updater } from './feed-names.ts';
import { type FeedQuestion, type FeedRelease, feedRelease, identityOf } from './feed-release.ts';
import type { FileDigests } from './file-digests.ts';
import { type FeedFile, releaseFiles } from './release-files.ts';

export interface FeedContent {
  readonly body: string;
  /** When it is another one without a change, in milliseconds since 1970. */
  readonly expiresAt: number;
}

export interface FeedsOptions extends Pick<Services, 'database' | 'publicUrl'> {
  readonly offers: OfferCache;
  readonly digests: FileDigests;
}

export type AskedFeed = Omit<FeedQuestion, 'updater'>;

/** An appcast that is asked for; without a channel, one with the releases of all channels. */
export interface AskedAppcast {
  readonly slug: string;
  readonly arch: Arch | undefined;
  readonly channel: string | undefined;
}

/** What is offered in answer to a question. */
interface Offered extends FeedQuestion {
  readonly appId: string;
  readonly outline: OfferOutline;
  readonly release: FeedRelease | undefined;
}

/** The feeds of updaters of other ecosystems: the same releases as update checks offer, in the words of each. */
export class Feeds {
  readonly #options: FeedsOptions;
  readonly #cache = new FeedCache();

  constructor(options: FeedsOptions) {
    this.#options = options;
  }

  /** A channel file of electron-updater, in YAML. @throws Problem `not_found`, `digest_pending` */
  async electron(asked: AskedFeed): Promise<FeedContent> {
    const offered = await this.#ask({ ...asked, updater: 'electron' });
    const { currentVersion, release } = offered;
    if (release === undefined && currentVersion === undefined) throw nothingOffered();
    return this.#render(offered, [release], async () => {
      if (release === undefined) return electronFeedOfCurrent(currentVersion ?? '');
      const [first, ...others] = (await this.#files(offered, release)).filter(isForElectron);
      if (first === undefined) throw noFileFor('electron-updater: .exe, .zip, .AppImage, .deb or .rpm');
      const files = [first, ...others] as const;
      return electronFeed(files, await this.#digests(offered, files, 'sha512'));
    });
  }

  /** A release file of Velopack, in JSON. @throws Problem `not_found`, `digest_pending` */
  async velopack(asked: AskedFeed): Promise<FeedContent> {
    const offered = await this.#ask({ ...asked, updater: 'velopack' });
    const { release } = offered;
    return this.#render(offered, [release], async () => {
      const { EMPTY_VELOPACK_FEED, isForVelopack, velopackFeed } = await import('./velopack-feed.ts');
      if (release === undefined) return EMPTY_VELOPACK_FEED;
      const packages = mainFiles(await this.#files(offered, release)).filter(isForVelopack);
      if (packages.length === 0) throw noFileFor('Velopack: .nupkg');
      const isX64 = ({ arch }: FeedFile) => offered.target !== 'darwin' && arch === 'x86_64';
      const file = packages.find(isX64) ?? onlyFile(packages, 'releases.osx-arm64.json');
      const sha1 = await this.#digests(offered, [file], 'sha1');
      return velopackFeed(file, sha1.get(file.artifactId) ?? '');
    });
  }

  /** Sparkle's appcast. @throws Problem `not_found` */
  async sparkle(asked: AskedAppcast): Promise<FeedContent> {
    const stable = await this.#askFor(asked, 'sparkle', asked.channel ?? STABLE);
    const channels = asked.channel === undefined ? stable.outline.channels : [];
    const others = await Promise.all(
      channels
        .filter((channel) => channel !== STABLE)
        .map((channel) => this.#askFor(asked, 'sparkle', channel)),
    );
    const distinct = others.filter(({ release }) => release?.version !== stable.release?.version);
    const all = [stable, ...distinct];
    return this.#render(
      stable,
      all.map(({ release }) => release),
      async () => {
        const items = await Promise.all(all.map((offered) => this.#sparkleItem(offered, offered === stable)));
        return this.#appcast(stable, items.flat());
      },
    );
  }

  /** WinSparkle's appcast. @throws Problem `not_found` */
  async winsparkle(asked: AskedAppcast): Promise<FeedContent> {
    const offered = await this.#askFor(asked, 'winsparkle', asked.channel ?? STABLE);
    const { release } = offered;
    return this.#render(offered, [release], async () => {
      const { WINSPARKLE_ARCHS } = await import('./appcast.ts');
      const files = release === undefined ? [] : mainFiles(await this.#files(offered, release));
      const [first, ...others] = files.filter(({ arch }) => WINSPARKLE_ARCHS[arch] !== undefined);
      const items: AppcastItem[] = first === undefined ? [] : [{ files: [first, ...others] }];
      const system = ({ arch }: FeedFile) => (asked.arch ? 'windows' : (WINSPARKLE_ARCHS[arch] ?? ''));
      return this.#appcast(offered, items, system);
    });
  }

  async #sparkleItem(offered: Offered, isForAll: boolean): Promise<AppcastItem[]> {
    const { release, channel } = offered;
    if (release === undefined) return [];
    const files = mainFiles(await this.#files(offered, release));
    if (files.length === 0) return [];
    const file = onlyFile(files, 'appcast-arm64.xml');
    return [{ files: [file], ...(!isForAll && { channel }) }];
  }

  async #appcast(
    { appId, slug }: Offered,
    items: readonly AppcastItem[],
    system?: (file: FeedFile) => string,
  ): Promise<string> {
    const { database, publicUrl } = this.#options;
    const app = await findApp(database.queries, appId);
    const { appcast } = await import('./appcast.ts');
    const link = `${publicUrl()}/${app?.slug ?? slug}`;
    return appcast({ title: app?.name ?? slug, link, items, system });
  }

  #askFor({ slug, arch }: AskedAppcast, updater: Updater, channel: string): Promise<Offered> {
    const target = updater === 'sparkle' ? 'darwin' : 'windows';
    return this.#ask({ slug, arch, target, channel, updater, asker: EVERYONE });
  }

  /** @throws Problem `not_found` for an unknown slug; what `OfferCache.find` throws */
  async #ask(question: FeedQuestion): Promise<Offered> {
    const { slug, channel, asker } = question;
    const { offers } = this.#options;
    const outline = await offers.outlineOf(slug, channel, asker);
    const appId = offers.appIdOf(slug);
    if (outline === undefined || appId === undefined) {
      throw new Problem('not_found', `There is no app with the slug ${slug}.`);
    }
    return { ...question, appId, outline, release: await feedRelease(offers, outline, question) };
  }

  /** Once for all questions that are answered alike. */
  async #render(
    { slug, updater, target, arch, currentVersion, outline }: Offered,
    releases: readonly (FeedRelease | undefined)[],
    render: () => Promise<string>,
  ): Promise<FeedContent> {
    const { state, expiresAt } = outline;
    const offered = releases.map((release) => (release ? identityOf(release) : `- ${currentVersion}`));
    const name = [slug, updater, target, arch ?? '', ...offered].join('\n');
    return { body: await this.#cache.get({ state, name }, render), expiresAt };
  }

  #files({ appId }: Offered, release: FeedRelease): Promise<FeedFile[]> {
    return releaseFiles(this.#options.database.queries, { appId, release });
  }

  async #digests(
    { appId }: Offered,
    files: readonly FeedFile[],
    algorithm: DigestAlgorithm,
  ): Promise<ReadonlyMap<string, string>> {
    const digests = await this.#options.digests.find({ appId, files, algorithm });
    if (digests !== 'computing') return digests;
    throw new Problem(
      'digest_pending',
      'The server is still hashing the files of this release: ask again soon.',
    );
  }
}

/** Those for apps that do not say how they were installed. */
function mainFiles(files: readonly FeedFile[]): FeedFile[] {
  const isFirst = (file: FeedFile, i: number) => files.findIndex(({ arch }) => arch === file.arch) === i;
  return files.filter(isFirst);
}

/** The file for every arch. @throws Problem `not_found` where each has its own */
function onlyFile(files: readonly FeedFile[], example: string): FeedFile {
  const [first, ...others] = files;
  if (first !== undefined && others.every(({ sha256 }) => sha256 === first.sha256)) return first;
  const archs = files.map(({ arch }) => arch).join(' and ');
  throw new Problem('not_found', `There are different files for ${archs}: ask for one, like ${example}.`);
}

function nothingOffered(): Problem {
  return new Problem('not_found', 'There is no release that every installed version could take.');
}

function noFileFor(what: string): Problem {
  return new Problem('not_found', `The release has no file for ${what}.`);
}
