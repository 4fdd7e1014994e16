import type { FastifyReply, FastifyRequest } from 'fastify';
import { RateLimiterMemory, type RateLimiterRes } from 'rate-limiter-flexible';
import Type from 'typebox';
import { findApp } from '../../database/queries/apps.ts';
import { findValidToken } from '../../database/queries/tokens.ts';
import { PathParameters } from '../../protocol/messages.ts';
import { Problem } from '../../protocol/problem.ts';
import type { Scope } from '../../protocol/token.ts';
import { matches } from '../../protocol/validate.ts';
import { verifyTarget } from '../../storage/signed-url.ts';
import type { Services } from '../services.ts';

declare module 'fastify' {
  interface FastifyRequest {
    /** Those of the token that the request was made with. */
    scopes?: readonly Scope[];
  }
}

/** Invalid tokens that one address may send in a minute before it gets a 429. */
const FAILURES_PER_MINUTE = 10;

const AppParameters = Type.Object({ app_id: PathParameters.app_id });

/**
 * Lets a request through only if its route's access allows it. Runs before the body is read.
 *
 * A valid token is always let through, however many invalid ones its address sent: behind a proxy many clients share an
 * address, and 178 random bits need no protection against guessing. The limit slows down a misconfigured job.
 */
export function createAuthenticator(services: Services) {
  const failures = new RateLimiterMemory({ points: FAILURES_PER_MINUTE, duration: 60 });

  return async function authenticate(request: FastifyRequest, reply: FastifyReply): Promise<void> {
    const { access } = request.routeOptions.config;
    if (access === 'public' || request.is404) return;
    if (access === undefined) throw new Error(`${request.routeOptions.url} declares no access`);
    if (access === 'signed-url') return requireSignedUrl(services, request);
    const token = bearer(request);
    if (token !== undefined && (await hasAccess(services, request, { token, scope: access }))) return;
    reply.header('www-authenticate', 'Bearer');
    await failures.consume(request.ip).catch(({ msBeforeNext }: RateLimiterRes) => {
      reply.header('retry-after', Math.ceil(msBeforeNext / 1000));
      throw new Problem('too_many_requests', 'Too many requests with an invalid token. Try again later.');
    });
    throw new Problem(
      'unauthorized',
      token === undefined ? 'A token is required.' : 'The token is unknown, expired or revoked.',
    );
  };
}

/**
 * @returns false for an invalid token
 * @throws Problem `not_found` or `forbidden` for a token that does not give access
 */
async function hasAccess(
  { database, clock }: Services,
  request: FastifyRequest,
  { token, scope }: { readonly token: string; readonly scope: Scope },
): Promise<boolean> {
  const record = await findValidToken(database.queries, token, clock());
  if (!record) return false;
  const { params } = request;
  const appId = matches(AppParameters, params) ? params.app_id : undefined;
  // Another app's id gets the same response as an unknown one, so that ids cannot be probed.
  if (appId !== record.appId || (await findApp(database.queries, appId)) === undefined) {
    throw new Problem('not_found', 'There is no such app, or the token is not for it.');
  }
  if (!record.scopes.includes(scope)) throw new Problem('forbidden', `The token lacks the scope ${scope}.`);
  request.scopes = record.scopes;
  return true;
}

async function requireSignedUrl(
  { signingKeys, clock, publicUrl }: Services,
  request: FastifyRequest,
): Promise<void> {
  const method = request.method === 'PUT' ? 'PUT' : 'GET'; // a URL for GET is valid for HEAD too
  const target = { method, target: request.raw.url ?? '' } as const;
  const verdict = await verifyTarget(signingKeys, target, clock());
  if (verdict === 'valid') return;
  const reason =
    verdict === 'expired' ? 'It has expired.' : `It was altered, or not issued by ${publicUrl()}.`;
  throw new Problem('url_refused', `This URL is not accepted. ${reason}`);
}

/** RFC 6750 section 2.1; the scheme is case-insensitive. */
function bearer(request: FastifyRequest): string | undefined {
  return /^bearer +(\S+) *$/i.exec(request.headers.authorization ?? '')?.[1];
}
