import type { FastifyInstance } from 'fastify';
import type { Platform } from '../../protocol/platform.ts';
import { Problem } from '../../protocol/problem.ts';
import { Offers } from '../offers.ts';
import { registerRoute } from '../register-route.ts';
import type { Services } from '../services.ts';

/** api.md, "Update Check Endpoint". */
export function registerCheck(app: FastifyInstance, { database, publicUrl, checkMaxAge }: Services): void {
  const offers = new Offers(database, publicUrl);
  const cacheControl = checkMaxAge > 0 ? `public, max-age=${checkMaxAge}` : 'no-store';

  registerRoute(app, 'check', {
    handle: async ({ params }, reply) => {
      const platform = { target: params.target, arch: params.arch } as Platform;
      const offer = await offers.find(params.slug, platform, params.current_version);
      if (offer === 'unknown_slug')
        throw new Problem('not_found', `There is no app with the slug ${params.slug}.`);
      reply.header('cache-control', cacheControl);
      if (offer === 'no_update') return reply.code(204).send();
      return reply.type('application/json').send(offer.body);
    },
  });
}
