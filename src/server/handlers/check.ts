import type { FastifyInstance } from 'fastify';
import { APP_TAG_HEADER } from '../../protocol/app-tag.ts';
import { STABLE } from '../../protocol/channel.ts';
import { CheckQuery } from '../../protocol/messages.ts';
import { Problem } from '../../protocol/problem.ts';
import { registerRoute } from '../http/register-route.ts';
import type { Services } from '../services.ts';
import { OfferCache } from '../update-check/offer-cache.ts';
import { requestedPlatform } from '../update-check/requested-platform.ts';

/** api.md, "Update Check Endpoint". */
export function registerCheck(app: FastifyInstance, services: Services): void {
  const { checkMaxAge } = services;
  const onStale = (err: unknown) =>
    app.log.error({ err }, 'database unavailable: serving stale update checks');
  const offers = new OfferCache({ ...services, onStale });
  const cacheControl = checkMaxAge > 0 ? `public, max-age=${checkMaxAge}` : 'no-store';

  registerRoute(app, 'check', {
    query: CheckQuery,
    handle: async ({ params, query }, reply) => {
      const platform = requestedPlatform(params, query);
      const channel = query.channel ?? STABLE;
      const installed = { platform, currentVersion: params.current_version, channel };
      const offer = await offers.find(params.slug, installed);
      if (offer === 'unknown_slug') {
        throw new Problem('not_found', `There is no app with the slug ${params.slug}.`);
      }
      reply.header('cache-control', cacheControl).header(APP_TAG_HEADER, offers.tagOf(params.slug));
      if (offer === 'no_update') return reply.code(204).send();
      return reply.type('application/json').send(offer.body);
    },
  });
}
