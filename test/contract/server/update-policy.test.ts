import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { setMinimumVersion } from '../../../src/database/queries/apps.ts';
import { verifyAudit } from '../../../src/database/queries/verify-audit.ts';
import { LINUX, MAC, Publisher, requireStatus, startServer } from '../../support/publish/publisher.ts';
import { by } from '../../support/server/by.ts';
import { describeOnEachStore, type Store } from '../../support/server/stores.ts';

async function startNodes(store: Store) {
  const [server, other] = [await store.open(), await store.open()];
  onTestFinished(() => other.close());
  onTestFinished(() => server.close());
  const publisher = await Publisher.on(server);
  return { server, publisher, other: publisher.at(other) };
}

async function publish(publisher: Publisher, version: string, fields: object = {}, platform = LINUX) {
  const bytes = Buffer.from(`file of ${version}`);
  const body = { version, draft: true, ...fields };
  const { id } = requireStatus(await publisher.send('POST', '/releases', { body }), 201).json();
  const url = await publisher.requestUpload(id, bytes.length, platform, { signature: 's' });
  await publisher.upload(id, url, bytes);
  await vi.waitFor(async () => requireStatus(await publisher.send('POST', `/releases/${id}/publish`), 200), {
    timeout: 10_000,
  });
  return id as string;
}

async function answer(publisher: Publisher, version: string, query = '', platform = 'linux/x86_64') {
  const reply = await publisher.get(`/api/sync/ota/my-app/${platform}/${version}${query}`);
  return reply.statusCode === 204 ? undefined : requireStatus(reply, 200).json();
}

const change = async (publisher: Publisher, id: string, body: object) =>
  requireStatus(await publisher.send('PATCH', `/releases/${id}`, { body }), 200).json();

const soon = (expectation: () => Promise<void>) => vi.waitFor(expectation, { timeout: 1000, interval: 10 });

describeOnEachStore('how urgent an update is', ({ start }) => {
  test('a mandatory release stays so for those who skipped it, in its channel, on all nodes', async () => {
    const { publisher, other } = await startNodes(await start());
    await publish(publisher, '1.0.0');
    const mandatory = await publish(publisher, '1.1.0', { mandatory: true });
    await publish(publisher, '1.2.0');
    expect(await answer(publisher, '1.0.0')).toMatchObject({ version: '1.2.0', mandatory: true });
    expect(await answer(publisher, '1.1.0')).not.toHaveProperty('mandatory');
    expect(await answer(publisher, '1.0.0', '?channel=beta')).toMatchObject({ mandatory: true });
    expect(await answer(other, '1.0.0')).toMatchObject({ mandatory: true });
    expect(await change(publisher, mandatory, { mandatory: false })).not.toHaveProperty('mandatory');
    await soon(async () => expect(await answer(other, '1.0.0')).not.toHaveProperty('mandatory'));
    await publish(publisher, '1.3.0', { channel: 'beta', mandatory: true });
    expect(await answer(publisher, '1.0.0', '?channel=beta')).toMatchObject({
      version: '1.3.0',
      mandatory: true,
    });
    expect(await answer(publisher, '1.0.0')).not.toHaveProperty('mandatory');
    const latest = requireStatus(await publisher.get('/api/sync/ota/my-app/latest.json'), 200).json();
    expect(latest).not.toHaveProperty('mandatory');
    const ofVersion = '/api/sync/ota/my-app/latest.json?channel=beta&current_version=1.0.0';
    expect((await publisher.get(ofVersion)).json()).toMatchObject({ version: '1.3.0', mandatory: true });
  });

  test('apps below the minimum version have to update', async () => {
    const { publisher, other, server } = await startNodes(await start());
    await publish(publisher, '1.2.0');
    await setMinimumVersion(server.database.queries, { appId: publisher.id, version: '1.1.0' }, by());
    await soon(async () =>
      expect(await answer(other, '1.0.9')).toMatchObject({ mandatory: true, minimum_version: '1.1.0' }),
    );
    const allowed = await answer(publisher, '1.1.0');
    expect(allowed).toMatchObject({ minimum_version: '1.1.0' });
    expect(allowed).not.toHaveProperty('mandatory');
    expect((await publisher.send('GET', '')).json()).toMatchObject({ minimum_version: '1.1.0' });
    await setMinimumVersion(server.database.queries, { appId: publisher.id, version: null }, by());
    await soon(async () => expect(await answer(other, '1.0.9')).not.toHaveProperty('minimum_version'));
  });

  test('the minimum of a system is said to apps on it', async () => {
    const { publisher } = await startNodes(await start());
    const id = await publish(publisher, '1.0.0', { minimum_system_version: { darwin: '11.0' } }, MAC);
    expect(await answer(publisher, '0.9.0', '', 'darwin/aarch64')).toMatchObject({
      minimum_system_version: '11.0',
    });
    const latest = (await publisher.get('/api/sync/ota/my-app/latest.json')).json();
    expect(latest.platforms['darwin-aarch64']).toMatchObject({ minimum_system_version: '11.0' });
    expect(await change(publisher, id, { minimum_system_version: null })).not.toHaveProperty(
      'minimum_system_version',
    );
    expect(await answer(publisher, '0.9.0', '', 'darwin/aarch64')).not.toHaveProperty(
      'minimum_system_version',
    );
    for (const wrong of [{ darwin: 'Big Sur' }, { darwin: 11 }, 'darwin=11']) {
      const body = { minimum_system_version: wrong };
      expect((await publisher.send('PATCH', `/releases/${id}`, { body })).statusCode).toBe(400);
    }
  });
});

describeOnEachStore('a lower version on purpose', ({ start }) => {
  test('is offered to apps that take one, and have the version that was rolled back', async () => {
    const { publisher, other } = await startNodes(await start());
    await publish(publisher, '1.0.0');
    await publish(publisher, '1.1.0');
    const bad = await publish(publisher, '1.2.0');
    expect(await answer(other, '1.2.0', '?downgrade=1')).toBeUndefined();
    const rolledBack = await change(publisher, bad, { status: 'yanked', rolled_back: true });
    expect(rolledBack).toMatchObject({ status: 'yanked', rolled_back: true });
    await soon(async () =>
      expect(await answer(other, '1.2.0', '?downgrade=1')).toMatchObject({ version: '1.1.0' }),
    );
    expect(await answer(publisher, '1.2.0')).toBeUndefined();
    expect(await answer(publisher, '1.2.0', '?downgrade=0')).toBeUndefined();
    for (const version of ['1.1.0', '1.2.1', '1.2.0-rc.1'])
      expect(await answer(publisher, version, '?downgrade=1')).toBeUndefined(); // never rolled back
    expect(await answer(publisher, '1.2.0+7', '?downgrade=1&channel=beta')).toMatchObject({
      version: '1.1.0',
    });
    await publish(publisher, '1.2.1');
    expect(await answer(publisher, '1.2.0', '?downgrade=1')).toMatchObject({ version: '1.2.1' });
    expect(await change(publisher, bad, { status: 'published' })).not.toHaveProperty('rolled_back');
    expect((await verifyAudit(publisher.server.database.queries)).problems).toEqual([]);
  });

  test('is never one that is not for everyone, nor said without withdrawing the release', async () => {
    const { publisher } = await startNodes(await start());
    await publish(publisher, '1.0.0');
    await publish(publisher, '1.1.0', { rollout: { percent: 10 } });
    const bad = await publish(publisher, '1.2.0');
    for (const body of [{ rolled_back: true }, { rolled_back: true, status: 'published' }])
      expect((await publisher.send('PATCH', `/releases/${bad}`, { body })).statusCode).toBe(400);
    await change(publisher, bad, { status: 'yanked', rolled_back: true });
    expect(await answer(publisher, '1.2.0', '?downgrade=1')).toMatchObject({ version: '1.0.0' });
  });
});

describe('the policy of a release', () => {
  test('takes the right to edit what is live', async () => {
    const server = await startServer();
    const publisher = await Publisher.on(server);
    const id = await publisher.publish('1.0.0');
    const ci = publisher.with(
      await server.createToken(publisher.id, { scopes: ['release:upload', 'release:publish'] }),
    );
    for (const body of [{ mandatory: true }, { minimum_system_version: { linux: '6' } }])
      expect((await ci.send('PATCH', `/releases/${id}`, { body })).json()).toMatchObject({
        code: 'forbidden',
      });
  });
});
