import { describe, expect, test } from 'vitest';
import { API_ROOT, pathOf, type RouteName, routes } from '../../../src/protocol/routes.ts';
import { SCOPES, type Scope } from '../../../src/protocol/token.ts';
import { tempFolder } from '../../support/process/temp-folder.ts';
import { bytesOf, Publisher, startServer } from '../../support/publish/publisher.ts';
import { fakeS3Place } from '../../support/s3/s3-place.ts';
import { startS3Server } from '../../support/s3/s3-server.ts';
import type { TestServer } from '../../support/server/server.ts';

/** The routes that need a token, and the scope each needs: R24. Written out, so that a change shows. */
const SCOPE_OF = {
  getApp: 'release:read',
  setSlug: 'app:admin',
  createRelease: 'release:write',
  createArtifact: 'release:write',
  listReleases: 'release:read',
  updateRelease: 'release:write',
  publishRelease: 'release:write',
  deleteRelease: 'release:delete',
  completeUpload: 'release:write',
} as const satisfies Partial<Record<RouteName, Scope>>;

const PUBLIC: RouteName[] = ['capabilities', 'check', 'download'];
const SIGNED: RouteName[] = ['upload', 'storedFile'];

type ScopedRoute = keyof typeof SCOPE_OF;
const scoped = Object.keys(SCOPE_OF) as ScopedRoute[];

const BODY: Partial<Record<ScopedRoute, object>> = {
  setSlug: { slug: 'next-app' },
  createRelease: { version: '9.0.0', signature: 's' },
  createArtifact: { target: 'windows', arch: 'x86_64', file_size: 5 },
  updateRelease: { status: 'yanked' },
  publishRelease: [],
};

/** What only a server with a store elsewhere has. */
const REMOTE: readonly ScopedRoute[] = ['completeUpload'];

async function start(route: ScopedRoute): Promise<TestServer> {
  return REMOTE.includes(route) ? startS3Server(await tempFolder(), await fakeS3Place()) : startServer();
}

/** Each from its own address, so that none gets a 429. */
let addresses = 0;
async function call(
  server: TestServer,
  route: ScopedRoute,
  appId: string,
  releaseId: string,
  token?: string,
) {
  const payload = BODY[route];
  const artifact = await server.database.queries.selectFrom('artifacts').select('id').executeTakeFirst();
  const uploadId = artifact?.id ?? '';
  const reply = await server.app.inject({
    method: routes[route].method,
    url: pathOf(route, { app_id: appId, release_id: releaseId, upload_id: uploadId }),
    remoteAddress: `10.0.${addresses >> 8}.${addresses++ & 255}`,
    headers: token === undefined ? {} : { authorization: `Bearer ${token}` },
    ...(payload && { payload }),
  });
  return reply.statusCode;
}

test('the tables here name every route', () => {
  expect([...scoped, ...PUBLIC, ...SIGNED].sort()).toEqual(Object.keys(routes).sort());
  for (const route of PUBLIC) expect(routes[route].access).toBe('public');
  for (const route of SIGNED) expect(routes[route].access).toBe('signed-url');
});

describe.each(scoped)('%s', (route) => {
  test.each(SCOPES)('with a token that only has the scope %s', async (scope) => {
    const server = await start(route);
    const app = await Publisher.on(server);
    const releaseId = await app.publish('1.0.0');
    const token = await server.createToken(app.id, { scopes: [scope] });
    const status = await call(server, route, app.id, releaseId, token);
    if (scope === SCOPE_OF[route]) expect(status).toBeLessThan(300);
    else expect(status).toBe(403);
  });

  test('is refused without a token and with one without scopes, and changes nothing', async () => {
    const server = await start(route);
    const app = await Publisher.on(server);
    const releaseId = await app.publish('1.0.0');
    const token = await server.createToken(app.id, { scopes: [] });
    expect(await call(server, route, app.id, releaseId)).toBe(401);
    expect(await call(server, route, app.id, releaseId, token)).toBe(403);
    expect((await app.send('GET', '/releases')).json()).toHaveLength(1);
    expect(await app.fetchOffer()).toEqual(bytesOf('1.0.0'));
  });

  test('answers 404 for another app’s id and for unknown ids, and changes nothing', async () => {
    const server = await start(route);
    const app = await Publisher.on(server);
    const other = await Publisher.on(server, { slug: 'other-app' });
    const releaseId = await app.publish('1.0.0');
    const ids = [app.id, 'unknown', app.id.toUpperCase(), `${app.id} `, 'x'.repeat(300), "' or 1=1 --"];
    for (const id of ids) expect(await call(server, route, id, releaseId, other.token), id).toBe(404);
    const ofRelease = [
      'createArtifact',
      'completeUpload',
      'deleteRelease',
      'updateRelease',
      'publishRelease',
    ];
    if (ofRelease.includes(route))
      expect(await call(server, route, other.id, releaseId, other.token)).toBe(404);
    expect((await app.send('GET', '/releases')).json()).toHaveLength(1);
    expect((await other.send('GET', '/releases')).json()).toHaveLength(0);
    expect(await app.fetchOffer()).toEqual(bytesOf('1.0.0'));
  });
});

test('a route that declares no access cannot be registered', async () => {
  const { app } = await startServer();
  expect(() => app.get(`${API_ROOT}/secret`, async () => 'secret')).toThrow('declares no access');
});

test('a token that is revoked while the server runs is refused at once', async () => {
  const server = await startServer();
  const app = await Publisher.on(server);
  expect((await app.send('GET', '/releases')).statusCode).toBe(200);
  await server.database.queries.updateTable('tokens').set({ revoked_at: server.now.getTime() }).execute();
  expect((await app.send('GET', '/releases')).statusCode).toBe(401);
});

test('a token is valid until the moment it expires', async () => {
  const server = await startServer();
  const app = await Publisher.on(server);
  const expiresAt = new Date(server.now.getTime() + 1000);
  const token = await server.createToken(app.id, { expiresAt });
  server.now = new Date(expiresAt.getTime() - 1);
  expect((await app.send('GET', '/releases', { token })).statusCode).toBe(200);
  server.now = expiresAt;
  expect((await app.send('GET', '/releases', { token })).statusCode).toBe(401);
});
