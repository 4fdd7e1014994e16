import type { FastifyInstance } from 'fastify';
import { issuerRecords } from '../../database/queries/issuer-keys.ts';
import type { TokenRecord } from '../../database/queries/tokens.ts';
import { exchangeIdentity, listTrustedPublishers } from '../../database/queries/trusted-publishers.ts';
import { identifyJob } from '../../identity/identify-job.ts';
import { IssuerKeys } from '../../identity/issuer-keys.ts';
import { limitedTo, PUBLISH_SCOPES } from '../../protocol/access/scope.ts';
import { ExchangeIdentityRequest, type ExchangeIdentityResponse } from '../../protocol/messages.ts';
import { type FieldError, Problem } from '../../protocol/problem.ts';
import { formatTimestamp } from '../../protocol/time.ts';
import { audienceOf, TRUSTED_TOKEN_LIFE_MS } from '../../protocol/trust/trusted-publisher.ts';
import type { Origin } from '../audit/request-author.ts';
import { clientAddressReader, clientNetwork, plainAddress, trustedHops } from '../http/client-address.ts';
import { registerRoute } from '../http/register-route.ts';
import { createInvalidTokenLimit } from '../limits/invalid-token-limit.ts';
import type { Services } from '../services.ts';

/** What a job may do that a trusted publisher runs: publish, and neither delete nor administrate. */
const SCOPES_OF_JOBS = PUBLISH_SCOPES;

/** Extension `trusted-publishing`: a token for a CI job that proves by its identity token which one it is. */
export function registerIdentityExchange(app: FastifyInstance, services: Services): void {
  const { database, clock, publicUrl, trustProxy } = services;
  const keys = new IssuerKeys(issuerRecords(database.queries), clock);
  const addressOf = clientAddressReader(trustedHops(trustProxy));
  const refusedFor = createInvalidTokenLimit('refused-identity');

  async function exchange(appId: string, token: string, origin: Origin): Promise<ExchangeIdentityResponse> {
    // An unknown app is like one that trusts no issuer, so that ids cannot be probed.
    const publishers = await listTrustedPublishers(database.queries, appId);
    const audience = audienceOf(new URL(publicUrl()));
    const identified = await identifyJob(token, { publishers, audience, keys, now: clock() });
    if (identified.kind === 'issuer_unavailable') throw issuerUnavailable(identified.reason);
    if (identified.kind === 'refused') throw refused(identified.errors);
    const scopes = limitedTo(SCOPES_OF_JOBS, identified.publisher.channels);
    const identity = { ...identified, scopes };
    const result = await exchangeIdentity(database.queries, identity, { now: clock(), origin });
    if (result.kind === 'used') throw alreadyUsed();
    if (result.kind === 'not_trusted') throw refused([REMOVED]);
    return toResponse(result.token, result.record);
  }

  registerRoute(app, 'exchangeIdentity', {
    body: ExchangeIdentityRequest,
    handle: async ({ params, body, raw }, reply) => {
      const origin = { address: plainAddress(addressOf(raw.raw)) ?? null, requestId: raw.id };
      try {
        return await exchange(params.app_id, body.identity_token, origin);
      } catch (error) {
        if (!(error instanceof Problem) || error.status !== 403) throw error;
        // As for tokens: what is accepted is never limited.
        const milliseconds = await refusedFor(clientNetwork(addressOf(raw.raw)));
        if (milliseconds === undefined) throw error;
        reply.header('retry-after', Math.ceil(milliseconds / 1000));
        throw new Problem('too_many_requests', 'Too many identity tokens were refused. Try again later.');
      }
    },
  });
}

function toResponse(token: string, { expiresAt, scopes, job }: TokenRecord): ExchangeIdentityResponse {
  return {
    token,
    expires_in: TRUSTED_TOKEN_LIFE_MS / 1000,
    ...(expiresAt !== null && { expires_at: formatTimestamp(expiresAt) }),
    scopes: [...scopes],
    ...(job !== null && { job }),
  };
}

const REMOVED: FieldError = {
  field: 'repository_id',
  message: 'must be that of a repository that is trusted: it was removed, or another one was pinned',
};

function refused(errors: readonly FieldError[]): Problem {
  const detail = errors.map(({ field, message }) => `${field} ${message}`).join('; ');
  return new Problem('identity_refused', `The identity token is not accepted: ${detail}.`, errors);
}

function alreadyUsed(): Problem {
  const message = 'must be of a token that was not exchanged before';
  return new Problem('identity_used', 'The identity token was exchanged before, and each is accepted once.', [
    { field: 'jti', message },
  ]);
}

function issuerUnavailable(reason: string): Problem {
  return new Problem('issuer_unavailable', `The identity token cannot be verified now: ${reason}.`);
}
