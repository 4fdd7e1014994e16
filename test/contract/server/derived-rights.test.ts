import { randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { request } from 'undici';
import { expect, test } from 'vitest';
import { setTrustedOnly } from '../../../src/database/queries/apps.ts';
import { findUploadState } from '../../../src/database/queries/pending-uploads.ts';
import { revokeTokens, type TokenFilter } from '../../../src/database/queries/tokens.ts';
import { UPLOAD_URL_LIFE_MS } from '../../../src/server/services.ts';
import { isRemote } from '../../../src/storage/remote-storage.ts';
import { grantMultipart } from '../../support/publish/multipart-publisher.ts';
import { LINUX, MAC, Publisher, requireStatus } from '../../support/publish/publisher.ts';
import { sha256Of } from '../../support/publish/remote-publisher.ts';
import { NEVER } from '../../support/s3/s3-server.ts';
import { by } from '../../support/server/by.ts';
import { maintainOnce } from '../../support/server/maintenance-once.ts';
import { describeOnEachStore } from '../../support/server/stores.ts';

const DAY = 24 * 60 * 60 * 1000;
/** More than until a dropped upload is removed again. */
const ROUND_MS = 11 * 60 * 1000;
const PART_SIZE = 5 * 1024 * 1024;
const BYTES = Buffer.from('the app');
const LARGE = randomBytes(PART_SIZE + 10);
const PUBLISHING = ['release:read', 'release:upload', 'release:publish'];
const NOTHING = { staging: 0, artifacts: 0, uploads: [] };

describeOnEachStore('what a token was granted', ({ start }) => {
  /** Two nodes, and an app that another token than the owner's publishes. */
  async function openWorld() {
    const store = await start();
    const settings = { pollSchedule: NEVER, partSizeOf: () => PART_SIZE };
    const server = await store.open(settings);
    const { url } = await server.listen(); // an injected request has no body that arrives slowly
    const owner = await Publisher.on(server);
    const ci = owner.with(await server.createToken(owner.id, { scopes: PUBLISHING }));
    const revoke = async () => {
      const row = await server.database.queries
        .selectFrom('tokens')
        .select('id')
        .orderBy('created_at', 'desc')
        .where('scopes', '=', PUBLISHING.join(' '))
        .executeTakeFirstOrThrow();
      return revokeTokens(server.database.queries, { id: row.id }, by());
    };
    const left = async () => ({ ...(await store.kept()), uploads: await store.unfinished() });
    return { store, server, url, owner, ci, revoke, left };
  }

  async function create(app: Publisher, fields: object): Promise<string> {
    const body = { version: '1.0.0', signature: 's', ...fields };
    return requireStatus(await app.send('POST', '/releases', { body }), 201).json().id;
  }

  const statusOf = async (app: Publisher) => (await app.send('GET', '/releases')).json()[0].status;

  async function upload(app: Publisher, releaseId: string, platform = LINUX) {
    const fields = { sha256: sha256Of(BYTES) };
    return app.upload(releaseId, await app.requestUpload(releaseId, BYTES.length, platform, fields), BYTES);
  }

  test('attack H5: ends with it: its upload URL publishes nothing', async () => {
    const { store, server, owner, ci, revoke } = await openWorld();
    const releaseId = await create(ci, {});
    const fields = { sha256: sha256Of(BYTES) };
    const url = await ci.requestUpload(releaseId, BYTES.length, LINUX, fields);
    await revoke();
    const put = await ci.put(url, BYTES);
    if (isRemote(server.services.storage)) {
      const uploadId = new URL(url).pathname.split('/').at(-1);
      const reply = await owner.send('POST', `/releases/${releaseId}/artifacts/${uploadId}/complete`);
      expect(reply.statusCode).toBe(404);
    } else expect(put.statusCode).toBe(404);
    expect(await owner.offered()).toBeUndefined();
    expect((await store.kept()).artifacts).toBe(0);
  });

  test('attack R08: is dropped, in parts too', async () => {
    const { server, owner, ci, revoke, left } = await openWorld();
    const releaseId = await create(ci, {});
    const parted = await grantMultipart(ci, releaseId, LARGE);
    const etags = await parted.putAll();
    const single = await ci.requestUpload(releaseId, BYTES.length, MAC);
    await revoke();
    await ci.put(single, BYTES);
    const complete = `/releases/${releaseId}/artifacts/${parted.uploadId}/complete`;
    expect((await owner.send('POST', complete, { body: { parts: etags } })).statusCode).toBe(404);
    expect(await owner.offered()).toBeUndefined();
    expect(await maintainOnce(server.services)).toEqual([]);
    expect(await left()).toEqual(NOTHING);
  });

  test('attack storage abuse: what arrives for an upload that was dropped is removed until its URL expires', async () => {
    const { store, server, owner, ci, revoke, left } = await openWorld();
    const { advance } = store;
    const urls = [];
    for (const version of ['1.0.0', '2.0.0']) {
      const releaseId = await create(version === '1.0.0' ? ci : owner, { version });
      const app = version === '1.0.0' ? ci : owner;
      urls.push(await app.requestUpload(releaseId, BYTES.length, MAC));
      await (await grantMultipart(app, releaseId, LARGE)).putAll();
      if (version === '1.0.0') await revoke();
      else await owner.delete(releaseId);
    }
    for (let round = 0; round < 3; round++) {
      for (const url of urls) await owner.put(url, BYTES);
      if (isRemote(server.services.storage)) expect(await left()).toMatchObject({ staging: 2 });
      expect(await maintainOnce(server.services)).toEqual([]);
      expect(await left(), `round ${round}`).toEqual(NOTHING);
      if (advance === undefined) return; // its clock cannot be moved
      advance(ROUND_MS);
    }
    advance?.(UPLOAD_URL_LIFE_MS);
    await maintainOnce(server.services);
    const queued = await server.database.queries.selectFrom('orphans').select(['name', 'drop_at']).execute();
    expect(queued.filter(({ drop_at }) => drop_at !== null)).toEqual([]);
    advance?.(DAY);
    expect(await maintainOnce(server.services)).toEqual([]);
    expect(await server.database.queries.selectFrom('orphans').selectAll().execute()).toEqual([]);
  });

  test('attack storage abuse: a node removes what a token that was revoked elsewhere has left, some at once', async () => {
    const { store, server, ci, revoke, left } = await openWorld();
    const releaseId = await create(ci, {});
    const other = await store.open({ pollSchedule: NEVER, partSizeOf: () => PART_SIZE });
    await (await grantMultipart(ci, releaseId, LARGE)).putAll();
    await revoke();
    await Promise.all([server, other].map(({ services }) => maintainOnce(services)));
    expect(await left()).toEqual(NOTHING);
  });

  test('attack R08: ends while its bytes arrive', async () => {
    const { server, url, owner, ci, revoke, left } = await openWorld();
    if (isRemote(server.services.storage)) return; // nothing passes through the server
    const releaseId = await create(ci, {});
    const granted = await ci.requestUpload(releaseId, BYTES.length, LINUX, { sha256: sha256Of(BYTES) });
    const { pathname, search } = new URL(granted);
    async function* halves() {
      yield BYTES.subarray(0, 3);
      await sleep(200);
      await revoke();
      yield BYTES.subarray(3);
    }
    const body = Readable.from(halves());
    const headers = { 'content-length': String(BYTES.length) };
    const reply = await request(new URL(pathname + search, url), {
      method: 'PUT',
      headers,
      body,
    });
    expect(reply.statusCode).toBe(404);
    await reply.body.dump();
    expect(await owner.offered()).toBeUndefined();
    expect(await left()).toEqual(NOTHING);
  });

  test.each([
    ['created', (w: { ci: Publisher; owner: Publisher }) => [w.ci, w.owner] as const],
    ['uploaded a file of', (w: { ci: Publisher; owner: Publisher }) => [w.owner, w.ci] as const],
  ])('attack H5: no draft goes live by itself that a revoked token has %s', async (_, roles) => {
    const world = await openWorld();
    const { server, owner, revoke } = world;
    const [creator, uploader] = roles(world);
    const releaseId = await create(creator, { expect: ['linux-x86_64', 'darwin-aarch64'] });
    requireStatus(await upload(uploader, releaseId), 200);
    await revoke();
    expect((await upload(owner, releaseId, MAC)).json()).toMatchObject({ went_live: false });
    await maintainOnce(server.services);
    expect(await statusOf(owner)).toBe('draft');
    expect(await owner.offered()).toBeUndefined();
    // A person may still decide that it is right.
    requireStatus(await owner.send('POST', `/releases/${releaseId}/publish`), 200);
    expect(await owner.offered()).toBe('1.0.0');
  });

  test('attack trusted only: ends where only trusted publishers may publish from then on', async () => {
    const { store, server, owner, ci } = await openWorld();
    const releaseId = await create(ci, { draft: true });
    const url = await ci.requestUpload(releaseId, BYTES.length, LINUX, { sha256: sha256Of(BYTES) });
    const setOnly = (only: boolean) =>
      setTrustedOnly(server.database.queries, { appId: owner.id, only }, by());
    await setOnly(true);
    const put = await ci.put(url, BYTES);
    const uploadId = new URL(url).pathname.split('/').at(-1) ?? '';
    if (isRemote(server.services.storage)) {
      const { queries } = server.database;
      expect(await findUploadState(queries, { appId: owner.id, releaseId, uploadId })).toBeUndefined();
    } else expect(put.statusCode).toBe(404);
    expect((await store.kept()).artifacts).toBe(0);
    await setOnly(false);
    requireStatus(await ci.upload(releaseId, url, BYTES), 200);
  });

  test('goes live by itself although the token that created it has expired, as its decision stands', async () => {
    const { server, owner } = await openWorld();
    const expiresAt = new Date(server.services.clock().getTime() + 60_000);
    const short = owner.with(await server.createToken(owner.id, { scopes: PUBLISHING, expiresAt }));
    const releaseId = await create(short, { expect: ['linux-x86_64', 'darwin-aarch64'] });
    requireStatus(await upload(short, releaseId), 200);
    await server.database.queries
      .updateTable('tokens')
      .set({ expires_at: 1 })
      .where('expires_at', 'is not', null)
      .execute();
    expect((await short.send('GET', '/releases')).statusCode).toBe(401);
    expect((await upload(owner, releaseId, MAC)).json()).toMatchObject({ went_live: true });
  });

  test('has URLs that are not valid for longer than the token', async () => {
    const { server, owner } = await openWorld();
    const expiresAt = new Date(server.services.clock().getTime() + 60_000);
    const short = owner.with(await server.createToken(owner.id, { scopes: PUBLISHING, expiresAt }));
    const releaseId = await create(owner, {});
    const query = new URL(await short.requestUpload(releaseId, BYTES.length)).searchParams;
    const seconds = query.get('X-Amz-Expires');
    if (seconds !== null) expect(Number(seconds)).toBeLessThanOrEqual(60);
    else expect(Number(query.get('expires')) * 1000).toBeLessThanOrEqual(expiresAt.getTime());
  });

  test('attack F07: a file of a token that may not publish keeps a draft from going live by itself', async () => {
    const { server, owner } = await openWorld();
    const uploading = owner.with(await server.createToken(owner.id, { scopes: ['release:upload'] }));
    const releaseId = await create(owner, { expect: ['linux-x86_64'] });
    expect((await upload(uploading, releaseId)).json()).toMatchObject({ went_live: false });
    expect(await statusOf(owner)).toBe('draft');
  });

  test.each([
    ['may not publish', ['release:upload']],
    ['may publish in another channel', ['release:upload', 'release:publish@beta']],
  ])('attack F07: a token that %s adds nothing to a draft that has gone live', async (_, scopes) => {
    const { server, owner, left } = await openWorld();
    const uploading = owner.with(await server.createToken(owner.id, { scopes }));
    const releaseId = await create(owner, { draft: true });
    requireStatus(await upload(owner, releaseId), 200);
    const url = await uploading.requestUpload(releaseId, BYTES.length, MAC, { sha256: sha256Of(BYTES) });
    requireStatus(await owner.send('POST', `/releases/${releaseId}/publish?expect=linux-x86_64`), 200);
    expect((await uploading.upload(releaseId, url, BYTES)).statusCode).toBe(403);
    expect(await owner.offered(MAC)).toBeUndefined();
    expect(await left()).toMatchObject({ staging: 0, artifacts: 1 });
  });

  test.each([
    ['one', (appId: string): TokenFilter => ({ appId })],
    ['all apps', (): TokenFilter => ({})],
  ])('ends for all tokens of %s', async (which, filter) => {
    const { server, owner } = await openWorld();
    const other = await Publisher.on(server, { slug: 'other-app' });
    const url = await owner.promise('1.0.0', BYTES.length, { sha256: sha256Of(BYTES) });
    const revoked = await revokeTokens(server.database.queries, filter(owner.id), by());
    expect(revoked).toHaveLength(which === 'one' ? 2 : 3);
    expect((await owner.send('GET', '/releases')).statusCode).toBe(401);
    expect((await other.send('GET', '/releases')).statusCode).toBe(which === 'one' ? 200 : 401);
    await owner.put(url, BYTES);
    expect(await owner.offered()).toBeUndefined();
    expect(await revokeTokens(server.database.queries, filter(owner.id), by())).toEqual([]);
  });
});
