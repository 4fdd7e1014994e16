import type { FastifyInstance } from 'fastify';
import { acceptedKeysOf } from '../../database/queries/app-files.ts';
import { findApp, setSlug } from '../../database/queries/apps.ts';
import type { TokenRecord } from '../../database/queries/tokens.ts';
import { allows } from '../../protocol/access/scope.ts';
import { AppQuery, type AppResponse, SetSlugRequest } from '../../protocol/messages.ts';
import { Problem } from '../../protocol/problem.ts';
import { isReservedSlug } from '../../protocol/slug.ts';
import { formatTimestamp } from '../../protocol/time.ts';
import { authorOf } from '../audit/request-author.ts';
import { requireScope } from '../http/auth.ts';
import { InvalidRequest } from '../http/error-reply.ts';
import { registerRoute } from '../http/register-route.ts';
import type { Services } from '../services.ts';
import { jsonList, sendJson } from './list-turns.ts';
import { allPlaces, deletedAsJson, releasesAsJson } from './listed-releases.ts';
import { deletedFileResponse, publishState } from './publish-state.ts';

export function registerApps(app: FastifyInstance, services: Services): void {
  const { database } = services;
  // Extension `app`
  registerRoute(app, 'getApp', {
    query: AppQuery,
    handle: async ({ params, query, raw }, reply): Promise<unknown> => {
      const found = await findApp(database.queries, params.app_id);
      if (found === undefined) throw new Problem('not_found', 'There is no such app.');
      const { id, name, slug, pubkey, approval, requireBoundSignatures, trustedOnly } = found;
      const app: AppResponse = {
        id,
        name,
        slug,
        pubkey,
        ...(pubkey !== null && {
          accepted_pubkeys: await acceptedKeysOf(database.queries, { appId: id, pubkey }),
          require_bound_signatures: requireBoundSignatures,
        }),
        scopes: [...(raw.token?.scopes ?? [])],
        token_expires_at: expiryOf(raw.token),
        ...(approval && { approval }),
        ...(trustedOnly && { trusted_only: true }),
        ...(found.minimumVersion !== null && { minimum_version: found.minimumVersion }),
      };
      const { include, version } = query;
      if (include === undefined) return app;
      if (include === 'state') {
        if (version === undefined) {
          throw new InvalidRequest({ field: 'version', message: 'is required with include=state' });
        }
        return { ...app, ...(await publishState(services, id, { ...query, version })) };
      }
      return sendJson(reply, withReleases(services, app));
    },
  });

  // api.md, "Register a Slug"
  registerRoute(app, 'setSlug', {
    body: SetSlugRequest,
    handle: async ({ params, body: { slug }, raw }) => {
      if (isReservedSlug(slug)) {
        const message = 'must not be a reserved word';
        throw new Problem('slug_reserved', `The slug ${slug} is reserved.`, [{ field: 'slug', message }]);
      }
      // Installed apps have it built in: another one takes more than the right to publish.
      const isAdmin = allows(raw.token?.scopes ?? [], { scope: 'app:admin' });
      const change = { appId: params.app_id, slug, onlyFirst: !isAdmin };
      const outcome = await setSlug(database.queries, change, authorOf(raw, services));
      if (outcome === 'has_slug') requireScope(raw, { scope: 'app:admin' });
      if (outcome === 'slug_taken') {
        throw new Problem('slug_taken', `The slug ${slug} belongs, or once belonged, to another app.`);
      }
      return { slug };
    },
  });
}

function expiryOf(token: TokenRecord | undefined): string | null {
  return token?.expiresAt == null ? null : formatTimestamp(token.expiresAt);
}

async function* withReleases(services: Services, app: AppResponse): AsyncGenerator<string> {
  const releases = releasesAsJson(services, allPlaces(services, app.id), { isBrief: false });
  yield `${JSON.stringify(app).slice(0, -1)},"deleted":`;
  yield* jsonList(deletedAsJson(services, app.id, deletedFileResponse(services)));
  yield ',"releases":';
  yield* jsonList(releases);
  yield '}';
}
