import { expect, onTestFinished, test, vi } from 'vitest';
import { deleteApp } from '../../../src/database/queries/apps.ts';
import { periodsAt } from '../../../src/protocol/stats/period.ts';
import type { Services } from '../../../src/server/services.ts';
import { Publisher, requireStatus } from '../../support/publish/publisher.ts';
import { by } from '../../support/server/by.ts';
import type { TestServer } from '../../support/server/server.ts';
import { describeOnEachStore, type Store } from '../../support/server/stores.ts';

const PATH = '/api/sync/ota/my-app/linux/x86_64';
const TOGETHER: Partial<Services> = {
  counts: { isAlone: false, pace: { write: 200, exchange: 100 } },
  trustProxy: ['127.0.0.1'],
  clock: () => new Date(),
};

const clientAddress = (client: number) => `10.0.${client >> 8}.${client & 255}`;

/** Nodes on one store, asked by clients from addresses of their own. */
async function startNodes(store: Store, count: number, overrides = TOGETHER) {
  const nodes: TestServer[] = [];
  for (let i = 0; i < count; i++) nodes.push(await store.open(overrides));
  const [first] = nodes;
  if (first === undefined) throw new Error('no node');
  for (const node of nodes) onTestFinished(() => node.close());
  const listening = await Promise.all(nodes.map((node) => node.listen()));
  for (const { drain } of listening) onTestFinished(drain);
  const publisher = await Publisher.on(first);
  const get = (node: number, client: number, path: string) => {
    const headers = { 'x-forwarded-for': clientAddress(client) };
    return fetch((listening[node]?.url ?? '') + path, { headers, redirect: 'manual' });
  };
  const ask = async (node: number, client: number, version: string) => {
    const response = await get(node, client, `${PATH}/${version}`);
    return { status: response.status, text: await response.text() };
  };
  const stats = async (query = '') =>
    requireStatus(await publisher.send('GET', `/stats${query}`), 200).json();
  return { nodes, publisher, get, ask, stats };
}

/** Until all nodes have the keys. */
async function haveKeys(store: Store, nodes: number): Promise<void> {
  const database = await store.openDatabase();
  onTestFinished(() => database.close());
  await vi.waitFor(
    async () => {
      const rows = await database.queries.selectFrom('count_keys').selectAll().execute();
      expect(rows.filter(({ sealed }) => sealed === null).length).toBe(3 * nodes);
      expect(new Set(rows.map(({ generation }) => generation)).size).toBe(3);
    },
    { timeout: 20_000 },
  );
}

describeOnEachStore('adoption', ({ start }) => {
  test('is counted once for each client, whichever node it asks', async () => {
    const store = await start();
    const { publisher, get, ask, stats } = await startNodes(store, 2);
    await publisher.publish('1.1.0', Buffer.from('new'));
    await haveKeys(store, 2);
    for (let client = 0; client < 120; client++) {
      const { text } = await ask(client % 2, client, '1.0.0');
      await ask((client + 1) % 2, client, '1.0.0');
      if (client < 80) {
        const { pathname } = new URL(JSON.parse(text).url);
        expect((await get(client % 2, client, pathname)).status).toBe(302);
      }
      if (client < 60) await ask((client + 1) % 2, client, '1.1.0');
    }
    for (let client = 200; client < 205; client++) await ask(0, client, '0.5.0'); // too few to be shown
    const [day, week, month] = periodsAt(Date.now());
    const close = (clients: number) => expect.closeTo(clients, -1);
    await vi.waitFor(async () => {
      const { days, weeks, months, releases, hidden_below } = await stats();
      expect(hidden_below).toBe(10);
      const platforms = [{ platform: 'linux-x86_64', clients: close(125) }];
      expect(weeks).toEqual([{ period: week?.name, clients: close(125), platforms }]);
      expect(months).toEqual([{ period: month?.name, clients: close(125), platforms }]);
      const versions = [
        { version: '1.1.0', platform: 'linux-x86_64', clients: close(60) },
        { version: '1.0.0', platform: 'linux-x86_64', clients: close(120) },
      ];
      expect(days).toEqual([{ period: day?.name, clients: close(125), platforms, versions }]);
      const reach = { offered: close(125), downloaded: close(80), converted: close(60) };
      expect(releases).toEqual([
        { version: '1.1.0', ...reach, platforms: [{ platform: 'linux-x86_64', ...reach }] },
      ]);
    }, 20_000);
    const one = await stats('?version=1.1.0&days=1');
    expect(one.days).toEqual([]);
    expect(one.releases.length).toBe(1);
  }, 60_000);

  test('is nothing in the store of fewer clients than are shown', async () => {
    const store = await start();
    const { publisher, ask, nodes } = await startNodes(store, 1);
    await publisher.publish('1.1.0', Buffer.from('new'));
    await haveKeys(store, 1);
    for (let client = 0; client < 9; client++) await ask(0, client, '1.0.0');
    const counted = () => nodes[0]?.database.queries.selectFrom('counts').selectAll().execute();
    await new Promise((resolve) => setTimeout(resolve, 1500));
    expect(await counted()).toEqual([]);
    await ask(0, 9, '1.0.0');
    await vi.waitFor(async () => expect((await counted())?.length).toBe(10), 5000);
  }, 60_000);

  test('says what a lost key leaves open, and is gone with its app', async () => {
    const store = await start();
    for (let run = 0; run < 2; run++) {
      const node = await store.open(TOGETHER);
      const { url, drain } = await node.listen();
      const publisher = await Publisher.on(node).catch(() => undefined);
      if (publisher !== undefined) await publisher.publish('1.1.0', Buffer.from('new'));
      await vi.waitFor(async () => {
        const held = await node.database.queries.selectFrom('count_keys').selectAll().execute();
        expect(held.length).toBe(3);
      });
      for (let client = 0; client < 30 + run * 10; client++) {
        const headers = { 'x-forwarded-for': clientAddress(client) };
        await fetch(`${url}${PATH}/1.0.0`, { headers });
      }
      await drain();
      await node.close();
    }
    const node = await store.open({ ...TOGETHER, counts: 'none' });
    onTestFinished(() => node.close());
    const app = await node.database.queries.selectFrom('apps').select('id').executeTakeFirstOrThrow();
    const token = await node.createToken(app.id, { scopes: ['release:read'] });
    const reader = (await Publisher.on(node, { slug: 'another' })).of({ id: app.id, token });
    const [day] = requireStatus(await reader.send('GET', '/stats'), 200).json().days;
    expect(day).toMatchObject({ clients: expect.closeTo(40, -1), at_most: expect.closeTo(70, -1) });
    await deleteApp(node.database.queries, app.id, by());
    expect(await node.database.queries.selectFrom('counts').selectAll().execute()).toEqual([]);
  }, 60_000);
});
