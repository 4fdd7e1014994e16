import type { FastifyReply, FastifyRequest } from 'fastify';
import Type from 'typebox';
import { type App, findApp } from '../../database/queries/apps.ts';
import { findTokenStillValid, findValidToken, type TokenRecord } from '../../database/queries/tokens.ts';
import {
  allows,
  describeScope,
  type NeededScope,
  SCOPES,
  type Scope,
  without,
} from '../../protocol/access/scope.ts';
import { PathParameters } from '../../protocol/messages.ts';
import { Problem, type ProblemCode } from '../../protocol/problem.ts';
import { matches } from '../../protocol/validate.ts';
import { verifyTarget } from '../../storage/signed-url.ts';
import { NO_ORIGIN } from '../audit/request-author.ts';
import { createInvalidTokenLimit } from '../limits/invalid-token-limit.ts';
import { findSession } from '../operator-page/page-session.ts';
import type { Services } from '../services.ts';
import { type AddressReader, clientNetwork, plainAddress } from './client-address.ts';

declare module 'fastify' {
  interface FastifyRequest {
    /** The valid one that the request was made with, on a route that takes one. */
    token?: TokenRecord;
  }
}

/**
 * What stored tokens may not do in an app that only trusted publishers publish. Where it requires approval, a person does
 * that with a stored token: no job can.
 */
function shutOutFrom(
  { trustedOnly, approval }: Pick<App, 'trustedOnly' | 'approval'>,
  { job }: TokenRecord,
): readonly Scope[] {
  if (!trustedOnly || job !== null) return [];
  return approval ? ['release:upload'] : ['release:upload', 'release:publish'];
}

const AppParameters = Type.Object({ app_id: PathParameters.app_id });

/**
 * Lets a request through only if its route's access allows it. Runs before the body is read.
 *
 * A valid token is always let through, however many invalid ones its address sent: behind a proxy many clients share an
 * address, and 178 random bits need no protection against guessing. The limit slows down a misconfigured job.
 */
export function createAuthenticator(services: Services, addressOf: AddressReader) {
  const refusedFor = createInvalidTokenLimit('invalid-token');

  return async function authenticate(request: FastifyRequest, reply: FastifyReply): Promise<void> {
    const { access } = request.routeOptions.config;
    if (access === 'public' || request.is404) return;
    if (access === undefined) throw new Error(`${request.routeOptions.url} declares no access`);
    request.origin = { address: plainAddress(addressOf(request.raw)) ?? null, requestId: request.id };
    if (access === 'signed-url') return requireSignedUrl(services, request);
    const token = bearer(request);
    const record = await recordOf(services, request, token);
    if (record !== undefined) return requireAccess(services, request, { record, anyOf: [access].flat() });
    reply.header('www-authenticate', 'Bearer');
    const milliseconds = await refusedFor(clientNetwork(addressOf(request.raw)));
    if (milliseconds !== undefined) {
      reply.header('retry-after', Math.ceil(milliseconds / 1000));
      throw new Problem('too_many_requests', 'Too many requests with an invalid token. Try again later.');
    }
    throw new Problem(
      'unauthorized',
      token === undefined ? 'A token is required.' : 'The token is unknown, expired or revoked.',
    );
  };
}

/**
 * For what a request changes beyond its route's own scope.
 * @throws Problem `forbidden` where its token does not allow it
 */
export function requireScope({ token }: FastifyRequest, ...needed: readonly NeededScope[]): void {
  const scopes = token?.scopes ?? [];
  const lacking = needed.filter((one) => !allows(scopes, one)).map((one) => describeScope(scopes, one));
  if (lacking.length > 0) {
    throw new Problem('forbidden', `The token lacks the scope ${lacking.join(' and ')}.`);
  }
}

/** The valid token that a request is made with: its own, or that of who is signed in at the page. */
async function recordOf(
  services: Services,
  request: FastifyRequest,
  token: string | undefined,
): Promise<TokenRecord | undefined> {
  const { database, clock, tokenUses, web } = services;
  const origin = request.origin ?? NO_ORIGIN;
  const { params } = request;
  const appId = matches(AppParameters, params) ? params.app_id : '';
  const session =
    token === undefined && web ? await findSession(services, request.headers, clock()) : undefined;
  if (session?.kind === 'operator') {
    request.actor = { ...PAGE_OPERATOR, ...origin };
    return { ...OPERATOR_RECORD, id: session.id, appId, expiresAt: session.expiresAt };
  }
  const record =
    token !== undefined
      ? await findValidToken(database.queries, token, clock())
      : session && (await findTokenStillValid(database.queries, session.id, clock()));
  if (record === undefined) return undefined;
  const kind = record.job === null ? 'token' : 'identity';
  request.actor = { kind, id: record.id, name: record.name, ...origin };
  tokenUses?.used(record.id);
  return record;
}

/** An operator who is signed in at the page, in the audit log and in place of a token. */
export const PAGE_OPERATOR = { kind: 'operator', id: null, name: 'page' } as const;
const OPERATOR_RECORD = { name: 'page', scopes: SCOPES, createdAt: 0, revokedAt: null, job: null };

/** @throws Problem `not_found` or `forbidden` for a token that does not give access */
async function requireAccess(
  { database, refusals }: Services,
  request: FastifyRequest,
  { record, anyOf }: { readonly record: TokenRecord; readonly anyOf: readonly Scope[] },
): Promise<void> {
  const { actor } = request;
  request.token = record;
  const { params } = request;
  const appId = matches(AppParameters, params) ? params.app_id : undefined;
  // Another app's id gets the same response as an unknown one, so that ids cannot be probed.
  const app = appId === record.appId ? await findApp(database.queries, appId) : undefined;
  if (app === undefined) {
    const details = { method: request.method, path: request.routeOptions.url, app_id: appId };
    if (actor !== undefined)
      refusals?.note({ action: 'request.refused', actor, details, appId: record.appId, code: 'not_found' });
    throw new Problem('not_found', 'There is no such app, or the token is not for it.');
  }
  const scopes = without(record.scopes, shutOutFrom(app, record));
  if (!anyOf.some((scope) => allows(scopes, { scope }))) {
    const lacks = !anyOf.some((scope) => allows(record.scopes, { scope }));
    if (lacks) throw new Problem('forbidden', `The token lacks the scope ${anyOf.join(' or ')}.`);
    throw new Problem(
      'trusted_only',
      'The app accepts no stored tokens for publishing, only jobs that it trusts.',
    );
  }
  request.token = { ...record, scopes };
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

/** What the audit log records. */
const REFUSALS: readonly ProblemCode[] = ['forbidden', 'trusted_only'];

/** For `onError`: records what a valid token was not allowed to do. */
export function createRefusalHook({ refusals }: Services) {
  return async function noteRefusal(
    { actor, method, params, routeOptions }: FastifyRequest,
    _reply: FastifyReply,
    error: Error,
  ): Promise<void> {
    if (!(error instanceof Problem) || !REFUSALS.includes(error.code)) return;
    if (actor === undefined || !matches(AppParameters, params)) return;
    const details = { method, path: routeOptions.url, reason: error.message };
    refusals?.note({ action: 'request.refused', actor, appId: params.app_id, code: error.code, details });
  };
}

/** RFC 6750 section 2.1; the scheme is case-insensitive. */
function bearer(request: FastifyRequest): string | undefined {
  return /^bearer +(\S+) *$/i.exec(request.headers.authorization ?? '')?.[1];
}
