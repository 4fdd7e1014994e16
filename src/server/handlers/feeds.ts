import type { FastifyInstance, FastifyReply } from 'fastify';
import type { ReleasedFile } from '../../database/queries/artifact-digests.ts';
import { findOfferingApp } from '../../database/queries/offers.ts';
import { AppcastQuery, ElectronQuery, VelopackQuery } from '../../protocol/messages.ts';
import { Problem } from '../../protocol/problem.ts';
import { FOR_EVER } from '../../protocol/rollout/rollout.ts';
import { downloadPath } from '../../protocol/routes.ts';
import { isVersion } from '../../protocol/version.ts';
import { parseAppcast, parseChannelFile, parseReleasesFile } from '../feeds/feed-names.ts';
import { type FeedContent, Feeds } from '../feeds/feeds.ts';
import type { FileDigests } from '../feeds/file-digests.ts';
import { fileCalled, velopackPackage } from '../feeds/release-files.ts';
import { askerWithId, STAGING_HEADER } from '../feeds/staging-id.ts';
import { useCanonicalNames } from '../http/lenient-names.ts';
import { matchesEtag } from '../http/preconditions.ts';
import { registerRoute } from '../http/register-route.ts';
import type { Services } from '../services.ts';
import { secondsUntil } from '../update-check/answer-check.ts';
import type { OfferCache } from '../update-check/offer-cache.ts';
import { etagOf } from '../update-check/resolve-offers.ts';

/** What feeds are answered from. */
export interface FeedHandling {
  readonly offers: OfferCache;
  readonly digests: FileDigests;
}

interface SentFeed extends FeedContent {
  readonly type: string;
  /** Whether the request says who asks, as far as rollouts matter. */
  readonly isPersonal: boolean;
}

const YAML = 'text/yaml; charset=utf-8';
const RSS = 'application/rss+xml; charset=utf-8';
const JSON_TYPE = 'application/json; charset=utf-8';

/** Extension `feeds`: what electron-updater, Sparkle, WinSparkle and Velopack read. */
export function registerFeeds(app: FastifyInstance, services: Services, handling: FeedHandling): void {
  const feeds = new Feeds({ ...services, ...handling });
  const replies = new FeedReplies(services);
  registerElectron(app, feeds, replies);
  registerVelopack(app, feeds, replies);

  registerRoute(app, 'sparkleFeed', {
    query: AppcastQuery,
    before: useCanonicalNames,
    handle: async ({ params: { slug, appcast }, query: { channel } }, reply) => {
      const { arch } = parseAppcast(appcast) ?? unknownFeed('appcast.xml or appcast-arm64.xml');
      const content = await feeds.sparkle({ slug, arch, channel });
      return replies.send(reply, { ...content, type: RSS, isPersonal: false });
    },
  });

  registerRoute(app, 'winsparkleFeed', {
    query: AppcastQuery,
    before: useCanonicalNames,
    handle: async ({ params: { slug, appcast }, query: { channel } }, reply) => {
      const { arch } = parseAppcast(appcast) ?? unknownFeed('appcast.xml or appcast-x64.xml');
      const content = await feeds.winsparkle({ slug, arch, channel });
      return replies.send(reply, { ...content, type: RSS, isPersonal: false });
    },
  });
}

function registerElectron(app: FastifyInstance, feeds: Feeds, replies: FeedReplies): void {
  registerRoute(app, 'electronFeed', {
    query: ElectronQuery,
    handle: async ({ params: { slug, channel_file }, query, raw }, reply) => {
      const named = parseChannelFile(channel_file) ?? unknownFeed('latest.yml or latest-mac.yml');
      const id = raw.headers[STAGING_HEADER];
      const content = await feeds.electron({
        ...{ ...named, slug, asker: askerWithId(id) },
        currentVersion: query.current_version,
      });
      return replies.send(reply, { ...content, type: YAML, isPersonal: id !== undefined });
    },
  });

  registerRoute(app, 'electronFile', {
    before: useCanonicalNames,
    handle: async ({ params: { slug, version, arch, file_name: name } }, reply) =>
      replies.redirect(reply, slug, (db, appId) => fileCalled(db, { appId, version, arch, name })),
  });
}

function registerVelopack(app: FastifyInstance, feeds: Feeds, replies: FeedReplies): void {
  registerRoute(app, 'velopackFeed', {
    query: VelopackQuery,
    handle: async ({ params: { slug, file_name: name }, query }, reply) => {
      const named = parseReleasesFile(name);
      if (named === undefined) {
        return replies.redirect(reply, slug, (db, appId) => velopackPackage(db, { appId, name }));
      }
      const { localVersion, stagingId } = query;
      const isKnown = typeof localVersion === 'string' && isVersion(localVersion);
      const content = await feeds.velopack({
        ...{ ...named, slug, asker: askerWithId(stagingId) },
        currentVersion: isKnown ? localVersion : undefined,
      });
      return replies.send(reply, { ...content, type: JSON_TYPE, isPersonal: false });
    },
  });
}

/** @throws Problem `not_found` */
function unknownFeed(known: string): never {
  throw new Problem('not_found', `There is no such feed: it is called like ${known}.`);
}

type FindFile = (
  db: Services['database']['queries'],
  appId: string,
) => Promise<Pick<ReleasedFile, 'releaseId' | 'target' | 'arch' | 'bundleType'> | undefined>;

class FeedReplies {
  readonly #services: Services;

  constructor(services: Services) {
    this.#services = services;
  }

  /** Cached as update checks are; while a release is rolled out, not by others. */
  send(reply: FastifyReply, { body, type, expiresAt, isPersonal }: SentFeed): FastifyReply {
    const { checkMaxAge: maxAge, clock } = this.#services;
    const life = secondsUntil(expiresAt, { maxAge, clock });
    const scope = isPersonal && expiresAt < FOR_EVER ? 'private' : 'public';
    const etag = etagOf(body);
    reply.header('cache-control', life > 0 ? `${scope}, max-age=${life}` : 'no-store');
    reply.header('vary', STAGING_HEADER).header('etag', etag);
    const known = reply.request.headers['if-none-match'];
    if (known !== undefined && matchesEtag(known, etag)) return reply.code(304).send();
    return reply.type(type).send(body);
  }

  /** To the download, which is counted there. @throws Problem `not_found` */
  async redirect(reply: FastifyReply, slug: string, find: FindFile): Promise<FastifyReply> {
    const { database, publicUrl } = this.#services;
    const app = await findOfferingApp(database.queries, slug);
    const file = app && (await find(database.queries, app.appId));
    if (app === undefined || file === undefined) throw new Problem('not_found', 'There is no such file.');
    return reply
      .code(302)
      .header('location', publicUrl() + downloadPath(app.slug, file.releaseId, file))
      .send();
  }
}
