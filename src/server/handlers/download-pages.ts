import { createHash } from 'node:crypto';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import Type from 'typebox';
import { isChannel, STABLE } from '../../protocol/channel.ts';
import { Problem } from '../../protocol/problem.ts';
import { SLUG_PATTERN } from '../../protocol/slug.ts';
import { matches } from '../../protocol/validate.ts';
import type { PageCache, PageContent } from '../download-page/page-content.ts';
import { CLIENT_HINTS, pickFile, VARIES_BY, visitorSystem } from '../download-page/visitor-system.ts';
import { matchesEtag } from '../http/preconditions.ts';
import type { Services } from '../services.ts';

/** Outside the API. Whatever is no slug leads to another route, or to none. */
export const DOWNLOAD_PAGE_PATH = `/:slug(${SLUG_PATTERN})` as const;
export const FEED_PATH = `${DOWNLOAD_PAGE_PATH}/feed.atom` as const;

const SlugParameter = Type.Object({ slug: Type.String() });
const ChannelQuery = Type.Object({ channel: Type.String() });

/** What a page is sent with. */
interface Sent {
  readonly type: string;
  readonly body: string;
}

/** For people: the page that an app is downloaded from, and the feed of its releases. Neither needs a script. */
export function registerDownloadPages(app: FastifyInstance, services: Services): void {
  const { publicUrl } = services;
  let opened: Promise<PageCache> | undefined; // what renders is loaded with the first page
  const findContent = async ({ params, query }: FastifyRequest): Promise<PageContent | undefined> => {
    opened ??= openCache(app, services);
    const slug = matches(SlugParameter, params) ? params.slug : '';
    const channel = matches(ChannelQuery, query) && isChannel(query.channel) ? query.channel : STABLE;
    return (await opened).find(slug, channel);
  };
  const method = ['GET', 'HEAD'];
  const config = { access: 'public' } as const;

  app.route({
    ...{ method, config, url: DOWNLOAD_PAGE_PATH },
    handler: async (request, reply) => {
      const content = await findContent(request);
      if (content === undefined && !wantsHtml(request)) throw noSuchApp();
      const { PAGE_SECURITY, downloadPage, notFoundPage } = await import('../download-page/download-page.ts');
      reply.header('content-security-policy', PAGE_SECURITY);
      reply.header('accept-ch', CLIENT_HINTS.join(', ')).header('vary', VARIES_BY);
      const type = 'text/html; charset=utf-8';
      if (content === undefined)
        return reply
          .code(404)
          .type(type)
          .send(await notFoundPage());
      const system = visitorSystem(request.headers);
      const picked = pickFile(content.files, system);
      const url = `${publicUrl()}/${content.slug}`;
      return send(request, reply, {
        type,
        body: await downloadPage({ content, url, publicUrl: publicUrl(), system, picked }),
      });
    },
  });

  app.route({
    ...{ method, config: { ...config, cors: true }, url: FEED_PATH },
    handler: async (request, reply) => {
      const content = await findContent(request);
      if (content === undefined) throw noSuchApp();
      const { atomFeed } = await import('../download-page/atom-feed.ts');
      const body = await atomFeed(content, `${publicUrl()}/${content.slug}`);
      return send(request, reply, { type: 'application/atom+xml; charset=utf-8', body });
    },
  });
}

async function openCache(app: FastifyInstance, services: Services): Promise<PageCache> {
  const { PageCache } = await import('../download-page/page-content.ts');
  const onStale = (err: unknown) =>
    app.log.error({ err }, 'database unavailable: serving stale download pages');
  return new PageCache({ ...services, onStale });
}

/** Always asked for anew, and answered with 304 while it is the same. */
function send({ headers }: FastifyRequest, reply: FastifyReply, { type, body }: Sent): FastifyReply {
  const etag = `"${createHash('sha256').update(body).digest('base64url')}"`;
  reply.header('etag', etag).header('cache-control', 'no-cache');
  const known = headers['if-none-match'];
  if (known !== undefined && matchesEtag(known, etag)) return reply.code(304).send();
  return reply.type(type).send(body);
}

function wantsHtml({ headers }: FastifyRequest): boolean {
  return /\btext\/html\b/.test(headers.accept ?? '');
}

function noSuchApp(): Problem {
  return new Problem('not_found', 'There is no such app.');
}
