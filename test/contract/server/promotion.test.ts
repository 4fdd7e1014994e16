import { expect, onTestFinished, test, vi } from 'vitest';
import { setLimits } from '../../../src/database/queries/app-limits.ts';
import { setAppKey, setApproval } from '../../../src/database/queries/apps.ts';
import { verifyAudit } from '../../../src/database/queries/verify-audit.ts';
import { formatPublicKey } from '../../../src/protocol/minisign.ts';
import { LINUX, Publisher, requireStatus } from '../../support/publish/publisher.ts';
import { type EnvelopeFields, MANIFEST_KEY, signedEnvelope } from '../../support/publish/signed-envelope.ts';
import { by } from '../../support/server/by.ts';
import { describeOnEachStore, type Store } from '../../support/server/stores.ts';
import { generateKeyInProcess } from '../../support/tauri/in-process-signer.ts';

async function startNodes(store: Store) {
  const [server, other] = [await store.open(), await store.open()];
  onTestFinished(() => other.close());
  onTestFinished(() => server.close());
  const publisher = await Publisher.on(server);
  return { server, publisher, other: publisher.at(other) };
}

async function publish(publisher: Publisher, version: string, fields: object = {}): Promise<string> {
  const bytes = Buffer.from(`file of ${version}`);
  const body = { version, draft: true, ...fields };
  const { id } = requireStatus(await publisher.send('POST', '/releases', { body }), 201).json();
  await publisher.upload(
    id,
    await publisher.requestUpload(id, bytes.length, LINUX, { signature: 's' }),
    bytes,
  );
  await vi.waitFor(async () => requireStatus(await publisher.send('POST', `/releases/${id}/publish`), 200), {
    timeout: 10_000,
  });
  return id;
}

const promote = (publisher: Publisher, id: string, body: object) =>
  publisher.send('POST', `/releases/${id}/promote`, { body });

async function answerIn(publisher: Publisher, channel: string, version = '0.9.0') {
  const reply = await publisher.get(`/api/sync/ota/my-app/linux/x86_64/${version}?channel=${channel}`);
  return reply.statusCode === 204 ? undefined : requireStatus(reply, 200).json();
}

const versionIn = async (...args: Parameters<typeof answerIn>) => (await answerIn(...args))?.version;

describeOnEachStore('promotion', ({ start }) => {
  test('a release moves to stable with the answer that it had, on all nodes within a second', async () => {
    const { publisher, other } = await startNodes(await start());
    await publish(publisher, '1.0.0');
    const id = await publish(publisher, '1.1.0', { channel: 'beta', notes: 'News.' });
    expect(await versionIn(other, 'stable')).toBe('1.0.0');
    const inBeta = await answerIn(other, 'beta');
    const reply = await promote(publisher, id, { channel: 'stable' });
    expect(requireStatus(reply, 200).json()).toMatchObject({ id, channel: 'stable', status: 'published' });
    await vi.waitFor(async () => expect(await versionIn(other, 'stable')).toBe('1.1.0'), {
      timeout: 1000,
      interval: 10,
    });
    expect(await answerIn(other, 'stable')).toEqual(inBeta);
    expect(await answerIn(other, 'beta')).toEqual(inBeta);
    expect(await answerIn(other, 'beta', '1.1.0')).toBeUndefined();
    requireStatus(await promote(publisher, id, { channel: 'stable' }), 200); // again, as after a lost answer
  });

  test('one that leaves stable is offered there no more, and can come back', async () => {
    const { publisher, server } = await startNodes(await start());
    const ci = publisher.with(await server.createToken(publisher.id, { scopes: ['release:publish'] }));
    await publish(publisher, '1.0.0');
    const id = await publish(publisher, '1.1.0');
    const refused = await promote(ci, id, { channel: 'beta' });
    expect(refused.json()).toMatchObject({
      code: 'forbidden',
      detail: expect.stringContaining('release:yank'),
    });
    requireStatus(await promote(publisher, id, { channel: 'beta' }), 200);
    expect(await versionIn(publisher, 'stable')).toBe('1.0.0');
    expect(await versionIn(publisher, 'beta')).toBe('1.1.0');
    requireStatus(await promote(publisher, id, { channel: 'nightly' }), 200);
    expect(await versionIn(publisher, 'beta')).toBe('1.0.0');
    requireStatus(await promote(ci, id, { channel: 'stable' }), 200);
    expect(await versionIn(publisher, 'stable')).toBe('1.1.0');
  });

  test('a token for some channels moves a release between these only', async () => {
    const { publisher, server } = await startNodes(await start());
    const id = await publish(publisher, '1.1.0', { channel: 'beta' });
    const limited = async (...scopes: string[]) =>
      publisher.with(await server.createToken(publisher.id, { scopes }));
    for (const scopes of [['release:publish@beta'], ['release:publish@stable']]) {
      const reply = await promote(await limited(...scopes), id, { channel: 'stable' });
      expect(reply.json()).toMatchObject({ code: 'forbidden' });
    }
    requireStatus(
      await promote(await limited('release:publish@beta,stable'), id, { channel: 'stable' }),
      200,
    );
  });

  test('a rollout in the new channel begins anew', async () => {
    const { publisher } = await startNodes(await start());
    await publish(publisher, '1.0.0');
    const id = await publish(publisher, '1.1.0', { channel: 'beta' });
    const rollout = { percent: 50, over: 3600 };
    const reply = await promote(publisher, id, { channel: 'stable', rollout });
    expect(reply.json()).toMatchObject({ rollout: { percent: 50, share: 5, from: 5, over: 3600 } });
    expect(await versionIn(publisher, 'stable')).toBe('1.0.0');
    const manual = await publisher.server.app.inject({
      url: '/api/sync/ota/my-app/linux/x86_64/0.9.0',
      headers: { 'x-ota-manual': '1' },
    });
    expect(manual.json()).toMatchObject({ version: '1.1.0' });
  });

  test('only live releases move, into as many channels as the app may have, and not by their uploader under approval', async () => {
    const { publisher, server } = await startNodes(await start());
    const draft = requireStatus(
      await publisher.send('POST', '/releases', { body: { version: '2.0.0', draft: true, channel: 'beta' } }),
      201,
    ).json().id;
    const id = await publish(publisher, '1.1.0', { channel: 'beta' });
    expect((await promote(publisher, draft, { channel: 'stable' })).json()).toMatchObject({
      code: 'not_published',
    });
    expect((await promote(publisher, 'unknown', { channel: 'stable' })).json()).toMatchObject({
      code: 'not_found',
    });
    expect((await promote(publisher, id, { channel: 'No Channel' })).json()).toMatchObject({
      code: 'invalid_request',
    });
    const { queries } = server.database;
    await setLimits(queries, { appId: publisher.id, changes: { channels: 1 } }, by());
    expect((await promote(publisher, id, { channel: 'stable' })).json()).toMatchObject({
      code: 'limit_reached',
    });
    expect(await versionIn(publisher, 'stable')).toBeUndefined();
    await setLimits(queries, { appId: publisher.id, changes: { channels: 2 } }, by());
    const ci = publisher.with(
      await server.createToken(publisher.id, { scopes: ['release:upload', 'release:publish'] }),
    );
    const own = await publish(ci, '1.2.0', { channel: 'beta' });
    await setApproval(queries, { appId: publisher.id, approval: true }, by());
    expect((await promote(ci, own, { channel: 'stable' })).json()).toMatchObject({
      code: 'approval_required',
    });
    requireStatus(await promote(publisher, own, { channel: 'stable' }), 200);
  });

  test('what is signed about it moves along, or it does not move', async () => {
    const { publisher, server } = await startNodes(await start());
    const id = await publish(publisher, '1.1.0', { channel: 'beta' });
    const pubkey = formatPublicKey(MANIFEST_KEY.pair.publicKey);
    await setAppKey(server.database.queries, { appId: publisher.id, pubkey }, by());
    const signed = (fields: EnvelopeFields) => signedEnvelope({ releaseId: id, version: '1.1.0', ...fields });
    const former = signed({ channel: 'beta' });
    requireStatus(await publisher.send('PUT', `/releases/${id}/manifest`, { body: former }), 200);
    expect((await promote(publisher, id, { channel: 'stable' })).json()).toMatchObject({
      code: 'outdated_manifest',
    });
    const wrong = { channel: 'stable', manifest: [former] };
    expect((await promote(publisher, id, wrong)).json()).toMatchObject({ code: 'content_mismatch' });
    expect(await versionIn(publisher, 'stable')).toBeUndefined();
    const later = signed({ channel: 'stable', createdAt: '2026-01-02T00:00:00Z' });
    const body = { channel: 'stable', manifest: [later] };
    requireStatus(await promote(publisher, id, body), 200);
    requireStatus(await promote(publisher, id, body), 200);
    const bundle = (await publisher.get('/api/sync/ota/my-app/manifest/1.1.0')).body;
    expect(bundle).toBe(`${JSON.stringify(later)}\n`);
    const back = { channel: 'beta', allow_outdated_manifest: true };
    requireStatus(await promote(publisher, id, back), 200);
    expect((await publisher.get('/api/sync/ota/my-app/manifest/1.1.0')).body).toBe(bundle);
  });

  test('attack F18: what another token has signed with a key of its own holds no promotion up', async () => {
    const { publisher, server } = await startNodes(await start());
    const stranger = publisher.with(
      await server.createToken(publisher.id, { scopes: ['release:upload', 'release:publish'] }),
    );
    const key = generateKeyInProcess();
    const state = async (by: Publisher, id: string, fields: EnvelopeFields) => {
      const body = signedEnvelope({ releaseId: id, ...fields });
      requireStatus(await by.send('PUT', `/releases/${id}/manifest`, { body }), 200);
    };
    // Without a key of the app only the creator's own statements count, whatever they are signed with.
    const first = await publish(publisher, '1.1.0', { channel: 'beta' });
    await state(stranger, first, { version: '1.1.0', channel: 'beta', key });
    requireStatus(await promote(publisher, first, { channel: 'stable' }), 200);
    const second = await publish(publisher, '1.2.0', { channel: 'beta' });
    await state(publisher, second, { version: '1.2.0', channel: 'beta' });
    expect((await promote(publisher, second, { channel: 'stable' })).json()).toMatchObject({
      code: 'outdated_manifest',
    });
    // With one, what is signed with it counts alone.
    const pubkey = formatPublicKey(MANIFEST_KEY.pair.publicKey);
    await setAppKey(server.database.queries, { appId: publisher.id, pubkey }, by());
    await state(publisher, second, { version: '1.2.0', channel: 'beta', key });
    const manifest = [
      signedEnvelope({
        ...{ releaseId: second, version: '1.2.0', channel: 'stable' },
        createdAt: '2026-01-02T00:00:00Z',
      }),
    ];
    requireStatus(await promote(publisher, second, { channel: 'stable', manifest }), 200);
  });

  test('it is recorded, and the audit log agrees with the rows', async () => {
    const { publisher, server } = await startNodes(await start());
    const { queries } = server.database;
    const id = await publish(publisher, '1.1.0', { channel: 'beta' });
    await publisher.requestUpload(id, 5, { target: 'windows', arch: 'x86_64' }, { signature: 's' });
    requireStatus(await promote(publisher, id, { channel: 'stable' }), 200);
    const rows = await queries
      .selectFrom('audit')
      .select('details')
      .where('action', '=', 'release.promoted')
      .execute();
    expect(rows.map(({ details }) => JSON.parse(details))).toEqual([
      { version: '1.1.0', release_id: id, channel: { before: 'beta', after: 'stable' } },
    ]);
    expect((await verifyAudit(queries)).problems).toEqual([]);
    const artifacts = await queries.selectFrom('artifacts').select('lane').execute();
    expect(artifacts.map(({ lane }) => lane.split(' ')[0])).toEqual(['stable', 'stable']);
    const known = await queries.selectFrom('published_bytes').select(['channel', 'lane']).execute();
    expect(known.map(({ channel, lane }) => [channel, lane.split(' ')[0]])).toEqual([['stable', 'stable']]);
  });
});
