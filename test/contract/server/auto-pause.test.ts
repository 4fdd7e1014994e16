import { expect, onTestFinished, test, vi } from 'vitest';
import { setAutoPause } from '../../../src/database/queries/apps.ts';
import type { Queries } from '../../../src/database/schema.ts';
import type { Services } from '../../../src/server/services.ts';
import { Publisher, requireStatus } from '../../support/publish/publisher.ts';
import { by } from '../../support/server/by.ts';
import type { TestServer } from '../../support/server/server.ts';
import { describeOnEachStore, type Store } from '../../support/server/stores.ts';

const API = '/api/sync/ota/my-app';
const MINUTE = 60_000;
const PLATFORM = { target: 'linux', arch: 'x86_64' };

/** Each in a network of its own. */
const clientAddress = (client: number) => `10.${client >> 8}.${client & 255}.1`;

/** Nodes on one store with one clock, asked by clients. */
async function startWatched(store: Store, count: number) {
  const time = { ahead: 0 };
  const now = () => new Date(Date.now() + time.ahead);
  const overrides: Partial<Services> = {
    counts: { isAlone: false, pace: { write: 100, exchange: 50 } },
    trustProxy: ['127.0.0.1'],
    clock: now,
  };
  const nodes: TestServer[] = [];
  for (let i = 0; i < count; i++) nodes.push(await store.open(overrides));
  for (const node of nodes) onTestFinished(() => node.close());
  const listening = await Promise.all(nodes.map((node) => node.listen()));
  for (const { drain } of listening) onTestFinished(drain);
  const [first] = nodes;
  if (first === undefined) throw new Error('no node');
  const publisher = await Publisher.on(first);
  const { queries } = first.database;
  await haveKeys(queries, count);
  const send = (client: number, path: string, init: RequestInit = {}) => {
    const headers = { 'x-forwarded-for': clientAddress(client), 'x-ota-manual': '1', ...init.headers };
    const url = listening[client % count]?.url ?? '';
    return fetch(url + path, { redirect: 'manual', ...init, headers });
  };
  const ask = async (client: number, version: string) => {
    const response = await send(client, `${API}/linux/x86_64/${version}`);
    const text = await response.text();
    return text === '' ? undefined : JSON.parse(text);
  };
  return {
    nodes,
    publisher,
    queries,
    send,
    ask,
    /** The client takes the update that it is offered. @param isGood whether it runs it afterwards */
    update: async (client: number, [from, to]: readonly [string, string], isGood: boolean) => {
      const offer = await ask(client, from);
      expect(offer?.version).toBe(to);
      const { pathname } = new URL(offer.url);
      expect((await send(client, pathname)).status).toBe(302);
      if (isGood) await ask(client, to);
    },
    report: (client: number, event: object) =>
      send(client, `${API}/events`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ ...PLATFORM, ...event }),
      }),
    /** Until all nodes have written what they have counted. */
    settle: async () => {
      let [before, same] = ['', 0];
      while (same < 5) {
        await new Promise((resolve) => setTimeout(resolve, 200));
        const counts = await queries.selectFrom('counts').select('sketch').execute();
        const attempts = await queries.selectFrom('attempts').select(['sketch', 'hours']).execute();
        const now = JSON.stringify([counts, attempts]);
        same = now === before ? same + 1 : 0;
        before = now;
      }
    },
    /** Some days in the next month, far from its ends: keys are those of a month. */
    goOn: async () => {
      const today = now();
      time.ahead = Date.UTC(today.getUTCFullYear(), today.getUTCMonth() + 1, 10, 12) - today.getTime();
      await haveKeys(queries, count);
    },
    pass: (minutes: number) => {
      time.ahead += minutes * MINUTE;
    },
    release: async (version: string) => {
      const list: { version: string; id: string; paused_at?: string; pause_reason?: Reason }[] =
        requireStatus(await publisher.send('GET', '/releases'), 200).json();
      return list.find((one) => one.version === version);
    },
    pauses: async () => {
      const rows = await queries.selectFrom('audit').select(['action', 'actor_kind', 'details']).execute();
      return rows.filter(({ action }) => action === 'release.paused');
    },
  };
}

async function haveKeys(queries: Queries, nodes: number): Promise<void> {
  await vi.waitFor(async () => {
    const rows = await queries.selectFrom('count_keys').selectAll().execute();
    expect(rows.filter(({ sealed }) => sealed === null).length).toBe(3 * nodes);
    expect(new Set(rows.map(({ generation }) => generation)).size).toBe(3);
  }, 20_000);
}

interface Reason {
  readonly kind: string;
  readonly text: string;
}

type Watched = Awaited<ReturnType<typeof startWatched>>;

/** From the beginning of the time in which downloads are put together until an hour after its end. */
async function letAnHourPass({ settle, pass }: Watched): Promise<void> {
  await settle();
  pass(90.5);
  await settle();
}

/** A good release, then one that is rolled out. @returns its id */
async function publishTwo(watched: Watched): Promise<string> {
  const { publisher, update, goOn } = watched;
  await publisher.publish('1.0.0', Buffer.from('good'));
  const id = await publisher.publish('1.1.0', Buffer.from('bad'));
  const change = (rollout: object) => publisher.send('PATCH', `/releases/${id}`, { body: { rollout } });
  requireStatus(await change({ at: '2090-01-01T00:00:00Z' }), 200);
  await goOn();
  for (let client = 0; client < 120; client++) await update(client, ['0.9.0', '1.0.0'], true);
  await letAnHourPass(watched);
  requireStatus(await change({ percent: 50 }), 200);
  return id;
}

describeOnEachStore('auto-pause', ({ start }) => {
  test('pauses a rollout that fails, once for all nodes, and not again for the same evidence', async () => {
    const watched = await startWatched(await start(), 2);
    const { publisher, update, ask, release, pauses } = watched;
    const id = await publishTwo(watched);
    for (let client = 0; client < 100; client++) await update(client, ['1.0.0', '1.1.0'], client < 40);
    await letAnHourPass(watched);
    await vi.waitFor(async () => expect((await release('1.1.0'))?.paused_at).toBeDefined(), 10_000);
    const paused = await release('1.1.0');
    expect(paused?.pause_reason).toMatchObject({ kind: 'conversion', hours: 1, version_before: '1.0.0' });
    expect(paused?.pause_reason?.text).toMatch(
      /^\d\d(?:\.\d)? % of \d{2,3} clients that downloaded it were running it an hour later, where it was \d.* % with 1\.0\.0$/,
    );
    expect(await ask(300, '1.0.0'), 'no one is offered it').toBeUndefined();
    const [entry, ...others] = await pauses();
    expect(others).toEqual([]);
    expect(entry?.actor_kind).toBe('server');
    expect(JSON.parse(entry?.details ?? '')).toMatchObject({ reason: paused?.pause_reason?.text });

    requireStatus(await publisher.send('PATCH', `/releases/${id}`, { body: { paused: false } }), 200);
    await letAnHourPass(watched);
    expect(await release('1.1.0')).not.toHaveProperty('paused_at');
    expect(await release('1.1.0')).not.toHaveProperty('pause_reason');
    for (let client = 400; client < 500; client++) await update(client, ['1.0.0', '1.1.0'], client < 440);
    await letAnHourPass(watched);
    await vi.waitFor(async () => expect(await pauses()).toHaveLength(2), 10_000);

    const overrule = { paused: false, auto_pause: false };
    requireStatus(await publisher.send('PATCH', `/releases/${id}`, { body: overrule }), 200);
    for (let client = 600; client < 700; client++) await update(client, ['1.0.0', '1.1.0'], false);
    await letAnHourPass(watched);
    expect(await release('1.1.0')).toMatchObject({ auto_pause: false });
    expect(await pauses()).toHaveLength(2);
  }, 120_000);

  test('leaves a good rollout alone, and one of an app that has turned it off', async () => {
    const watched = await startWatched(await start(), 1);
    const { publisher, update, release, pauses, queries } = watched;
    await publishTwo(watched);
    for (let client = 0; client < 100; client++) await update(client, ['1.0.0', '1.1.0'], client < 97);
    await letAnHourPass(watched);
    expect(await release('1.1.0')).not.toHaveProperty('paused_at');
    await setAutoPause(queries, { appId: publisher.id, change: { isOn: false } }, by());
    for (let client = 200; client < 300; client++) await update(client, ['1.0.0', '1.1.0'], false);
    await letAnHourPass(watched);
    expect(await pauses()).toEqual([]);
    await setAutoPause(queries, { appId: publisher.id, change: { isOn: true } }, by());
    await vi.waitFor(async () => expect(await pauses()).toHaveLength(1), 10_000);
  }, 120_000);

  test('pauses for reports of clients that have downloaded it, and for downloads without end', async () => {
    const watched = await startWatched(await start(), 1);
    const { publisher, update, report, release, send, settle, pass, pauses } = watched;
    const id = await publishTwo(watched);
    for (let client = 0; client < 100; client++) await update(client, ['1.0.0', '1.1.0'], true);
    for (let client = 200; client < 260; client++)
      await report(client, { version: '1.1.0', outcome: 'failed' });
    await settle();
    expect(await pauses(), 'attack: strangers that have downloaded nothing').toEqual([]);
    for (let client = 0; client < 40; client++) {
      const event = { version: '1.1.0', from_version: '1.0.0', outcome: 'failed', code: 'disk_full' };
      expect((await report(client, event)).status).toBe(204);
    }
    await vi.waitFor(async () => expect(await pauses()).toHaveLength(1), 10_000);
    expect((await release('1.1.0'))?.pause_reason).toMatchObject({ kind: 'failures' });
    await settle();
    const stats = requireStatus(await publisher.send('GET', '/stats?version=1.1.0'), 200).json();
    const about = (clients: number) => expect.closeTo(clients, -1);
    expect(stats.releases).toMatchObject([
      {
        failed: about(40),
        pause_reason: { kind: 'failures' },
        reports: [
          { outcome: 'failed', clients: about(100) },
          { outcome: 'failed', code: 'disk_full', clients: about(40) },
        ],
      },
    ]);
    requireStatus(await publisher.send('PATCH', `/releases/${id}`, { body: { paused: false } }), 200);
    const { pathname } = new URL((await watched.ask(900, '1.0.0')).url);
    for (let client = 500; client < 600; client++) await send(client, pathname);
    for (let again = 0; again < 2; again++) {
      pass(35);
      for (let client = 500; client < 560; client++) await send(client, pathname);
      await settle();
    }
    await vi.waitFor(async () => expect(await pauses()).toHaveLength(2), 10_000);
    expect((await release('1.1.0'))?.pause_reason).toMatchObject({ kind: 'loops' });
  }, 120_000);
});
