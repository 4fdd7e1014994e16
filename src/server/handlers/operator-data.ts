import type { FastifyInstance } from 'fastify';
import Type, { type Static } from 'typebox';
import { createAppWithToken } from '../../database/queries/apps.ts';
import { listAudit } from '../../database/queries/audit.ts';
import { listTokens, readTokenUses, revokeTokens } from '../../database/queries/tokens.ts';
import { listTrustedPublishers } from '../../database/queries/trusted-publishers.ts';
import { PUBLISH_SCOPES } from '../../protocol/access/scope.ts';
import { Problem } from '../../protocol/problem.ts';
import { isReservedSlug, SLUG_PATTERN } from '../../protocol/slug.ts';
import { formatTimestamp } from '../../protocol/time.ts';
import { authorOf, NO_ORIGIN } from '../audit/request-author.ts';
import { PAGE_OPERATOR } from '../http/auth.ts';
import { findSession } from '../operator-page/page-session.ts';
import type { Services } from '../services.ts';
import { OPERATOR_PAGE, requireFromPage } from './operator-page.ts';

/** Entries of the audit log that the page shows. */
const AUDIT_ENTRIES = 200;

const NewAppRequest = Type.Object({
  name: Type.String({ minLength: 1, maxLength: 100 }),
  slug: Type.String({ pattern: SLUG_PATTERN }),
});

/** What only local commands say besides the API, for who administers an app. */
const config = { access: 'app:admin' } as const;

type OfApp = { Params: { app_id: string } };

export function registerOperatorData(app: FastifyInstance, services: Services): void {
  const { queries } = services.database;
  const path = `${OPERATOR_PAGE}/apps/:app_id`;

  app.get<OfApp>(`${path}/tokens`, { config }, async ({ params }) => {
    const [tokens, uses] = await Promise.all([listTokens(queries, params.app_id), readTokenUses(queries)]);
    return tokens.map(({ id, name, scopes, createdAt, expiresAt, revokedAt, job }) => ({
      id,
      name,
      scopes,
      created_at: formatTimestamp(createdAt),
      expires_at: timeOrNull(expiresAt),
      revoked_at: timeOrNull(revokedAt),
      last_used_at: timeOrNull(uses.get(id) ?? null),
      is_of_job: job !== null,
    }));
  });

  app.delete<{ Params: { app_id: string; token_id: string } }>(
    `${path}/tokens/:token_id`,
    { config },
    async (request, reply) => {
      const { app_id: appId, token_id: id } = request.params;
      const revoked = await revokeTokens(queries, { id, appId }, authorOf(request, services));
      if (revoked.length === 0) throw new Problem('not_found', 'The app has no such token that is valid.');
      return reply.code(204).send();
    },
  );

  app.get<OfApp>(`${path}/trust`, { config }, async ({ params }) => {
    const publishers = await listTrustedPublishers(queries, params.app_id);
    return publishers.map(
      ({ id, provider, repository, workflow, environment, refs, channels, createdAt }) => ({
        ...{ id, provider, repository, workflow, environment, refs, channels },
        created_at: formatTimestamp(createdAt),
      }),
    );
  });

  app.get<OfApp>(`${path}/audit`, { config }, async ({ params }) => {
    const entries = await listAudit(queries, { appId: params.app_id, limit: AUDIT_ENTRIES });
    return entries.reverse().map((entry) => ({
      seq: entry.seq,
      at: formatTimestamp(entry.at),
      action: entry.action,
      outcome: entry.outcome,
      actor: entry.actor_name ?? entry.actor_kind,
      address: entry.address,
      details: entry.details,
    }));
  });

  registerNewApp(app, services);
}

/** For who has signed in by the link of this server: a token is for one app. */
function registerNewApp(app: FastifyInstance, services: Services): void {
  const { database, clock } = services;
  app.post<{ Body: Static<typeof NewAppRequest> }>(
    `${OPERATOR_PAGE}/apps`,
    { config: { access: 'public' }, schema: { body: NewAppRequest } },
    async (request, reply) => {
      requireFromPage(request);
      const session = await findSession(services, request.headers, clock());
      if (session?.kind !== 'operator')
        throw new Problem('unauthorized', 'Sign in by the link of the server.');
      const { name, slug } = request.body;
      if (isReservedSlug(slug)) throw new Problem('slug_reserved', `The slug ${slug} is reserved.`);
      const by = { actor: { ...PAGE_OPERATOR, ...NO_ORIGIN, requestId: request.id }, now: clock() };
      const token = { name: 'publish', scopes: PUBLISH_SCOPES, expiresAt: null };
      const created = await createAppWithToken(database.queries, { app: { name, slug }, token }, by);
      if (created === 'slug_taken') {
        throw new Problem('slug_taken', `The slug ${slug} belongs, or once belonged, to another app.`);
      }
      return reply.code(201).send({ id: created.app.id, name, slug, token: created.token });
    },
  );
}

function timeOrNull(milliseconds: number | null): string | null {
  return milliseconds === null ? null : formatTimestamp(milliseconds);
}
