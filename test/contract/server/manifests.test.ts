import { describe, expect, test } from 'vitest';
import { listAudit } from '../../../src/database/queries/audit.ts';
import { formatBundle, parseBundle, payloadOf } from '../../../src/protocol/manifest/envelope.ts';
import { readManifest } from '../../../src/protocol/manifest/manifest.ts';
import { digestOfNotes } from '../../../src/protocol/manifest/release-statement.ts';
import { Publisher, startServer } from '../../support/publish/publisher.ts';
import {
  type EnvelopeFields,
  MANIFEST_KEY,
  signedEnvelope,
  signedFile,
} from '../../support/publish/signed-envelope.ts';
import { generateKeyInProcess } from '../../support/tauri/in-process-signer.ts';

const OTHER_KEY = generateKeyInProcess();

async function start(isLive: boolean, pubkey: string | undefined = MANIFEST_KEY.publicKey) {
  const server = await startServer();
  const app = await Publisher.on(server, { pubkey, requireBoundSignatures: false });
  const body = { version: '1.2.0', signature: 's', draft: true };
  const releaseId: string = (await app.send('POST', '/releases', { body })).json().id;
  if (isLive) {
    const { queries } = server.database;
    await queries.updateTable('releases').set({ status: 'published' }).where('id', '=', releaseId).execute();
  }
  const path = `/releases/${releaseId}/manifest`;
  const put = (fields: EnvelopeFields, token?: string) =>
    app.send('PUT', path, { body: signedEnvelope({ releaseId, ...fields }), ...(token && { token }) });
  const stored = async () => parseBundle((await app.send('GET', path)).body);
  const goLive = async () => {
    const { queries } = server.database;
    await queries.updateTable('releases').set({ status: 'published' }).where('id', '=', releaseId).execute();
  };
  return { server, app, releaseId, path, put, stored, goLive };
}

const LATER = { createdAt: '2026-02-01T00:00:00Z' };
const MAC = { files: [signedFile(['darwin-aarch64'])] };

describe('the manifest of a draft', () => {
  test('is kept, and served to everybody once the release is live', async () => {
    const { app, put, stored, goLive } = await start(false);
    expect((await put({})).json()).toEqual({ status: 'stored', platforms: ['linux-x86_64'] });
    expect((await put({})).json()).toMatchObject({ status: 'unchanged' });
    expect((await put(MAC)).json()).toMatchObject({ status: 'stored' });
    const url = `/api/sync/ota/${app.slug}/manifest/1.2.0`;
    expect((await app.get(url)).statusCode).toBe(404);
    await goLive();
    const served = await app.get(url);
    expect(served.headers['content-type']).toBe('application/vnd.in-toto.bundle');
    expect(parseBundle(served.body)).toEqual(await stored());
    expect(await stored()).toHaveLength(2);
    expect((await app.get(`/api/sync/ota/${app.slug}/manifest/1.3.0`)).statusCode).toBe(404);
  });

  test('is replaced for the same platforms', async () => {
    const { put, stored } = await start(false);
    const other = signedFile(['linux-x86_64'], { digest: { sha256: 'b'.repeat(64) } });
    await put({});
    await put({ files: [other] });
    const [envelope, ...others] = await stored();
    expect(others).toEqual([]);
    expect(envelope && payloadOf(envelope).toString()).toContain('b'.repeat(64));
  });

  test('is deleted with it', async () => {
    const { app, server, releaseId, put } = await start(false);
    await put({});
    await app.delete(releaseId);
    expect(await server.database.queries.selectFrom('statements').selectAll().execute()).toEqual([]);
  });

  test.each<[string, EnvelopeFields]>([
    ['another version', { version: '1.2.1' }],
    ['another release', { releaseId: 'other' }],
    ['another channel', { channel: 'beta' }],
    ['another requirement', { requires: '1.0.0' }],
  ])('is refused if it is about %s', async (_, fields) => {
    const { put } = await start(false);
    expect((await put(fields)).json()).toMatchObject({
      code: 'content_mismatch',
      errors: [{ field: 'payload' }],
    });
  });

  test.each([
    [{}],
    [{ payload: 'e30=', payloadType: 'text/plain', signatures: [{ sig: 'x' }] }],
    [{ payload: 'e30=', payloadType: 'application/vnd.in-toto+json', signatures: [] }],
    [{ payload: 'e30=', payloadType: 'application/vnd.in-toto+json', signatures: [{ sig: 'x' }] }],
  ])('is refused if it is no envelope of a statement: %j', async (body) => {
    const { app, path } = await start(false);
    const reply = await app.send('PUT', path, { body });
    expect([reply.statusCode, reply.json().code]).toEqual([400, 'invalid_request']);
  });

  test('is refused if it names a key of the app and is not signed with it', async () => {
    const { app, path, releaseId } = await start(false);
    const { payload } = signedEnvelope({ releaseId });
    const { signatures } = signedEnvelope({ releaseId, version: '1.0.0' });
    const reply = await app.send('PUT', path, {
      body: { ...signedEnvelope({ releaseId }), payload, signatures },
    });
    expect(reply.json()).toMatchObject({ code: 'content_mismatch', errors: [{ field: 'signatures' }] });
  });

  test('may be signed with a key that the server does not know', async () => {
    const { put } = await start(false);
    expect((await put({ key: OTHER_KEY })).statusCode).toBe(200);
  });

  test('attack F18: what is signed with another key takes the place of nothing, by whatever token', async () => {
    const { app, server, put, stored } = await start(false);
    const uploader = await server.createToken(app.id, { scopes: ['release:read', 'release:upload'] });
    expect((await put({})).json()).toMatchObject({ status: 'stored' });
    const [own] = await stored();
    for (const token of [uploader, undefined]) {
      await put({ ...LATER, key: OTHER_KEY, files: [signedFile(['linux-x86_64', 'darwin-aarch64'])] }, token);
      expect(await stored()).toContainEqual(own);
    }
    expect((await put({ ...LATER }, uploader)).json(), 'by the key').toMatchObject({ status: 'stored' });
    expect(await stored()).not.toContainEqual(own);
  });

  test('attack F18: a copy of a statement with another signature does not keep it from being stored', async () => {
    const { put, stored } = await start(false);
    await put({ key: OTHER_KEY });
    expect((await put({})).json()).toMatchObject({ status: 'stored' });
    expect(readManifest(formatBundle(await stored()), [MANIFEST_KEY.pair.publicKey]).kind).toBe('manifest');
  });

  test('attack F18: what is signed with a key that the server does not know is replaced by its writer alone', async () => {
    const { app, server, put, stored } = await start(false);
    const uploader = await server.createToken(app.id, { scopes: ['release:read', 'release:upload'] });
    const dedicated = { key: OTHER_KEY };
    await put(dedicated);
    const [own] = await stored();
    await put({ ...dedicated, ...LATER }, uploader);
    expect(await stored()).toContainEqual(own);
    const latest = { ...dedicated, createdAt: '2026-03-01T00:00:00Z' };
    const beside = (await stored()).find((other) => JSON.stringify(other) !== JSON.stringify(own));
    await put(latest);
    expect(await stored()).toHaveLength(2);
    expect(await stored()).toContainEqual(beside);
    expect(await stored()).not.toContainEqual(own);
  });

  test('attack F18: whoever stores all that a token may leaves room for what counts', async () => {
    const { app, server, put } = await start(false);
    const uploader = await server.createToken(app.id, { scopes: ['release:read', 'release:upload'] });
    let status = 200;
    for (let i = 0; status === 200 && i < 64; i++)
      status = (await put({ key: OTHER_KEY, files: [signedFile([`part-${i}@x86_64`])] }, uploader))
        .statusCode;
    expect(status).toBe(422);
    expect((await put({}, uploader)).statusCode, 'by an accepted key').toBe(200);
    expect((await put({ key: OTHER_KEY })).statusCode, 'by another token').toBe(200);
  });

  test('attack large manifests: has 256 KiB of statements at most, and is served as they are stored', async () => {
    const { app, path, put, stored, goLive } = await start(false);
    const large = (i: number) => ({ files: [signedFile([`part-${i}@x86_64`], { name: 'n'.repeat(1000) })] });
    const many = (i: number) => ({
      files: Array.from({ length: 20 }, (_, k) =>
        signedFile([`part-${i}-${k}@x86_64`], { name: 'n'.repeat(1000) }),
      ),
    });
    for (let i = 0; i < 8; i++) expect((await put(many(i))).statusCode).toBe(200);
    const refused = await put(many(8));
    expect(refused.json()).toMatchObject({ code: 'content_mismatch', errors: [{ field: 'payload' }] });
    expect((await put({ ...many(6), ...LATER })).statusCode, 'in its place').toBe(200);
    expect((await put(large(9))).statusCode).toBe(200);
    await goLive();
    const served = await app.get(`/api/sync/ota/${app.slug}/manifest/1.2.0`);
    expect(served.body.length).toBeGreaterThan(200_000);
    expect(parseBundle(served.body)).toEqual(await stored());
    expect(served.body).toBe((await app.send('GET', path)).body);
  });

  test('attack long entries: is recorded with the first of many platforms', async () => {
    const { server, put } = await start(false);
    const names = Array.from({ length: 60 }, (_, i) => `part-${String(i).padStart(2, '0')}@x86_64`);
    expect((await put({ files: [signedFile(names)] })).statusCode).toBe(200);
    const [entry] = await listAudit(server.database.queries, { limit: 1 });
    const { platforms } = JSON.parse(entry?.details ?? '');
    expect(platforms).toEqual([...names.slice(0, 50), 'and 10 more']);
  });

  test('needs the right to upload', async () => {
    const { app, server, put } = await start(false);
    const reader = await server.createToken(app.id, { scopes: ['release:read'] });
    expect((await put({}, reader)).statusCode).toBe(403);
  });
});

describe('the manifest of a live release', () => {
  async function live(pubkey?: string) {
    const world = await start(false, pubkey);
    await world.put({});
    await world.goLive();
    return world;
  }

  test('can be signed again by the same key, with other notes and a later expiry', async () => {
    const { put, stored } = await live();
    const renewed = { ...LATER, notesSha256: digestOfNotes('Edited.'), expiresAt: '2101-01-01T00:00:00Z' };
    expect((await put(renewed)).json()).toMatchObject({ status: 'stored' });
    expect(await stored()).toHaveLength(1);
    expect((await put({})).statusCode, 'the former one').toBe(409);
  });

  test('attack F18: can be added beside one that is signed with another key, without the right to edit', async () => {
    const { app, server, put, stored, goLive } = await start(false);
    await put({ key: OTHER_KEY });
    await goLive();
    const scopes = ['release:read', 'release:upload', 'release:publish'] as const;
    const publisher = await server.createToken(app.id, { scopes: [...scopes] });
    expect((await put({}, publisher)).json()).toMatchObject({ status: 'stored' });
    expect((await put({ ...LATER, key: OTHER_KEY }, publisher)).json()).toMatchObject({ status: 'stored' });
    expect(await stored()).toHaveLength(3);
    expect((await put(LATER, publisher)).statusCode, 'a change').toBe(403);
  });

  test('can be added for further platforms', async () => {
    const { put, stored } = await live();
    expect((await put(MAC)).statusCode).toBe(200);
    expect(await stored()).toHaveLength(2);
  });

  test.each<[string, EnvelopeFields]>([
    [
      'another file',
      { ...LATER, files: [signedFile(['linux-x86_64'], { digest: { sha256: 'b'.repeat(64) } })] },
    ],
    ['further platforms', { ...LATER, files: [signedFile(['linux-x86_64', 'darwin-aarch64'])] }],
    ['an earlier date', { createdAt: '2025-12-31T00:00:00Z', notesSha256: digestOfNotes('x') }],
  ])('never changes otherwise: %s', async (_, fields) => {
    const { put, stored } = await live();
    const before = await stored();
    expect((await put(fields)).json()).toMatchObject({ code: 'immutable' });
    expect(await stored()).toEqual(before);
  });
});
