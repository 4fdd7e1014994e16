import { describe, expect, test } from 'vitest';
import { MAX_BUNDLE_BYTES } from '../../../src/protocol/attestation/sigstore-bundle.ts';
import { unverifiedBundle } from '../../support/attestation/unverified-bundle.ts';
import { Publisher, startServer } from '../../support/publish/publisher.ts';
import { type EnvelopeFields, signedEnvelope, signedFile } from '../../support/publish/signed-envelope.ts';

async function start() {
  const server = await startServer();
  const app = await Publisher.on(server);
  const body = { version: '1.2.0', signature: 's', draft: true };
  const releaseId: string = (await app.send('POST', '/releases', { body })).json().id;
  const path = `/releases/${releaseId}/attestation`;
  const bundleOf = (fields: EnvelopeFields, signature?: string) =>
    unverifiedBundle({ releaseId, ...fields }, signature);
  const send = (bundle: object, token?: string) =>
    app.send('PUT', path, { body: bundle, ...(token && { token }) });
  const stored = async () => (await app.send('GET', path)).json();
  const { queries } = server.database;
  const goLive = () =>
    queries.updateTable('releases').set({ status: 'published' }).where('id', '=', releaseId).execute();
  return { server, app, releaseId, path, bundleOf, send, stored, goLive, queries };
}

const MAC = { files: [signedFile(['darwin-aarch64'])] };

describe('the attestation of a draft', () => {
  test('is kept, and served to everybody once the release is live', async () => {
    const { server, app, bundleOf, send, stored, goLive } = await start();
    const [linux, mac] = [bundleOf({}), bundleOf(MAC)];
    expect((await send(linux)).json()).toEqual({ status: 'stored', platforms: ['linux-x86_64'] });
    expect((await send(linux)).json()).toMatchObject({ status: 'unchanged' });
    server.now = new Date(server.now.getTime() + 1000); // they are served in this order
    expect((await send(mac)).json()).toMatchObject({ status: 'stored' });
    const url = `/api/sync/ota/${app.slug}/attestation/1.2.0`;
    expect((await app.get(url)).statusCode).toBe(404);
    await goLive();
    const served = (await app.get(url)).json();
    expect(served).toEqual({ attestations: [{ bundle: linux }, { bundle: mac }], provenance: null });
    expect(await stored()).toEqual(served);
    expect((await app.get(`/api/sync/ota/${app.slug}/attestation/1.3.0`)).statusCode).toBe(404);
  });

  test('stands beside a manifest about the same platforms', async () => {
    const { app, releaseId, bundleOf, send, stored } = await start();
    const manifest = { body: signedEnvelope({ releaseId }) };
    expect((await app.send('PUT', `/releases/${releaseId}/manifest`, manifest)).statusCode).toBe(200);
    expect((await send(bundleOf({}))).statusCode).toBe(200);
    expect((await stored()).attestations).toHaveLength(1);
    expect((await app.send('GET', `/releases/${releaseId}/manifest`)).body.trim().split('\n')).toHaveLength(
      1,
    );
  });

  test('is replaced for the same platforms, and deleted with the release', async () => {
    const { app, releaseId, bundleOf, send, stored, queries } = await start();
    await send(bundleOf({}, 'Zmlyc3Q='));
    expect((await send(bundleOf({}, 'c2Vjb25k'))).json()).toMatchObject({ status: 'stored' });
    expect((await stored()).attestations).toEqual([{ bundle: bundleOf({}, 'c2Vjb25k') }]);
    await app.delete(releaseId);
    expect(await queries.selectFrom('statements').selectAll().execute()).toEqual([]);
  });

  test.each<[string, EnvelopeFields]>([
    ['another version', { version: '1.2.1' }],
    ['another release', { releaseId: 'other' }],
    ['another channel', { channel: 'beta' }],
    ['another requirement', { requires: '1.0.0' }],
  ])('is refused if it is about %s', async (_, fields) => {
    const { bundleOf, send } = await start();
    expect((await send(bundleOf(fields))).json()).toMatchObject({
      code: 'content_mismatch',
      errors: [{ field: 'dsseEnvelope.payload' }],
    });
  });

  test('is refused without an identity in its certificate', async () => {
    const { bundleOf, send } = await start();
    const verificationMaterial = { certificate: { rawBytes: 'AAAA' } };
    expect((await send({ ...bundleOf({}), verificationMaterial })).json()).toMatchObject({
      code: 'content_mismatch',
      errors: [{ field: 'verificationMaterial.certificate' }],
    });
  });

  test('is refused if it is no bundle', async () => {
    const { bundleOf, send } = await start();
    const bundle = bundleOf({});
    const { dsseEnvelope } = bundle;
    for (const other of [
      {},
      signedEnvelope({}),
      { ...bundle, mediaType: 'application/json' },
      { ...bundle, dsseEnvelope: { ...dsseEnvelope, signatures: [] } },
      { ...bundle, dsseEnvelope: { ...dsseEnvelope, payloadType: 'text/plain' } },
      { ...bundle, dsseEnvelope: { ...dsseEnvelope, payload: 'e30=' } },
      { ...bundle, verificationMaterial: { publicKey: { hint: 'x' } } },
    ]) {
      const reply = await send(other);
      expect([reply.statusCode, reply.json().code], JSON.stringify(other)).toEqual([400, 'invalid_request']);
    }
  });

  test('is refused if it is too large', async () => {
    const { bundleOf, send } = await start();
    const padding = { logIndex: '1'.repeat(MAX_BUNDLE_BYTES) };
    const bundle = bundleOf({});
    const verificationMaterial = { ...bundle.verificationMaterial, tlogEntries: [padding] };
    expect((await send({ ...bundle, verificationMaterial })).json()).toMatchObject({ code: 'too_large' });
  });

  test('counts as text of the app, as a manifest does', async () => {
    const { app, releaseId, bundleOf, send, queries } = await start();
    const size = Buffer.byteLength(JSON.stringify(bundleOf({})));
    const limit = { app_id: app.id, name: 'notes_bytes', value: size + 100 } as const;
    await queries.insertInto('app_limits').values(limit).execute();
    expect((await send(bundleOf({}))).statusCode).toBe(200);
    expect((await send(bundleOf({}, 'c2Vjb25k'))).statusCode, 'in its place').toBe(200);
    expect((await send(bundleOf(MAC))).json()).toMatchObject({ code: 'limit_reached' });
    const manifest = { body: signedEnvelope({ releaseId }) };
    const refused = await app.send('PUT', `/releases/${releaseId}/manifest`, manifest);
    expect(refused.json()).toMatchObject({ code: 'limit_reached' });
    await app.delete(releaseId);
    const used = queries.selectFrom('app_usage').select('notes_bytes').where('app_id', '=', app.id);
    expect(await used.executeTakeFirst()).toEqual({ notes_bytes: 0 });
  });

  test('is recorded in the audit log, with who says to have signed it', async () => {
    const { bundleOf, send, queries } = await start();
    await send(bundleOf({}));
    const entry = queries.selectFrom('audit').select('details').where('action', '=', 'attestation.stored');
    expect(JSON.parse((await entry.executeTakeFirstOrThrow()).details)).toEqual({
      version: '1.2.0',
      platforms: ['linux-x86_64'],
      claimed_identity: 'https://ci.example/workflow',
    });
  });

  test('needs the right to upload', async () => {
    const { app, server, bundleOf, send } = await start();
    const reader = await server.createToken(app.id, { scopes: ['release:read'] });
    expect((await send(bundleOf({}), reader)).statusCode).toBe(403);
  });
});

describe("another token's attestation of a draft", () => {
  const upload = { scopes: ['release:upload'] } as const;

  test('attack: is neither replaced nor pushed out by one that names the same identity', async () => {
    const { server, app, bundleOf, send, stored } = await start();
    await send(bundleOf({}));
    const stolen = await server.createToken(app.id, upload);
    const forged = bundleOf({}, 'Zm9yZ2Vk');
    expect((await send(forged, stolen)).json()).toMatchObject({ status: 'stored' });
    expect((await stored()).attestations).toEqual(
      expect.arrayContaining([{ bundle: bundleOf({}) }, { bundle: forged }]),
    );
  });

  test('attack: finds room beside all that a token may store', async () => {
    const { server, app, bundleOf, send, stored } = await start();
    const stolen = await server.createToken(app.id, upload);
    const large = (index: number) => {
      const bundle = bundleOf({ files: [signedFile([`part-${index}@x86_64`])] });
      const padding = [{ logIndex: '1'.repeat(60_000) }];
      return { ...bundle, verificationMaterial: { ...bundle.verificationMaterial, tlogEntries: padding } };
    };
    const refusals: string[] = [];
    for (let index = 0; index < 5; index++) {
      const reply = await send(large(index), stolen);
      if (reply.statusCode !== 200) refusals.push(reply.json().code);
    }
    expect(refusals).toEqual(['content_mismatch', 'content_mismatch', 'content_mismatch']);
    expect((await send(bundleOf({}))).json()).toMatchObject({ status: 'stored' });
    expect((await stored()).attestations).toHaveLength(3);
  });

  test('attack: does not keep a live release from one about the same platforms', async () => {
    const { server, app, bundleOf, send, stored, goLive } = await start();
    const stolen = await server.createToken(app.id, upload);
    expect((await send(bundleOf(MAC, 'Zm9yZ2Vk'), stolen)).statusCode).toBe(200);
    await goLive();
    expect((await send(bundleOf(MAC), stolen)).json()).toMatchObject({ code: 'forbidden' });
    expect((await send(bundleOf(MAC))).json()).toMatchObject({ status: 'stored' });
    expect((await stored()).attestations).toHaveLength(2);
  });

  test('is replaced by a later job of the same trusted publisher', async () => {
    const { server, app, bundleOf, send, stored, queries } = await start();
    const [first, second] = [await server.createToken(app.id), await server.createToken(app.id)];
    await queries.updateTable('tokens').set({ publisher_id: 'p1' }).execute();
    await send(bundleOf({}, 'Zmlyc3Q='), first);
    await send(bundleOf({}, 'c2Vjb25k'), second);
    expect((await stored()).attestations).toEqual([{ bundle: bundleOf({}, 'c2Vjb25k') }]);
  });
});

describe('the attestation of a live release', () => {
  test('never changes, and can be added for further platforms', async () => {
    const { bundleOf, send, stored, goLive } = await start();
    await send(bundleOf({}));
    await goLive();
    const before = await stored();
    for (const other of [bundleOf({}, 'c2Vjb25k'), bundleOf({ createdAt: '2026-02-01T00:00:00Z' })]) {
      expect((await send(other)).json()).toMatchObject({ code: 'immutable' });
    }
    expect(await stored()).toEqual(before);
    expect((await send(bundleOf(MAC))).json()).toMatchObject({ status: 'stored' });
  });

  test('says to everybody which job created the release, and names no person', async () => {
    const { app, bundleOf, send, goLive, queries, releaseId } = await start();
    await send(bundleOf({}));
    await goLive();
    const job = { issuer: 'https://ci', repository: 'o/a', commit: 'c', ref: 'r', run: 'https://ci/o/a/1' };
    const provenance = JSON.stringify({ ...job, actor: 'octocat', actor_id: '12', owner_id: '65' });
    await queries.updateTable('releases').set({ provenance }).where('id', '=', releaseId).execute();
    const served = await app.get(`/api/sync/ota/${app.slug}/attestation/1.2.0`);
    expect(served.json().provenance).toEqual(job);
  });
});
