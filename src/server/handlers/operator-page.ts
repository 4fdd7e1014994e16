import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import Type, { type Static } from 'typebox';
import { findApp, listApps } from '../../database/queries/apps.ts';
import { takeOperatorLink } from '../../database/queries/operator-link.ts';
import { findTokenStillValid, findValidToken, type TokenRecord } from '../../database/queries/tokens.ts';
import { SCOPES } from '../../protocol/access/scope.ts';
import { Problem } from '../../protocol/problem.ts';
import { formatTimestamp } from '../../protocol/time.ts';
import { matches } from '../../protocol/validate.ts';
import { PAGE_OPERATOR } from '../http/auth.ts';
import { clientAddressReader, clientNetwork, plainAddress, trustedHops } from '../http/client-address.ts';
import { createInvalidTokenLimit } from '../limits/invalid-token-limit.ts';
import {
  findSession,
  isFromPage,
  noSessionCookie,
  operatorSession,
  type PageSession,
  SESSION_LIFE_MS,
  sessionCookie,
} from '../operator-page/page-session.ts';
import { encodedFor, readWebFiles, type WebFile } from '../operator-page/web-files.ts';
import type { Services } from '../services.ts';

/** A word that is no slug. */
export const OPERATOR_PAGE = '/admin';

/** Its own scripts and styles, its own server, and nothing else; no text becomes HTML. */
const PAGE_SECURITY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "connect-src 'self'",
  'img-src data:',
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
  "trusted-types 'none'",
].join('; ');

const FileParameter = Type.Object({ file: Type.String() });

/** A token, or the secret of the link that `serve` printed. */
const SignInRequest = Type.Union([
  Type.Object({ token: Type.String({ maxLength: 200 }) }),
  Type.Object({ link: Type.String({ maxLength: 200 }) }),
]);

const config = { access: 'public' } as const;
/** As any web server, for what looks whether a page is there. */
const FILE_ROUTE = { config, exposeHeadRoute: true } as const;

/** The page for operators: its files, and who is signed in. */
export function registerOperatorPage(app: FastifyInstance, services: Services): void {
  registerFiles(app, services);
  registerSession(app, services);
}

function registerFiles(app: FastifyInstance, { webFolder }: Services): void {
  let read: Promise<ReadonlyMap<string, WebFile>> | undefined;
  const fileCalled = async (name: string) => {
    read ??= webFolder === undefined ? Promise.resolve(new Map()) : readWebFiles(webFolder);
    const file = (await read).get(name);
    if (file === undefined) throw new Problem('not_found', 'The page has no such file.');
    return file;
  };
  const send = ({ headers }: FastifyRequest, reply: FastifyReply, file: WebFile) => {
    const { body, encoding } = encodedFor(file, headers['accept-encoding']);
    reply.header('vary', 'accept-encoding').header('content-security-policy', PAGE_SECURITY);
    reply.header('cross-origin-opener-policy', 'same-origin');
    reply.header('cross-origin-resource-policy', 'same-origin');
    if (encoding !== undefined) reply.header('content-encoding', encoding);
    return reply.type(file.type).send(body);
  };

  app.get(OPERATOR_PAGE, FILE_ROUTE, async (request, reply) => {
    const [path = ''] = request.url.split('?', 1);
    // What the page asks for is beside it. Relative: a proxy may have removed a path before this.
    if (!path.endsWith('/')) return reply.code(302).header('location', 'admin/').send();
    reply.header('cache-control', 'no-cache');
    return send(request, reply, await fileCalled('index.html'));
  });

  app.get(`${OPERATOR_PAGE}/assets/:file`, FILE_ROUTE, async (request, reply) => {
    const { params } = request;
    const file = await fileCalled(matches(FileParameter, params) ? params.file : '');
    reply.header('cache-control', 'public, max-age=31536000, immutable'); // the name has a hash of the content
    return send(request, reply, file);
  });
}

function registerSession(app: FastifyInstance, services: Services): void {
  const { clock } = services;
  const refusedFor = createInvalidTokenLimit('invalid-token');
  const addressOf = clientAddressReader(trustedHops(services.trustProxy));

  app.get(`${OPERATOR_PAGE}/session`, { config }, async ({ headers }) => {
    const session = await findSession(services, headers, clock());
    return { version: services.version, session: session ? await describeSession(services, session) : null };
  });

  app.post<{ Body: Static<typeof SignInRequest> }>(
    `${OPERATOR_PAGE}/session`,
    { config, schema: { body: SignInRequest } },
    async (request, reply) => {
      requireFromPage(request);
      const session = await signIn(services, request, plainAddress(addressOf(request.raw)) ?? null);
      if (session === undefined) {
        const milliseconds = await refusedFor(clientNetwork(addressOf(request.raw)));
        if (milliseconds === undefined)
          throw new Problem('unauthorized', 'This is not valid, or not any more.');
        reply.header('retry-after', Math.ceil(milliseconds / 1000));
        throw new Problem('too_many_requests', 'Too many attempts to sign in. Try again later.');
      }
      reply.header('set-cookie', await sessionCookie(services, session));
      return { version: services.version, session: await describeSession(services, session) };
    },
  );

  app.delete(`${OPERATOR_PAGE}/session`, { config }, async (request, reply) => {
    requireFromPage(request);
    return reply.code(204).header('set-cookie', noSessionCookie(services)).send();
  });
}

/** @throws Problem `forbidden` for what another website has a browser send */
export function requireFromPage({ headers }: FastifyRequest): void {
  if (!isFromPage(headers)) throw new Problem('forbidden', 'This is for the page of this server only.');
}

async function signIn(
  { database: { queries }, clock }: Services,
  { body, id: requestId }: FastifyRequest<{ Body: Static<typeof SignInRequest> }>,
  address: string | null,
): Promise<PageSession | undefined> {
  const now = clock();
  if ('link' in body) {
    const by = { actor: { ...PAGE_OPERATOR, address, requestId }, now };
    return (await takeOperatorLink(queries, body.link, by)) ? operatorSession(now) : undefined;
  }
  const record = await findValidToken(queries, body.token.trim(), now);
  if (record === undefined || record.job !== null) return undefined; // a job's lives for minutes, and signs in nowhere
  const ends = Math.min(now.getTime() + SESSION_LIFE_MS, record.expiresAt ?? Number.POSITIVE_INFINITY);
  return { kind: 'token', id: record.id, expiresAt: ends };
}

/** For the page; null where the token has been revoked. */
async function describeSession({ database: { queries }, clock }: Services, session: PageSession) {
  const token: TokenRecord | undefined =
    session.kind === 'token' ? await findTokenStillValid(queries, session.id, clock()) : undefined;
  if (session.kind === 'token' && token === undefined) return null;
  const own = token && (await findApp(queries, token.appId));
  const apps = session.kind === 'operator' ? await listApps(queries) : own ? [own] : [];
  return {
    kind: session.kind,
    name: token?.name ?? 'operator',
    expires_at: formatTimestamp(session.expiresAt),
    scopes: token?.scopes ?? SCOPES,
    apps: apps.map(({ id, name, slug }) => ({ id, name, slug })),
  };
}
