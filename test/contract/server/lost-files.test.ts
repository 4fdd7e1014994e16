import { createHash } from 'node:crypto';
import { truncate, writeFile } from 'node:fs/promises';
import pino from 'pino';
import { describe, expect, test, vi } from 'vitest';
import { platformName } from '../../../src/protocol/platform.ts';
import { LostFiles } from '../../../src/server/maintenance/lost-files.ts';
import { Maintenance } from '../../../src/server/maintenance/maintenance.ts';
import type { Services } from '../../../src/server/services.ts';
import { startPublishWorld } from '../../support/publish/publish-world.ts';
import {
  bytesOf,
  LINUX,
  MAC,
  Publisher,
  requireStatus,
  startServer,
} from '../../support/publish/publisher.ts';
import { DAMAGES, damage, writeStored } from '../../support/server/damage.ts';
import { maintainOnce } from '../../support/server/maintenance-once.ts';
import { keyOf as keyOfUpload, StoreWithApp } from '../../support/server/store-with-app.ts';
import { describeOnEachStore } from '../../support/server/stores.ts';

const OFTEN = { interval: 20, perSecond: 10_000 };

const sha256 = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');

/** The storage key of a release's file. */
async function keyOf({ server }: Publisher, releaseId: string, { target } = LINUX): Promise<string> {
  const row = await server.database.queries
    .selectFrom('artifacts')
    .select('storage_key')
    .where('release_id', '=', releaseId)
    .where('target', '=', target)
    .where('status', '=', 'complete')
    .executeTakeFirstOrThrow();
  return row.storage_key ?? '';
}

async function marked({ server }: Publisher): Promise<number> {
  const rows = await server.database.queries
    .selectFrom('artifacts')
    .select('id')
    .where('lost_at', 'is not', null)
    .execute();
  return rows.length;
}

/** Starts a server's maintenance later. @returns the errors that it logs until it has compared all files */
async function linesOfStart({ server: { services } }: Publisher, count: number): Promise<object[]> {
  const lines: object[] = [];
  const logger = pino({ level: 'error' }, { write: (line) => lines.push(JSON.parse(line)) });
  const clock = () => new Date(services.clock().getTime() + 1000);
  const { lostFiles: _, ...rest } = services;
  const maintenance = new Maintenance({ ...rest, clock }, logger);
  maintenance.start();
  if (count > 0) await vi.waitFor(() => expect(lines).toHaveLength(count), 10_000);
  await maintenance.runOnce();
  await maintenance.stop();
  return lines;
}

/** Asks for the upload of a file. */
function announce(app: Publisher, releaseId: string, bytes: Buffer, fields: object = {}) {
  const body = { ...LINUX, file_size: bytes.length, sha256: sha256(bytes), ...fields };
  return app.send('POST', `/releases/${releaseId}/artifacts`, { body });
}

async function listed(app: Publisher, releaseId: string) {
  const releases: { id: string; artifacts: object[] }[] = (await app.send('GET', '/releases')).json();
  return releases.find(({ id }) => id === releaseId)?.artifacts;
}

describeOnEachStore('field 11: a recorded file that the storage has lost', ({ engine, files, start }) => {
  async function startWithTwo(overrides: Partial<Services> = {}) {
    const store = await start();
    const app = await Publisher.on(await store.open(overrides));
    const second = engine === 'PostgreSQL' && files !== 'disk' ? [app.at(await store.open())] : [];
    await app.publish('1.0.0');
    const releaseId = await app.publish('2.0.0');
    const nodes = [app, ...second];
    for (const node of nodes) await vi.waitFor(async () => expect(await node.offered()).toBe('2.0.0'));
    return { store, app, nodes, releaseId, storageKey: await keyOf(app, releaseId) };
  }

  test.each(DAMAGES)(
    'is not offered by any node, reported, and repaired by the same bytes: %s',
    async (how) => {
      const { store, app, nodes, releaseId, storageKey } = await startWithTwo();
      await damage(store, storageKey, how);
      const [line = '{}', ...others] = await maintainOnce(app.server.services);
      expect(JSON.parse(line)).toMatchObject({ app: 'my-app', release: '2.0.0', platform: 'linux-x86_64' });
      expect(others).toEqual([]);
      for (const node of nodes) {
        await vi.waitFor(async () => expect(await node.offered()).toBe('1.0.0'));
        const reply = await node.download(releaseId);
        expect([reply.statusCode, reply.json().code]).toEqual([404, 'file_lost']);
      }
      expect(await listed(app, releaseId)).toMatchObject([{ lost: true }]);
      expect(await maintainOnce(app.server.services)).toEqual([]); // once is enough

      const bytes = bytesOf('2.0.0');
      expect((await announce(app, releaseId, Buffer.from('other bytes'))).statusCode).toBe(409);
      expect((await announce(app, releaseId, bytes, { signature: 'another' })).statusCode).toBe(409);
      const url = requireStatus(await announce(app, releaseId, bytes), 201).json().upload_url;
      requireStatus(await app.upload(releaseId, url, bytes), 200);
      for (const node of nodes) await vi.waitFor(async () => expect(await node.offered()).toBe('2.0.0'));
      expect(await app.fetchOffer()).toEqual(bytes);
      expect(await listed(app, releaseId)).toEqual([expect.not.objectContaining({ lost: true })]);
      await vi.waitFor(async () => expect(await store.kept()).toEqual({ staging: 0, artifacts: 2 }));
      expect((await announce(app, releaseId, bytes)).statusCode).toBe(409);
    },
  );

  test('is repaired by bytes that were announced without a hash, and by no others', async () => {
    const { store, app, releaseId, storageKey } = await startWithTwo();
    const bytes = await damage(store, storageKey, 'missing');
    await maintainOnce(app.server.services);
    const wrong = Buffer.from(bytes).fill('x');
    const first = await app.requestUpload(releaseId, wrong.length);
    expect((await app.upload(releaseId, first, wrong)).statusCode).toBe(409);
    const second = await app.requestUpload(releaseId, bytes.length);
    requireStatus(await app.upload(releaseId, second, bytes), 200);
    await vi.waitFor(async () => expect(await app.offered()).toBe('2.0.0'));
  });

  test('is offered again once its bytes are there again', async () => {
    const { store, app, nodes, storageKey } = await startWithTwo();
    const bytes = await damage(store, storageKey, 'cut short');
    await maintainOnce(app.server.services);
    for (const node of nodes) await vi.waitFor(async () => expect(await node.offered()).toBe('1.0.0'));
    await writeStored(store, storageKey, bytes);
    expect(await maintainOnce(app.server.services)).toEqual([]);
    for (const node of nodes) await vi.waitFor(async () => expect(await node.offered()).toBe('2.0.0'));
    expect(await app.fetchOffer()).toEqual(bytes);
  });

  test.each(DAMAGES)(
    'is not offered by any node soon after it was lost, as long as it is asked for: %s',
    async (how) => {
      const { store, nodes, storageKey } = await startWithTwo({ comparisonPace: OFTEN });
      const bytes = await damage(store, storageKey, how);
      for (const node of nodes) await vi.waitFor(async () => expect(await node.offered()).toBe('1.0.0'));
      await writeStored(store, storageKey, bytes);
    },
  );

  test('is no longer what the lasting link leads to, as long as that is asked for', async () => {
    const { store, app, releaseId, storageKey } = await startWithTwo({ comparisonPace: OFTEN });
    const link = async () => {
      const { headers } = await app.get('/api/sync/ota/my-app/latest/linux/x86_64');
      return String(headers.location);
    };
    expect(await link()).toContain(releaseId);
    await damage(store, storageKey, 'missing');
    await vi.waitFor(async () => expect(await link()).not.toContain(releaseId));
  });

  test('is found when the server starts', async () => {
    const { store, app, storageKey } = await startWithTwo();
    await damage(store, storageKey, 'missing');
    const restarted = app.at(await store.open());
    await vi.waitFor(async () => expect(await restarted.offered()).toBe('1.0.0'), 10_000);
    await vi.waitFor(async () => expect(await marked(restarted)).toBe(1), 10_000);
  });

  test('is named when a server starts, as long as it is lost', async () => {
    const { app, store, storageKey } = await startWithTwo();
    const bytes = await damage(store, storageKey, 'missing');
    await maintainOnce(app.server.services);
    const lines = await linesOfStart(app, 1);
    expect(lines).toEqual([
      expect.objectContaining({
        count: 1,
        examples: [expect.objectContaining({ app: 'my-app', release: '2.0.0', platform: 'linux-x86_64' })],
      }),
    ]);
    await writeStored(store, storageKey, bytes);
    await maintainOnce(app.server.services);
    expect(await linesOfStart(app, 0)).toEqual([]);
  });

  test('is found when its upload is announced again', async () => {
    const { store, app, releaseId, storageKey } = await startWithTwo();
    const bytes = await damage(store, storageKey, 'cut short');
    const url = requireStatus(await announce(app, releaseId, bytes), 201).json().upload_url;
    requireStatus(await app.upload(releaseId, url, bytes), 200);
    await vi.waitFor(async () => expect(await app.offered()).toBe('2.0.0'));
    expect(await app.fetchOffer()).toEqual(bytes);
  });

  test('is found before a draft goes live on request', async () => {
    const store = await start();
    const app = await Publisher.on(await store.open());
    const created = await app.send('POST', '/releases', {
      body: { version: '1.0.0', signature: 's', draft: true },
    });
    const { id } = requireStatus(created, 201).json();
    const bytes = bytesOf('1.0.0');
    const upload = async () =>
      requireStatus(await app.upload(id, await app.requestUpload(id, bytes.length), bytes), 200);
    await upload();
    await damage(store, await keyOf(app, id), 'missing');
    const refused = await app.send('POST', `/releases/${id}/publish`);
    expect(refused.json()).toMatchObject({
      status: 422,
      code: 'incomplete',
      errors: [{ field: 'linux-x86_64' }],
    });
    expect(await app.offered()).toBeUndefined();
    await upload();
    requireStatus(await app.send('POST', `/releases/${id}/publish`), 200);
    expect(await app.fetchOffer()).toEqual(bytes);
  });

  test('keeps a draft from going live by itself, until it is repaired', async () => {
    const store = await start();
    const app = await Publisher.on(await store.open());
    const expected = [LINUX, MAC].map(platformName);
    const body = { version: '1.0.0', signature: 's', expect: expected };
    const { id } = requireStatus(await app.send('POST', '/releases', { body }), 201).json();
    const bytes = bytesOf('1.0.0');
    const upload = async (platform = LINUX) =>
      requireStatus(await app.upload(id, await app.requestUpload(id, bytes.length, platform), bytes), 200);
    await upload();
    await damage(store, await keyOf(app, id), 'missing');
    await upload(MAC);
    await maintainOnce(app.server.services); // publishes drafts that are ready
    expect(await app.offered(MAC)).toBeUndefined();
    await upload();
    expect(await app.offered(MAC)).toBe('1.0.0');
    expect(await app.fetchOffer()).toEqual(bytes);
  });

  test.each(DAMAGES)('is uploaded again by a publish that verifies it: %s', async (how) => {
    const store = await start();
    const world = await startPublishWorld([LINUX, MAC], () => store.open());
    expect((await world.run()).outcome).toMatchObject({ status: 'published' });
    const app = { server: world.server } as Publisher;
    const [release] = await world.releases();
    await damage(store, await keyOf(app, release?.id ?? ''), how);
    const { outcome } = await world.run();
    expect(outcome).toMatchObject({ status: 'published' });
    expect(outcome.artifacts).toMatchObject([
      { ...LINUX, action: 'upload', repairs: true, verified: true },
      { ...MAC, action: 'skip', verified: true },
    ]);
    expect(await world.offered(LINUX)).toBe('1.2.0');
    expect((await world.run()).outcome).toMatchObject({ status: 'unchanged' });
  });

  test('that is known to be lost is uploaded again by a publish with another signature, and keeps its own', async () => {
    const store = await start();
    const world = await startPublishWorld([LINUX], () => store.open());
    await world.run();
    const app = { server: world.server } as Publisher;
    const [release] = await world.releases();
    await damage(store, await keyOf(app, release?.id ?? ''), 'missing');
    await maintainOnce(world.server.services);
    const artifacts = world.artifacts.map((artifact) => ({ ...artifact, signature: 'made again' }));
    const { outcome } = await world.run({ artifacts });
    expect(outcome.artifacts).toMatchObject([{ action: 'upload', repairs: true, verified: true }]);
    expect((await world.releases())[0]?.artifacts).toMatchObject([
      { signature: release?.artifacts?.[0]?.signature },
    ]);
  });

  if (engine === 'PostgreSQL' && files !== 'disk') {
    test('is marked by requests only a hundred times, however many find one at once', async () => {
      const server = await (await start()).open();
      const store = await StoreWithApp.in(server.database);
      const recorded: { storageKey: string; fileSize: number }[] = [];
      for (let patch = 0; patch < 240; patch++) {
        const uploadId = await store.publish(await store.release(`1.0.${patch}`));
        recorded.push({ storageKey: keyOfUpload(uploadId), fileSize: 5 });
      }
      const lostFiles = new LostFiles(server.services, pino({ enabled: false }));
      const groups = Array.from({ length: 4 }, (_, i) => recorded.slice(60 * i, 60 * (i + 1)));
      await Promise.all(groups.slice(0, 3).map((group) => lostFiles.find(group)));
      expect((await lostFiles.find(groups[3] ?? [])).size).toBe(60);
      const rows = await store.db
        .selectFrom('artifacts')
        .select('id')
        .where('lost_at', 'is not', null)
        .execute();
      expect(rows).toHaveLength(100);
    });
  }

  if (files === 'fake') {
    test.each([
      ['fails', 503],
      ['has lost its bucket', 404],
    ])('is none when the storage %s: nothing is marked', async (_, status) => {
      const { store, app } = await startWithTwo();
      if (store.fake !== undefined) store.fake.intercept = async () => ({ status });
      expect(await maintainOnce(app.server.services)).not.toEqual([]);
      expect(await marked(app)).toBe(0);
      expect(await app.offered()).toBe('2.0.0');
    });
  }
});

describe('field 11: a lost file on the disk', () => {
  test('is not offered soon after it was lost, although all checks are answered before the framework', async () => {
    const server = await startServer({ comparisonPace: OFTEN });
    const { url } = await server.listen();
    const app = await Publisher.on(server);
    await app.publish('1.0.0');
    const storageKey = await keyOf(app, await app.publish('2.0.0'));
    const offered = async () => {
      const response = await fetch(`${url}/api/sync/ota/my-app/linux/x86_64/0.9.0`);
      return ((await response.json()) as { version: string }).version;
    };
    for (let i = 0; i < 3; i++) expect(await offered()).toBe('2.0.0');
    await truncate(server.disk.path(storageKey), 1);
    await vi.waitFor(async () => expect(await offered()).toBe('1.0.0'));
  });

  test('is not offered where more are lost at once than requests may mark: then all files are compared', async () => {
    const server = await startServer({ comparisonPace: OFTEN });
    const store = await StoreWithApp.in(server.database);
    for (let patch = 0; patch < 230; patch++) {
      const upload = await store.publish(await store.release(`1.0.${patch}`));
      if (patch < 125) await writeFile(server.disk.path(keyOfUpload(upload)), 'bytes');
    }
    const app = (await Publisher.on(server, { slug: 'another' })).at(server);
    const offered = async () => {
      const response = await app.get('/api/sync/ota/my-app/linux/x86_64/0.9.0');
      return response.json().version;
    };
    await vi.waitFor(async () => expect(await offered()).toBe('1.0.124'));
    await vi.waitFor(async () => expect(await marked(app)).toBe(105));
  });

  test('is not offered after the first download that fails', async () => {
    const app = await Publisher.on(await startServer());
    await app.publish('1.0.0');
    const releaseId = await app.publish('2.0.0');
    expect(await app.offered()).toBe('2.0.0');
    const path = await app.downloadPath(releaseId);
    await app.server.disk.remove(await keyOf(app, releaseId));
    expect(await app.offered()).toBe('2.0.0'); // nothing has looked yet
    expect((await app.get(path)).json()).toMatchObject({ status: 404, code: 'file_lost' });
    expect(await app.offered()).toBe('1.0.0');
  });

  test('is not offered once the offers of its app are resolved again', async () => {
    const app = await Publisher.on(await startServer());
    await app.publish('1.0.0');
    await app.server.disk.remove(await keyOf(app, await app.publish('2.0.0')));
    expect(await app.offered()).toBe('1.0.0');
  });

  test('is not marked where most files are missing: that is another storage, or none', async () => {
    const server = await startServer();
    const store = await StoreWithApp.in(server.database);
    for (let patch = 0; patch < 101; patch++) await store.publish(await store.release(`1.0.${patch}`));
    const lines = await maintainOnce(server.services);
    expect(lines.map((line) => JSON.parse(line))).toEqual([
      expect.objectContaining({ missing: 101, files: 101 }),
    ]);
    const rows = await store.db.selectFrom('artifacts').select('lost_at').execute();
    expect(new Set(rows.map((row) => row.lost_at))).toEqual(new Set([null]));
  });
});
