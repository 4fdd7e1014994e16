import { describe, expect, test } from 'vitest';
import { SCOPES, type Scope } from '../../../src/protocol/access/scope.ts';
import { API_ROOT, pathOf, type RouteName, routes } from '../../../src/protocol/routes.ts';
import { unverifiedBundle } from '../../support/attestation/unverified-bundle.ts';
import { tempFolder } from '../../support/process/temp-folder.ts';
import { bytesOf, Publisher, requireStatus, startServer } from '../../support/publish/publisher.ts';
import { testKey } from '../../support/publish/routed-releases.ts';
import { signedEnvelope } from '../../support/publish/signed-envelope.ts';
import { fakeS3Place } from '../../support/s3/s3-place.ts';
import { startS3Server } from '../../support/s3/s3-server.ts';

/** The releases of an app that is asked about: one that is live, and a draft. */
interface Releases {
  readonly live: string;
  readonly draft: string;
}

interface ScopedRequest {
  readonly route: RouteName;
  readonly of?: keyof Releases;
  readonly body?: object | ((releaseId: string) => object);
  /** Begins with `?`. */
  readonly query?: string;
  /** The fewest scopes that it takes. */
  readonly needs: readonly Scope[];
}

const FILE = { target: 'windows', arch: 'x86_64', file_size: 5 };
const UPLOAD = 'release:upload';
const PUBLISH = 'release:publish';
const KEY = testKey().text;

/** Every request that needs a token, with the scopes that it takes: R24. Written out, so that a change shows. */
const REQUESTS: Readonly<Record<string, ScopedRequest>> = {
  'get an app': { route: 'getApp', needs: ['release:read'] },
  'read how many apps there are': { route: 'stats', needs: ['release:read'] },
  'ask why an app gets an update': {
    route: 'explain',
    query: '?version=0.9.0&target=linux&arch=x86_64',
    needs: ['release:read'],
  },
  'ask what a change would do': {
    route: 'simulate',
    body: { version: '1.0.0', status: 'yanked' },
    needs: ['release:read'],
  },
  'list releases': { route: 'listReleases', needs: ['release:read'] },
  'change the slug': { route: 'setSlug', body: { slug: 'next-app' }, needs: ['app:admin'] },
  'create a draft': {
    route: 'createRelease',
    body: { version: '9.0.0', signature: 's', draft: true },
    needs: [UPLOAD],
  },
  'create a release that is live': {
    route: 'createRelease',
    body: { version: '9.0.0', signature: 's' },
    needs: [UPLOAD, PUBLISH],
  },
  'create a release that goes live by itself': {
    route: 'createRelease',
    body: { version: '9.0.0', draft: true, expect: ['linux-x86_64'] },
    needs: [UPLOAD, PUBLISH],
  },
  'create a draft that may strand versions': {
    route: 'createRelease',
    body: { version: '9.0.0', draft: true, allow_stranding: true },
    needs: [UPLOAD, PUBLISH],
  },
  'upload into a draft': { route: 'createArtifact', of: 'draft', body: FILE, needs: [UPLOAD] },
  'upload into a draft as an attempt of a job': {
    route: 'createArtifact',
    of: 'draft',
    body: { ...FILE, job: 'build', attempt: 2 },
    needs: [UPLOAD],
  },
  'upload into a live release': { route: 'createArtifact', of: 'live', body: FILE, needs: [UPLOAD, PUBLISH] },
  'complete an upload': { route: 'completeUpload', of: 'live', needs: [UPLOAD] },
  'change the notes of a draft': {
    route: 'updateRelease',
    of: 'draft',
    body: { notes: 'New.' },
    needs: [UPLOAD],
  },
  'change the notes of a live release': {
    route: 'updateRelease',
    of: 'live',
    body: { notes: 'New.' },
    needs: ['release:edit'],
  },
  'record the key of a draft': {
    route: 'updateRelease',
    of: 'draft',
    body: { embedded_pubkey: KEY },
    needs: [UPLOAD],
  },
  'record the key of a live release': {
    route: 'updateRelease',
    of: 'live',
    body: { embedded_pubkey: KEY },
    needs: [PUBLISH],
  },
  'correct the key of a live release': {
    route: 'updateRelease',
    of: 'live',
    body: { embedded_pubkey: KEY, replace_embedded_pubkey: true },
    needs: ['release:edit'],
  },
  'allow that files of a release strand versions': {
    route: 'updateRelease',
    of: 'draft',
    body: { allow_stranding: true },
    needs: [PUBLISH],
  },
  yank: { route: 'updateRelease', of: 'live', body: { status: 'yanked' }, needs: ['release:yank'] },
  restore: { route: 'updateRelease', of: 'live', body: { status: 'published' }, needs: ['release:yank'] },
  'yank with new notes': {
    route: 'updateRelease',
    of: 'live',
    body: { status: 'yanked', notes: 'Withdrawn.' },
    needs: ['release:yank', 'release:edit'],
  },
  'take a draft live': { route: 'publishRelease', of: 'draft', body: [], needs: [PUBLISH] },
  'publish a release that is live': { route: 'publishRelease', of: 'live', body: [], needs: [PUBLISH] },
  'move a release to another channel': {
    route: 'promoteRelease',
    of: 'live',
    body: { channel: 'beta' },
    needs: [PUBLISH, 'release:yank'],
  },
  'leave a release in its channel': {
    route: 'promoteRelease',
    of: 'live',
    body: { channel: 'stable' },
    needs: [PUBLISH],
  },
  'read the manifest': { route: 'readManifest', of: 'live', needs: ['release:read'] },
  'state what a draft has': {
    route: 'putManifest',
    of: 'draft',
    body: (releaseId) => signedEnvelope({ releaseId, version: '2.0.0' }),
    needs: [UPLOAD],
  },
  'state what a live release has': {
    route: 'putManifest',
    of: 'live',
    body: (releaseId) => signedEnvelope({ releaseId, version: '1.0.0' }),
    needs: [PUBLISH],
  },
  'read who attested a release': { route: 'readAttestation', of: 'live', needs: ['release:read'] },
  'attest a draft': {
    route: 'putAttestation',
    of: 'draft',
    body: (releaseId) => unverifiedBundle({ releaseId, version: '2.0.0' }),
    needs: [UPLOAD],
  },
  'attest a live release': {
    route: 'putAttestation',
    of: 'live',
    body: (releaseId) => unverifiedBundle({ releaseId, version: '1.0.0' }),
    needs: [PUBLISH],
  },
  'delete a release': { route: 'deleteRelease', of: 'live', needs: ['release:delete'] },
  'delete a draft': { route: 'deleteRelease', of: 'draft', needs: ['release:delete'] },
};

const PUBLIC: RouteName[] = [
  ...(['capabilities', 'exchangeIdentity', 'check', 'download', 'latest', 'manifest'] as const),
  'attestation',
  'latestJson',
  'events',
  ...(['electronFeed', 'electronFile', 'sparkleFeed', 'winsparkleFeed', 'velopackFeed'] as const),
];
const SIGNED: RouteName[] = ['upload', 'uploadPart', 'storedFile'];

const OF_ALL_CHANNELS: readonly Scope[] = ['release:read', 'app:admin'];

interface World {
  readonly app: Publisher;
  readonly releases: Releases;
}

async function start(route: RouteName): Promise<World> {
  const isRemote = route === 'completeUpload'; // which only a server with a store elsewhere has for single files
  const server = isRemote
    ? await startS3Server(await tempFolder(), await fakeS3Place())
    : await startServer();
  const app = await Publisher.on(server);
  const live = await app.publish('1.0.0');
  const body = { version: '2.0.0', signature: 's', draft: true };
  const draft: string = requireStatus(await app.send('POST', '/releases', { body }), 201).json().id;
  if (!isRemote) {
    requireStatus(await app.put(await app.requestUpload(draft, 5), Buffer.from('draft')), 200);
  }
  if (route === 'readManifest') {
    const statement = signedEnvelope({ releaseId: live, version: '1.0.0' });
    requireStatus(await app.send('PUT', `/releases/${live}/manifest`, { body: statement }), 200);
  }
  if (route === 'readAttestation') {
    const bundle = unverifiedBundle({ releaseId: live, version: '1.0.0' });
    requireStatus(await app.send('PUT', `/releases/${live}/attestation`, { body: bundle }), 200);
  }
  return { app, releases: { live, draft } };
}

interface Caller {
  readonly appId?: string;
  readonly token?: string;
}

/** Each from its own address, so that none gets a 429. */
let addresses = 0;
async function call({ app, releases }: World, request: ScopedRequest, caller: Caller) {
  const { route, of = 'live', body, query = '' } = request;
  const { appId = app.id, token } = caller;
  const artifact = await app.server.database.queries
    .selectFrom('artifacts')
    .select('id')
    .where('release_id', '=', releases.live)
    .executeTakeFirst();
  const reply = await app.server.app.inject({
    method: routes[route].method,
    url: pathOf(route as 'completeUpload', {
      app_id: appId,
      release_id: releases[of],
      upload_id: artifact?.id ?? '',
    }).concat(query),
    remoteAddress: `10.0.${addresses >> 8}.${addresses++ & 255}`,
    headers: token === undefined ? {} : { authorization: `Bearer ${token}` },
    ...(body && { payload: typeof body === 'function' ? body(releases[of]) : body }),
  });
  return reply.statusCode;
}

async function withScopes(world: World, ...scopes: readonly string[]): Promise<Caller> {
  return { token: await world.app.server.createToken(world.app.id, { scopes }) };
}

test('the tables here name every route', () => {
  const scoped = Object.values(REQUESTS).map(({ route }) => route);
  expect([...new Set([...scoped, ...PUBLIC, ...SIGNED])].sort()).toEqual(Object.keys(routes).sort());
  for (const route of PUBLIC) expect(routes[route].access).toBe('public');
  for (const route of SIGNED) expect(routes[route].access).toBe('signed-url');
});

describe.each(Object.entries(REQUESTS))('to %s', (_, request) => {
  const { route, needs } = request;

  test.each(SCOPES)('attack F07: with a token that only has the scope %s', async (scope) => {
    const world = await start(route);
    const status = await call(world, request, await withScopes(world, scope));
    if (needs.length === 1 && needs[0] === scope) expect(status).toBeLessThan(300);
    else expect(status).toBe(403);
  });

  test('it takes each of the scopes that it needs, and no other', async () => {
    const world = await start(route);
    for (const missing of needs) {
      const others = await withScopes(world, ...SCOPES.filter((scope) => scope !== missing));
      expect(await call(world, request, others), `without ${missing}`).toBe(403);
    }
    expect(await call(world, request, await withScopes(world, ...needs))).toBeLessThan(300);
  });

  test('a scope that is limited to channels counts in them only', async () => {
    const world = await start(route);
    const limited = (channels: string) =>
      needs.map((scope) => (OF_ALL_CHANNELS.includes(scope) ? scope : `${scope}@${channels}`));
    const hasChannels = needs.some((scope) => !OF_ALL_CHANNELS.includes(scope));
    if (hasChannels) {
      expect(await call(world, request, await withScopes(world, ...limited('beta,nightly')))).toBe(403);
    }
    expect(await call(world, request, await withScopes(world, ...limited('beta,stable')))).toBeLessThan(300);
  });

  test('it is refused without a token and with one without scopes, and changes nothing', async () => {
    const world = await start(route);
    const { app } = world;
    expect(await call(world, request, {})).toBe(401);
    expect(await call(world, request, await withScopes(world))).toBe(403);
    expect((await app.send('GET', '/releases')).json()).toHaveLength(2);
    expect(await app.fetchOffer()).toEqual(bytesOf('1.0.0'));
  });

  test('it answers 404 for another app’s id and for unknown ids, and changes nothing', async () => {
    const world = await start(route);
    const { app } = world;
    const other = await Publisher.on(app.server, { slug: 'other-app' });
    const ids = [app.id, 'unknown', app.id.toUpperCase(), `${app.id} `, 'x'.repeat(300), "' or 1=1 --"];
    for (const appId of ids)
      expect(await call(world, request, { appId, token: other.token }), appId).toBe(404);
    if (request.of !== undefined)
      expect(await call(world, request, { appId: other.id, token: other.token })).toBe(404);
    expect((await app.send('GET', '/releases')).json()).toHaveLength(2);
    expect((await other.send('GET', '/releases')).json()).toHaveLength(0);
    expect(await app.fetchOffer()).toEqual(bytesOf('1.0.0'));
  });
});

describe('a token', () => {
  const register = (app: Publisher, slug: string, token: string) =>
    app.send('PUT', '/slug', { body: { slug }, token });

  test('with the scope release:publish registers the first slug of an app, and no other', async () => {
    const server = await startServer();
    const { id, token } = await server.createApp();
    const app = (await Publisher.on(server, { slug: 'other-app' })).of({ id, token });
    const publishing = await server.createToken(id, { scopes: ['release:publish'] });
    expect((await register(app, 'my-app', publishing)).statusCode).toBe(200);
    expect((await register(app, 'next-app', publishing)).statusCode).toBe(403);
    expect((await register(app, 'next-app', token)).statusCode).toBe(200);
  });

  test('with the scope release:write uploads and publishes, and changes nothing that is live', async () => {
    for (const request of Object.values(REQUESTS)) {
      const world = await start(request.route);
      const status = await call(world, request, await withScopes(world, 'release:write'));
      const isEnough = request.needs.every((scope) => [UPLOAD, PUBLISH].includes(scope));
      if (isEnough) expect(status).toBeLessThan(300);
      else expect(status).toBe(403);
    }
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
