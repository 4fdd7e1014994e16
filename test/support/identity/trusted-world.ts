import type { LightMyRequestResponse } from 'fastify';
import {
  addTrustedPublisher,
  type NewTrustedPublisher,
} from '../../../src/database/queries/trusted-publishers.ts';
import type { TrustedPublisher } from '../../../src/protocol/trust/trusted-publisher.ts';
import type { Services } from '../../../src/server/services.ts';
import { Publisher, startServer } from '../publish/publisher.ts';
import { by } from '../server/by.ts';
import { TEST_PUBLIC_URL, type TestServer } from '../server/server.ts';
import { githubClaims } from './job-claims.ts';
import { startIssuer, type TestIssuer } from './test-issuer.ts';
import { publisherOf } from './trusted-job.ts';

/** A server with an app that trusts a workflow, and the issuer of that workflow's identity tokens. */
export interface TrustedWorld {
  readonly server: TestServer;
  readonly issuer: TestIssuer;
  readonly app: Publisher;
  readonly publisher: TrustedPublisher;
  trust(change: Partial<NewTrustedPublisher>): Promise<TrustedPublisher>;
  /** The claims of its job, with changes; undefined leaves one out. */
  claims(change?: Record<string, unknown>): Record<string, unknown>;
  /** An identity token with these claims. */
  sign(change?: Record<string, unknown>): Promise<string>;
  /** Each from its own address. */
  exchange(identityToken: string, options?: ExchangeOptions): Promise<LightMyRequestResponse>;
}

interface ExchangeOptions {
  readonly appId?: string;
  readonly server?: TestServer;
  readonly remoteAddress?: string;
}

export const AUDIENCE = TEST_PUBLIC_URL;

let addresses = 0;

export async function startTrustedWorld(
  change: Partial<NewTrustedPublisher> = {},
  overrides: Partial<Services> = {},
): Promise<TrustedWorld> {
  const server = await startServer(overrides);
  const issuer = await startIssuer();
  const app = await Publisher.on(server);
  const trust = async (fields: Partial<NewTrustedPublisher>) => {
    const publisher = { ...publisherOf(app.id, issuer.url), ...fields };
    const added = await addTrustedPublisher(server.database.queries, publisher, by(server.services.clock()));
    if (added === 'exists') throw new Error('it is trusted already');
    return added;
  };
  const claims: TrustedWorld['claims'] = (fields = {}) => {
    const at = Math.floor(server.services.clock().getTime() / 1000);
    const all = Object.entries({ ...githubClaims(issuer.url, AUDIENCE, at), ...fields });
    return Object.fromEntries(all.filter(([, value]) => value !== undefined));
  };
  return {
    server,
    issuer,
    app,
    publisher: await trust(change),
    trust,
    claims,
    sign: (fields) => issuer.sign(claims(fields)),
    exchange: (identityToken, { appId = app.id, server: at = server, remoteAddress = nextAddress() } = {}) =>
      at.app.inject({
        method: 'POST',
        url: `/api/sync/ota/apps/${appId}/oidc/exchange`,
        payload: { identity_token: identityToken },
        remoteAddress,
      }),
  };
}

export function nextAddress(): string {
  addresses += 1;
  return `10.${addresses >> 16}.${(addresses >> 8) & 255}.${addresses & 255}`;
}
