import { expect, test, vi } from 'vitest';
import { setLimits } from '../../../src/database/queries/app-limits.ts';
import { setTrustedOnly } from '../../../src/database/queries/apps.ts';
import { listTokens } from '../../../src/database/queries/tokens.ts';
import {
  listTrustedPublishers,
  removeTrustedPublisher,
} from '../../../src/database/queries/trusted-publishers.ts';
import { pathOf, routes } from '../../../src/protocol/routes.ts';
import { COMMIT } from '../../support/identity/job-claims.ts';
import { DISCOVERY_PATH, JWKS_PATH, startIssuer } from '../../support/identity/test-issuer.ts';
import { AUDIENCE, startTrustedWorld, type TrustedWorld } from '../../support/identity/trusted-world.ts';
import { LINUX } from '../../support/publish/publisher.ts';
import { by } from '../../support/server/by.ts';

const MINUTE = 60_000;

async function tokenOf(world: TrustedWorld, change?: Record<string, unknown>): Promise<string> {
  const response = await world.exchange(await world.sign(change));
  expect(response.statusCode, response.body).toBe(200);
  return response.json().token;
}

function advance({ server }: TrustedWorld, milliseconds: number): void {
  server.now = new Date(server.now.getTime() + milliseconds);
}

test('a job of a trusted workflow gets a token for its identity, with which it publishes', async () => {
  const world = await startTrustedWorld();
  const response = await world.exchange(await world.sign());
  expect(response.statusCode).toBe(200);
  expect(response.headers['cache-control']).toBe('no-store');
  const { token, ...rest } = response.json();
  const job = {
    provider: 'github',
    issuer: world.issuer.url,
    repository: 'octo/my-app',
    repository_id: '74',
    owner_id: '65',
    commit: COMMIT,
    ref: 'refs/tags/v1.0.0',
    workflow: '.github/workflows/release.yml',
    environment: 'release',
    event: 'push',
    run: `${world.issuer.url}/octo/my-app/actions/runs/9001/attempts/2`,
    run_id: '9001',
    run_attempt: '2',
    actor: 'octocat',
    actor_id: '12',
  };
  expect(rest).toEqual({
    expires_in: 900,
    expires_at: '2026-03-13T12:15:00Z',
    scopes: expect.arrayContaining(['release:read']),
    job,
  });
  expect(token).toMatch(/^sko_/);

  const { app, server } = world;
  const created = await app.send('POST', '/releases', { token, body: { version: '1.0.0', signature: 's' } });
  expect(created.statusCode).toBe(201);
  const [listed] = (await app.send('GET', '/releases')).json();
  expect(listed.provenance).toEqual(job);

  const records = await listTokens(server.database.queries, app.id);
  expect(records.map(({ job: of }) => of)).toEqual(expect.arrayContaining([null, job]));
  const stored = JSON.stringify(await server.database.queries.selectFrom('tokens').selectAll().execute());
  expect(stored).not.toContain(token.slice(4));
});

test('R48: what it gets lives for 15 minutes, for one app, and can neither delete nor administrate', async () => {
  const world = await startTrustedWorld();
  const { app, server } = world;
  const releaseId = await app.publish('1.0.0');
  const token = await tokenOf(world);
  expect((await app.send('GET', '/releases', { token })).statusCode).toBe(200);
  expect((await app.send('DELETE', `/releases/${releaseId}`, { token })).statusCode).toBe(403);
  expect((await app.send('PUT', '/slug', { token, body: { slug: 'next-app' } })).statusCode).toBe(403);
  const other = await server.createApp({ slug: 'other-app' });
  const url = pathOf('listReleases', { app_id: other.id });
  const elsewhere = await server.app.inject({
    method: routes.listReleases.method,
    url,
    headers: { authorization: `Bearer ${token}` },
  });
  expect(elsewhere.statusCode).toBe(404);
  advance(world, 15 * MINUTE - 1);
  expect((await app.send('GET', '/releases', { token })).statusCode).toBe(200);
  advance(world, 1);
  expect((await app.send('GET', '/releases', { token })).statusCode).toBe(401);
});

test('R48: each identity token is exchanged once, also if it is sent many times at once', async () => {
  const world = await startTrustedWorld();
  const identity = await world.sign();
  const responses = await Promise.all(Array.from({ length: 20 }, () => world.exchange(identity)));
  expect(responses.filter(({ statusCode }) => statusCode === 200)).toHaveLength(1);
  const refused = responses.filter(({ statusCode }) => statusCode !== 200);
  for (const response of refused) {
    expect([response.statusCode, response.json().code]).toEqual([403, 'identity_used']);
  }
  advance(world, 5 * MINUTE); // until which it is valid
  expect((await world.exchange(identity)).json().code).toBe('identity_used');
  advance(world, 29_999); // the leeway
  expect((await world.exchange(identity)).json().code).toBe('identity_used');
  advance(world, 1001);
  expect((await world.exchange(identity)).json().errors).toMatchObject([{ field: 'exp' }]);
  expect(await listTokens(world.server.database.queries)).toHaveLength(2);
});

test('the server remembers used identity tokens until they are not accepted, and tokens of jobs for a month more', async () => {
  const world = await startTrustedWorld();
  const { queries } = world.server.database;
  await tokenOf(world);
  const { Maintenance } = await import('../../../src/server/maintenance/maintenance.ts');
  const { pino } = await import('pino');
  const maintain = async () => {
    const maintenance = new Maintenance(world.server.services, pino({ level: 'silent' }));
    await maintenance.runOnce();
    await maintenance.stop();
  };
  const kept = async () => ({
    used: (await queries.selectFrom('used_identities').selectAll().execute()).length,
    tokens: (await listTokens(queries)).length,
  });
  advance(world, 5 * MINUTE + 30_000);
  await maintain();
  expect(await kept()).toEqual({ used: 1, tokens: 2 });
  advance(world, 1);
  await maintain();
  expect(await kept()).toEqual({ used: 0, tokens: 2 });
  for (let day = 0; day < 31; day++) {
    advance(world, 24 * 60 * MINUTE); // a clock that leaps further is not believed
    await maintain();
  }
  expect(await kept()).toEqual({ used: 0, tokens: 2 });
  advance(world, 15 * MINUTE);
  await maintain();
  expect(await kept()).toEqual({ used: 0, tokens: 1 });
});

test('ids that the operator did not give are pinned by the first job, and no other repository can publish then', async () => {
  const world = await startTrustedWorld({ repositoryId: null, ownerId: null });
  const { queries } = world.server.database;
  await tokenOf(world, {
    repository: 'Octo/My-App',
    workflow_ref: 'Octo/My-App/.github/workflows/release.yml@refs/tags/v1.0.0',
    job_workflow_ref: 'Octo/My-App/.github/workflows/release.yml@refs/tags/v1.0.0',
  });
  expect(await listTrustedPublishers(queries, world.app.id)).toMatchObject([
    { repositoryId: '74', ownerId: '65' },
  ]);
  const again = await world.exchange(
    await world.sign({ repository_id: '1074', repository_owner_id: '1065' }),
  );
  expect(again.json().errors).toEqual([
    { field: 'repository_id', message: 'must be "74", and is "1074"' },
    { field: 'repository_owner_id', message: 'must be "65", and is "1065"' },
  ]);
});

test('of two repositories that are the first at once, one is pinned', async () => {
  const world = await startTrustedWorld({ repositoryId: null, ownerId: null });
  const tokens = await Promise.all(
    Array.from({ length: 10 }, (_, i) => world.sign({ repository_id: String(74 + (i % 2)) })),
  );
  const responses = await Promise.all(tokens.map((token) => world.exchange(token)));
  const accepted = responses.filter(({ statusCode }) => statusCode === 200).map((one) => one.json().job);
  expect(new Set(accepted.map(({ repository_id }) => repository_id)).size).toBe(1);
  expect(accepted).toHaveLength(5);
});

test('a workflow that is trusted no more can neither exchange nor use what it got', async () => {
  const world = await startTrustedWorld();
  const { app, server, publisher } = world;
  const token = await tokenOf(world);
  const late = await world.sign();
  await removeTrustedPublisher(server.database.queries, publisher, by(server.now));
  expect((await app.send('GET', '/releases', { token })).statusCode).toBe(401);
  const refused = await world.exchange(late);
  expect(refused.json().errors).toMatchObject([{ field: 'iss' }]);
  expect((await app.send('GET', '/releases')).statusCode).toBe(200); // with the stored token
});

test('an unknown app is refused like one that trusts nothing, and no keys are fetched for it', async () => {
  const world = await startTrustedWorld();
  const other = await world.server.createApp({ slug: 'other-app' });
  const identity = await world.sign();
  const ofUnknown = await world.exchange(identity, { appId: 'unknown' });
  const ofOther = await world.exchange(identity, { appId: other.id });
  expect(ofUnknown.statusCode).toBe(403);
  expect(ofUnknown.json()).toEqual(ofOther.json());
  expect(world.issuer.requests).toEqual([]);
});

test('of several workflows the one that the job belongs to counts, and else the least different one is named', async () => {
  const world = await startTrustedWorld();
  await world.trust({ workflow: '.github/workflows/beta.yml', environment: null });
  const beta = 'octo/my-app/.github/workflows/beta.yml@refs/tags/v1.0.0';
  const change = { workflow_ref: beta, job_workflow_ref: beta };
  expect(await tokenOf(world, { ...change, environment: undefined })).toMatch(/^sko_/);
  const refused = await world.exchange(await world.sign({ ...change, repository_id: '75' }));
  expect(refused.json().errors).toEqual([{ field: 'repository_id', message: 'must be "74", and is "75"' }]);
});

test('with --only, stored tokens cannot publish, and jobs can', async () => {
  const world = await startTrustedWorld();
  const { app, server } = world;
  await setTrustedOnly(server.database.queries, { appId: app.id, only: true }, by());
  const release = { version: '1.0.0', signature: 's' };
  const refused = await app.send('POST', '/releases', { body: release });
  expect([refused.statusCode, refused.json().code]).toEqual([403, 'trusted_only']);
  expect((await app.send('GET', '/releases')).json()).toEqual([]);
  const token = await tokenOf(world);
  const created = await app.send('POST', '/releases', { token, body: release });
  expect(created.statusCode).toBe(201);
  const deleted = await app.send('DELETE', `/releases/${created.json().id}`);
  expect(deleted.statusCode).toBe(204);
});

test('a release says whether all of its files are from the commit that it was created for', async () => {
  const world = await startTrustedWorld();
  const { app } = world;
  const upload = async (releaseId: string, token: string, target: 'linux' | 'darwin') => {
    const body = { ...LINUX, target, file_size: 5 };
    const response = await app.send('POST', `/releases/${releaseId}/artifacts`, { token, body });
    expect(response.statusCode).toBe(201);
  };
  const provenanceOf = async (version: string) => {
    const listed = (await app.send('GET', `/releases?release=${version}`)).json();
    return listed[0].provenance;
  };
  const create = async (version: string, token: string) => {
    const body = { version, signature: 's', draft: true };
    return (await app.send('POST', '/releases', { token, body })).json().id;
  };
  const token = await tokenOf(world);
  const sameCommit = await tokenOf(world, { run_id: '9002', actor: 'hubot' });
  const otherCommit = await tokenOf(world, { sha: 'f'.repeat(40) });

  const own = await create('1.0.0', token);
  await upload(own, token, 'linux');
  await upload(own, sameCommit, 'darwin');
  expect(await provenanceOf('1.0.0')).toMatchObject({ commit: COMMIT, actor: 'octocat' });
  expect(await provenanceOf('1.0.0')).not.toHaveProperty('mixed');
  for (const [version, by] of [
    ['1.1.0', otherCommit],
    ['1.2.0', app.token],
  ] as const) {
    const id = await create(version, token);
    await upload(id, by, 'linux');
    expect(await provenanceOf(version)).toMatchObject({ commit: COMMIT, mixed: true });
  }
  await create('1.3.0', app.token);
  expect(await provenanceOf('1.3.0')).toBeUndefined();
});

test('R49: keys are fetched once a minute at most, whatever is sent, and new ones are found', async () => {
  const world = await startTrustedWorld();
  const { issuer } = world;
  const fetches = () => issuer.requests.filter((path) => path === JWKS_PATH).length;
  const flood = async () => {
    const unknown = await Promise.all(
      Array.from({ length: 50 }, (_, i) => issuer.sign(world.claims(), { kid: `other-${i}` })),
    );
    await Promise.all([...unknown, await world.sign()].map((token) => world.exchange(token)));
  };
  await flood();
  expect(fetches()).toBe(1);
  advance(world, MINUTE - 1);
  await flood();
  expect(fetches()).toBe(1);

  await issuer.rotate();
  const early = await world.exchange(await world.sign());
  expect(early.json().errors).toMatchObject([{ field: 'kid' }]);
  advance(world, 1);
  await tokenOf(world);
  expect(fetches()).toBe(2);
  await issuer.rotate(true, 'ES256');
  advance(world, MINUTE);
  await tokenOf(world);
  await issuer.rotate(false, 'EdDSA');
  advance(world, MINUTE);
  await tokenOf(world);
  expect(fetches()).toBe(4);
  expect(issuer.requests.filter((path) => path === DISCOVERY_PATH)).toHaveLength(4);
});

test('R49: all nodes on a database together fetch them once a minute', async () => {
  const world = await startTrustedWorld();
  const { openTestServer } = await import('../../support/server/server.ts');
  const dataDir = world.server.database.location.replace(/\/[^/]*$/, '');
  const node = await openTestServer(dataDir, { clock: () => world.server.now });
  try {
    const tokens = await Promise.all(Array.from({ length: 20 }, () => world.sign()));
    const responses = await Promise.all(
      tokens.map((token, i) => world.exchange(token, i % 2 === 0 ? {} : { server: node })),
    );
    expect(responses.map(({ statusCode }) => statusCode)).toEqual(tokens.map(() => 200));
    expect(world.issuer.requests).toEqual([DISCOVERY_PATH, JWKS_PATH]);
  } finally {
    await node.close();
  }
});

test('a key that the issuer no longer publishes is refused after ten minutes at most', async () => {
  const world = await startTrustedWorld();
  await tokenOf(world);
  advance(world, 10 * MINUTE + 1);
  const withOldKey = await world.sign();
  await world.issuer.rotate();
  expect((await world.exchange(withOldKey)).json().errors).toMatchObject([{ field: 'kid' }]);
});

test('while the issuer cannot be reached, its keys count for an hour, and then a job tries again', async () => {
  const world = await startTrustedWorld();
  await tokenOf(world);
  world.issuer.replaced.set(DISCOVERY_PATH, { status: 500 });
  advance(world, 59 * MINUTE);
  await tokenOf(world);
  advance(world, MINUTE + 1);
  const response = await world.exchange(await world.sign());
  expect([response.statusCode, response.json().code]).toEqual([503, 'issuer_unavailable']);
  expect(response.headers['retry-after']).toBeDefined();
  expect(response.json().detail).toContain('status 500');
});

test('R49: keys come from the discovery document of the issuer itself, and from nowhere else', async () => {
  const elsewhere = await startIssuer();
  const own = (url: string) => JSON.stringify({ issuer: url, jwks_uri: `${url}${JWKS_PATH}` });
  const documents = {
    'a redirect': () => ({ status: 302, headers: { location: `${elsewhere.url}${DISCOVERY_PATH}` } }),
    'another issuer': () => ({ body: own(elsewhere.url) }),
    'a jwks_uri at another origin': (url: string) => ({
      body: JSON.stringify({ issuer: url, jwks_uri: `${elsewhere.url}${JWKS_PATH}` }),
    }),
    'a jwks_uri of another scheme': (url: string) => ({
      body: JSON.stringify({ issuer: url, jwks_uri: 'file:///etc/passwd' }),
    }),
    'no jwks_uri': (url: string) => ({ body: JSON.stringify({ issuer: url }) }),
    'a slash more in the issuer': (url: string) => ({
      body: JSON.stringify({ issuer: `${url}/`, jwks_uri: `${url}${JWKS_PATH}` }),
    }),
    'a page': () => ({ body: '<html>' }),
    'a huge document': (url: string) => ({ body: own(url) + ' '.repeat(300_000) }),
  };
  for (const [name, document] of Object.entries(documents)) {
    const world = await startTrustedWorld();
    world.issuer.replaced.set(DISCOVERY_PATH, document(world.issuer.url));
    const response = await world.exchange(await world.sign());
    expect([response.statusCode, response.json().code], name).toEqual([503, 'issuer_unavailable']);
    expect(world.issuer.requests, name).toEqual([DISCOVERY_PATH]);
  }
  expect(elsewhere.requests).toEqual([]);
});

test('keys that are none are never used', async () => {
  const keys = {
    'a symmetric key': [{ kty: 'oct', k: 'c2VjcmV0', kid: 'key-1', alg: 'RS256' }],
    'a key that is too short': [{ kty: 'RSA', n: 'AQAB', e: 'AQAB', kid: 'key-1', alg: 'RS256' }],
    'a key for encryption': [{ kty: 'RSA', n: 'AQAB', e: 'AQAB', kid: 'key-1', use: 'enc' }],
  };
  for (const [name, jwks] of Object.entries(keys)) {
    const world = await startTrustedWorld();
    world.issuer.replaced.set(JWKS_PATH, { body: JSON.stringify({ keys: jwks }) });
    const response = await world.exchange(await world.sign());
    expect([response.statusCode, response.json().code], name).toEqual([403, 'identity_refused']);
  }
});

test('an issuer that does not answer is given up after five seconds', async () => {
  const world = await startTrustedWorld();
  const { listenRaw } = await import('../../support/network/loopback-server.ts');
  const silent = await listenRaw(() => {});
  await world.trust({ issuer: silent.origin, workflow: '.github/workflows/x.yml' });
  const start = performance.now();
  const response = await world.exchange(await world.issuer.sign(world.claims({ iss: silent.origin })));
  expect(response.json().code).toBe('issuer_unavailable');
  expect(performance.now() - start).toBeLessThan(12_000);
});

test('an address that sends many identity tokens that are refused gets a 429 for them, and none for what is accepted', async () => {
  const world = await startTrustedWorld();
  const remoteAddress = '192.0.2.1';
  const bad = await world.sign({ repository_id: '75' });
  const statuses: number[] = [];
  for (let i = 0; i < 12; i++) statuses.push((await world.exchange(bad, { remoteAddress })).statusCode);
  expect(statuses).toEqual([...Array.from({ length: 10 }, () => 403), 429, 429]);
  const limited = await world.exchange(bad, { remoteAddress });
  expect(Number(limited.headers['retry-after'])).toBeGreaterThan(0);
  expect((await world.exchange(await world.sign(), { remoteAddress })).statusCode).toBe(200);
});

test('the audience is the origin of the public URL', async () => {
  const world = await startTrustedWorld({}, { publicUrl: () => 'https://updates.example.com:8443/ota' });
  expect((await world.exchange(await world.sign())).json().errors).toEqual([
    { field: 'aud', message: `must be "https://updates.example.com:8443", and is "${AUDIENCE}"` },
  ]);
  await tokenOf(world, { aud: 'https://updates.example.com:8443' });
});

test('identity tokens and what they are exchanged for are never logged', async () => {
  const lines: string[] = [];
  const { createApp } = await import('../../../src/server/app.ts');
  const { pino } = await import('pino');
  const world = await startTrustedWorld();
  const logger = pino({ level: 'debug' }, { write: (line: string) => void lines.push(line) });
  const app = createApp(world.server.services, logger);
  const identity = await world.sign();
  const url = `/api/sync/ota/apps/${world.app.id}/oidc/exchange`;
  const exchanged = await app.inject({ method: 'POST', url, payload: { identity_token: identity } });
  await app.inject({ method: 'POST', url, payload: { identity_token: identity } });
  await app.close();
  await vi.waitFor(() => expect(lines.join('')).toContain('/oidc/exchange'));
  expect(lines.join('')).not.toContain(exchanged.json().token.slice(4));
  expect(lines.join('')).not.toContain(identity.split('.')[2]);
});

test('attack F07: a workflow that is trusted for channels publishes into those, and its app keeps within its limits', async () => {
  const world = await startTrustedWorld({ channels: ['beta', 'pr-1', 'pr-2', 'pr-3'] });
  const { app, server } = world;
  const { queries } = server.database;
  const response = await world.exchange(await world.sign());
  const { token, scopes } = response.json();
  expect(scopes).toEqual([
    'release:read',
    'release:upload@beta,pr-1,pr-2,pr-3',
    'release:publish@beta,pr-1,pr-2,pr-3',
  ]);
  const create = async (version: string, channel: string, using = token) =>
    app.send('POST', '/releases', { token: using, body: { version, channel, signature: 's', draft: true } });
  for (const channel of ['stable', 'nightly'])
    expect((await create('1.0.0', channel)).json()).toMatchObject({ status: 403, code: 'forbidden' });
  const stable = await app.publish('0.9.0');
  await setLimits(queries, { appId: app.id, changes: { channels: 3 } }, by());
  expect((await create('1.0.0-beta.1', 'beta')).statusCode).toBe(201);
  expect((await create('1.0.0-pr.1', 'pr-1')).statusCode).toBe(201);
  expect((await create('1.0.0-pr.2', 'pr-2')).json()).toMatchObject({ code: 'limit_reached' });

  const body = { target: 'darwin', arch: 'aarch64', file_size: 5 };
  const added = await app.send('POST', `/releases/${stable}/artifacts`, { token, body });
  expect(added.json()).toMatchObject({ status: 403, code: 'forbidden' });
  const draft = (
    await app.send('POST', '/releases', { body: { version: '1.1.0', signature: 's', draft: true } })
  ).json();
  const live = await app.send('POST', `/releases/${draft.id}/publish`, { token });
  expect(live.json()).toMatchObject({ status: 403, code: 'forbidden' });
});
