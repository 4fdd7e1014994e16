import { CompactSign, exportJWK, generateKeyPair, type JWTHeaderParameters } from 'jose';
import { listenHttp } from '../network/loopback-server.ts';

type KeyPair = Awaited<ReturnType<typeof generateKeyPair>>;

interface Key extends KeyPair {
  readonly kid: string;
  readonly alg: string;
}

/** A document that the issuer answers with, instead of its own. */
export interface Replacement {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

/** An issuer of identity tokens with real keys, over real HTTP; also the runner that jobs ask for theirs. */
export interface TestIssuer {
  /** Its `iss`. */
  readonly url: string;
  /** The paths that were asked for. */
  readonly requests: string[];
  /** By path. */
  readonly replaced: Map<string, Replacement>;
  /** Adds a key that signs from now on. @param keepOld whether the former ones stay published */
  rotate(keepOld?: boolean, alg?: string): Promise<void>;
  sign(payload: object, header?: Partial<JWTHeaderParameters>): Promise<string>;
  /** The first key, as it is published: for who uses it as a secret. */
  publicKey(): Promise<Record<string, unknown>>;
  /** What the runner issues for a job's request, by its audience. */
  issue: ((audience: string) => Promise<string>) | undefined;
  /** What a job has in its environment. */
  readonly runner: {
    readonly ACTIONS_ID_TOKEN_REQUEST_URL: string;
    readonly ACTIONS_ID_TOKEN_REQUEST_TOKEN: string;
  };
}

export const JWKS_PATH = '/keys';
export const DISCOVERY_PATH = '/.well-known/openid-configuration';
const RUNNER_PATH = '/idtoken';
const RUNNER_TOKEN = 'runner-secret-4711';

/** It closes when the test is finished. */
export async function startIssuer(alg = 'RS256'): Promise<TestIssuer> {
  const requests: string[] = [];
  const replaced = new Map<string, Replacement>();
  let keys = [await createKey('key-1', alg)];
  let url = '';
  const server = await listenHttp(async (request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? '', url);
    requests.push(pathname);
    const { status, headers, body } =
      replaced.get(pathname) ?? (await respond(pathname, searchParams, request.headers));
    response.writeHead(status ?? 200, { 'content-type': 'application/json', ...headers }).end(body);
  });
  url = server.origin;

  async function respond(
    path: string,
    query: URLSearchParams,
    headers: { readonly authorization?: string | undefined },
  ): Promise<Replacement> {
    if (path === DISCOVERY_PATH) return { body: JSON.stringify({ issuer: url, jwks_uri: url + JWKS_PATH }) };
    if (path === JWKS_PATH) return { body: JSON.stringify({ keys: await Promise.all(keys.map(published)) }) };
    if (path !== RUNNER_PATH || headers.authorization !== `Bearer ${RUNNER_TOKEN}`) return { status: 401 };
    const value = await issuer.issue?.(query.get('audience') ?? '');
    return value === undefined ? { status: 403 } : { body: JSON.stringify({ value }) };
  }

  const issuer: TestIssuer = {
    url,
    requests,
    replaced,
    issue: undefined,
    runner: {
      ACTIONS_ID_TOKEN_REQUEST_URL: `${url}${RUNNER_PATH}?api-version=2.0`,
      ACTIONS_ID_TOKEN_REQUEST_TOKEN: RUNNER_TOKEN,
    },
    async rotate(keepOld = false, next = 'RS256') {
      const added = await createKey(`key-${keys.length + 1}-${next}`, next);
      keys = [added, ...(keepOld ? keys : [])];
    },
    async sign(payload, header = {}) {
      const [key] = keys;
      if (key === undefined) throw new Error('the issuer has a key');
      return new CompactSign(Buffer.from(JSON.stringify(payload))) // also what a library would not sign
        .setProtectedHeader({ alg: key.alg, kid: key.kid, typ: 'JWT', ...header })
        .sign(key.privateKey);
    },
    async publicKey() {
      const [key] = keys;
      if (key === undefined) throw new Error('the issuer has a key');
      return published(key);
    },
  };
  return issuer;
}

async function createKey(kid: string, alg: string): Promise<Key> {
  return { kid, alg, ...(await generateKeyPair(alg, { extractable: true })) };
}

async function published({ publicKey, kid, alg }: Key): Promise<Record<string, unknown>> {
  return { ...(await exportJWK(publicKey)), kid, alg, use: 'sig' };
}
