import type { FastifyInstance } from 'fastify';
import { STABLE } from '../../protocol/channel.ts';
import { CheckQuery, UNKNOWN_BUNDLE_TYPES } from '../../protocol/messages.ts';
import { type BundleType, type Platform, platformOf } from '../../protocol/platform.ts';
import { Problem } from '../../protocol/problem.ts';
import { registerRoute } from '../http/register-route.ts';
import type { Services } from '../services.ts';
import { Offers } from '../update-check/offer-cache.ts';

/** api.md, "Update Check Endpoint". */
export function registerCheck(app: FastifyInstance, services: Services): void {
  const { checkMaxAge } = services;
  const onStale = (err: unknown) => app.log.error({ err }, 'checks are answered with what was last known');
  const offers = new Offers({ ...services, onStale });
  const cacheControl = checkMaxAge > 0 ? `public, max-age=${checkMaxAge}` : 'no-store';

  registerRoute(app, 'check', {
    query: CheckQuery,
    handle: async ({ params, query }, reply) => {
      const bundle_type = knownBundleType(query);
      const platform = platformOf({ ...(params as Pick<Platform, 'target' | 'arch'>), bundle_type });
      const asked = { platform, currentVersion: params.current_version, channel: query.channel ?? STABLE };
      const offer = await offers.find(params.slug, asked);
      if (offer === 'unknown_slug')
        throw new Problem('not_found', `There is no app with the slug ${params.slug}.`);
      reply.header('cache-control', cacheControl);
      if (offer === 'no_update') return reply.code(204).send();
      return reply.type('application/json').send(offer.body);
    },
  });
}

/** An app that cannot tell its kind of bundle is answered like one that does not. */
export function knownBundleType({ bundle_type: value }: CheckQuery): BundleType | undefined {
  return UNKNOWN_BUNDLE_TYPES.some((unknown) => unknown === value) ? undefined : (value as BundleType);
}
