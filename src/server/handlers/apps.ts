import type { FastifyInstance } from 'fastify';
import { acceptedKeysOf } from '../../database/queries/app-files.ts';
import { findApp, setSlug } from '../../database/queries/apps.ts';
import { deletedFiles } from '../../database/queries/artifacts.ts';
import { AppQuery, type AppResponse, SetSlugRequest } from '../../protocol/messages.ts';
import { Problem } from '../../protocol/problem.ts';
import { isReservedSlug } from '../../protocol/slug.ts';
import { registerRoute } from '../http/register-route.ts';
import type { Services } from '../services.ts';
import { listedReleases } from './listed-releases.ts';

export function registerApps(app: FastifyInstance, services: Services): void {
  const { database, clock } = services;
  // Extension `app`
  registerRoute(app, 'getApp', {
    query: AppQuery,
    handle: async ({ params, query, raw }): Promise<AppResponse> => {
      const found = await findApp(database.queries, params.app_id);
      if (found === undefined) throw new Problem('not_found', 'There is no such app.');
      const { id, name, slug, pubkey } = found;
      const app = {
        id,
        name,
        slug,
        pubkey,
        ...(pubkey !== null && {
          accepted_pubkeys: await acceptedKeysOf(database.queries, { appId: id, pubkey }),
        }),
        scopes: [...(raw.scopes ?? [])],
      };
      if (query.include === undefined) return app;
      const releases = await listedReleases(services, id);
      const deleted = (await deletedFiles(database.queries, id)).map(({ sha256, ...file }) => ({
        ...file,
        ...(!services.allowVersionReuse && { sha256 }),
      }));
      return { ...app, releases, deleted };
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
