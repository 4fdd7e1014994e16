import type { FastifyInstance } from 'fastify';
import { CHANNEL_HEADER, STABLE } from '../../protocol/channel.ts';
import { LatestQuery } from '../../protocol/messages.ts';
import { platformOf } from '../../protocol/platform.ts';
import { Problem } from '../../protocol/problem.ts';
import { downloadPath } from '../../protocol/routes.ts';
import { useCanonicalNames } from '../http/lenient-names.ts';
import { registerRoute } from '../http/register-route.ts';
import type { Services } from '../services.ts';
import { cachingHeaders, secondsUntil } from '../update-check/answer-check.ts';
import { LatestCache } from '../update-check/latest-cache.ts';

/** Extension `latest`: a lasting link to the newest file of a platform, for a website. */
export function registerLatest(app: FastifyInstance, services: Services): void {
  const { publicUrl, checkMaxAge: maxAge, clock, offeredFiles } = services;
  const onStale = (err: unknown) =>
    app.log.error({ err }, 'database unavailable: serving stale links to the latest release');
  const latest = new LatestCache({ ...services, onStale, onAsked: (files) => offeredFiles?.asked(files) });

  registerRoute(app, 'latest', {
    query: LatestQuery,
    before: useCanonicalNames,
    handle: async ({ params, query, raw }, reply) => {
      const { channel = STABLE } = query;
      const found = await latest.find(params.slug, {
        platform: platformOf({ ...params, ...query }),
        channel,
      });
      if (found === undefined) {
        throw new Problem('not_found', 'There is no such app, or no release of it for this platform.');
      }
      const location = publicUrl() + downloadPath(found.slug, found.file.releaseId, found.file);
      const hasChannelHeader = raw.headers[CHANNEL_HEADER] !== undefined;
      const life = secondsUntil(found.expiresAt, { maxAge, clock });
      reply.code(302).headers(cachingHeaders({ hasChannelHeader, hasAudienceHeader: false }, life));
      return reply.header('location', location).send();
    },
  });
}
