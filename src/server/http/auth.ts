import type { FastifyReply, FastifyRequest } from 'fastify';
import { RateLimiterMemory } from 'rate-limiter-flexible';
import { findApp } from '../../database/queries/apps.ts';
import { findValidToken, type TokenRecord } from '../../database/queries/tokens.ts';
import { Problem } from '../../protocol/problem.ts';
import type { Scope } from '../../protocol/token.ts';
import { verifyTarget } from '../../storage/signed-url.ts';
import type { Services } from '../services.ts';

/** Bad tokens one address may send in a minute before it is told to wait. */
const FAILURES_A_MINUTE = 10;

/**
 * Lets a request through only if its route's access allows it. Runs before the body is read.
 *
 * A good token is always let through, however many bad ones its address sent: behind a proxy many share an address,
 * and 178 random bits need no help against guessing. The limit keeps a misconfigured job from hammering.
 */
export function createAuthenticator(services: Services) {
  const failures = new RateLimiterMemory({ points: FAILURES_A_MINUTE, duration: 60 });

  return async function authenticate(request: FastifyRequest, reply: FastifyReply): Promise<void> {
    const access = request.routeOptions.config.access;
    if (access === 'public' || request.is404) return;
    if (access === undefined) throw new Error(`${request.routeOptions.url} declares no access`);
    if (access === 'signed-url') return requireSignedUrl(services, request);
    const token = bearer(request);
    const record = token && (await findValidToken(services.database.queries, token, services.clock()));
    if (!record) {
      reply.header('www-authenticate', 'Bearer');
      await failures.consume(request.ip).catch(({ msBeforeNext }: { msBeforeNext: number }) => {
        reply.header('retry-after', Math.ceil(msBeforeNext / 1000));
        throw new Problem('too_many_requests', 'Too many requests with a bad token. Wait before the next.');
      });
      throw new Problem(
        'unauthorized',
        token ? 'The token is unknown, expired or revoked.' : 'A token is required.',
      );
    }
    await requireRight(services, request, record, access);
  };
}

async function requireRight(
  { database }: Services,
  request: FastifyRequest,
  token: TokenRecord,
  scope: Scope,
): Promise<void> {
  const { app_id: appId } = request.params as { app_id?: string };
  // Another app's id is answered like one that does not exist, so that ids cannot be probed.
  if (appId !== token.appId || (await findApp(database.queries, appId)) === undefined) {
    throw new Problem('not_found', 'There is no such app, or the token is not for it.');
  }
  if (!token.scopes.includes(scope)) throw new Problem('forbidden', `The token lacks the scope ${scope}.`);
}

async function requireSignedUrl(
  { signingKeys, clock, publicUrl }: Services,
  request: FastifyRequest,
): Promise<void> {
  const method = request.method === 'PUT' ? 'PUT' : 'GET'; // a HEAD may look at what a GET may fetch
  const verdict = await verifyTarget(signingKeys, { method, target: request.raw.url ?? '' }, clock());
  if (verdict === 'valid') return;
  const reason = verdict === 'expired' ? 'It has expired.' : `It was not issued as it is by ${publicUrl()}.`;
  throw new Problem('url_refused', `This URL is not accepted. ${reason}`);
}

/** RFC 6750 section 2.1; the scheme's case does not matter. */
function bearer(request: FastifyRequest): string | undefined {
  return /^bearer +(\S+) *$/i.exec(request.headers.authorization ?? '')?.[1];
}
