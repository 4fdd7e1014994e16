import type { FastifyInstance } from 'fastify';
import { keyHandovers } from '../../database/queries/app-files.ts';
import { findApp, setSlug } from '../../database/queries/apps.ts';
import { listReleases } from '../../database/queries/releases.ts';
import { AppQuery, type AppResponse, SetSlugRequest } from '../../protocol/messages.ts';
import { Problem } from '../../protocol/problem.ts';
import { acceptedKeys } from '../../protocol/routing/accepted-keys.ts';
import { isReservedSlug } from '../../protocol/slug.ts';
import { registerRoute } from '../http/register-route.ts';
import { toListed } from '../http/release-response.ts';
import type { Services } from '../services.ts';

export function registerApps(app: FastifyInstance, { database, clock }: Services): void {
  // Extension `app`
  registerRoute(app, 'getApp', {
    query: AppQuery,
    handle: async ({ params, query }): Promise<AppResponse> => {
      const found = await findApp(database.queries, params.app_id);
      if (found === undefined) throw new Problem('not_found', 'There is no such app.');
      const { id, name, slug, pubkey } = found;
      const app = {
        id,
        name,
        slug,
        pubkey,
        ...(pubkey !== null && {
          accepted_pubkeys: acceptedKeys(pubkey, await keyHandovers(database.queries, id)),
        }),
      };
      if (query.include === undefined) return app;
      const releases = await listReleases(database.queries, id);
      return { ...app, releases: releases.map(toListed) };
    },
  });

  // api.md, "Register a Slug"
  registerRoute(app, 'setSlug', {
    body: SetSlugRequest,
    handle: async ({ params, body: { slug } }) => {
      if (isReservedSlug(slug)) {
        const message = 'must not be a reserved word';
        throw new Problem('slug_reserved', `The slug ${slug} is reserved.`, [{ field: 'slug', message }]);
      }
      if ((await setSlug(database.queries, { appId: params.app_id, slug }, clock())) === 'slug_taken') {
        throw new Problem('slug_taken', `The slug ${slug} belongs, or once belonged, to another app.`);
      }
      return { slug };
    },
  });
}
