import { setTimeout as sleep } from 'node:timers/promises';
import { expect, onTestFinished, test, vi } from 'vitest';
import { deleteApp } from '../../../src/database/queries/apps.ts';
import { markLost, unmarkLost } from '../../../src/database/queries/lost-files.ts';
import { updateRelease } from '../../../src/database/queries/publish-release.ts';
import { listDeliveries } from '../../../src/database/queries/webhook-deliveries.ts';
import { findWebhook, listWebhooks, removeWebhook } from '../../../src/database/queries/webhooks.ts';
import type { Services } from '../../../src/server/services.ts';
import { LINUX, Publisher, requireStatus } from '../../support/publish/publisher.ts';
import { by } from '../../support/server/by.ts';
import type { TestServer } from '../../support/server/server.ts';
import { describeOnEachStore, type Store } from '../../support/server/stores.ts';
import { hookTo, startReceiver, untilReceived, verified } from '../../support/server/webhook-receiver.ts';

const DAY = 24 * 60 * 60 * 1000;

async function startNode(store: Store, overrides: Partial<Services> = {}) {
  const server = await store.open({ clock: () => new Date(), ...overrides });
  return { server, publisher: await Publisher.on(server), queries: server.database.queries };
}

async function publishDraft(publisher: Publisher, version: string): Promise<string> {
  const created = await publisher.send('POST', '/releases', { body: { version, draft: true } });
  const { id } = requireStatus(created, 201).json();
  const bytes = Buffer.from(`file of ${version}`);
  await publisher.upload(
    id,
    await publisher.requestUpload(id, bytes.length, LINUX, { signature: 's' }),
    bytes,
  );
  await vi.waitFor(
    async () => requireStatus(await publisher.send('POST', `/releases/${id}/publish`), 200),
    10_000,
  );
  return id;
}

const deliveriesOf = ({ database }: TestServer, webhookId: string) =>
  listDeliveries(database.queries, { webhookId, limit: 100 });

/** Moves all waiting messages to now, as if their time had passed. */
async function tryNow({ database }: TestServer): Promise<void> {
  await database.queries
    .updateTable('webhook_deliveries')
    .set({ next_at: 0 })
    .where('outcome', '=', 'pending')
    .execute();
}

describeOnEachStore('webhooks', ({ start }) => {
  test('get each change of a release, signed so that another implementation accepts it', async () => {
    const { publisher, queries } = await startNode(await start(), { web: true });
    const [all, one, other] = await Promise.all([startReceiver(), startReceiver(), startReceiver()]);
    const hook = await hookTo(queries, all);
    const few = await hookTo(queries, one, {
      appId: publisher.id,
      events: ['release.yanked', 'release.promoted'],
    });
    const another = await Publisher.on(publisher.server, { slug: 'another-app' });
    await hookTo(queries, other, { appId: another.id });
    const id = await publishDraft(publisher, '1.0.0');
    const change = async (body: object) =>
      requireStatus(await publisher.send('PATCH', `/releases/${id}`, { body }), 200);
    await change({ rollout: { percent: 20 } });
    await change({ paused: true });
    await change({ notes: 'no event' });
    await change({ paused: false });
    await change({ status: 'yanked' });
    await change({ status: 'published' });
    await untilReceived(all, 6);
    await untilReceived(one, 1);
    const messages = verified(all, hook);
    const byTime = messages.map(({ type }) => type);
    expect([...byTime].sort()).toEqual([
      ...['release.paused', 'release.published', 'release.restored'],
      ...['release.resumed', 'release.rollout_changed', 'release.yanked'],
    ]);
    const [published] = messages.filter(({ type }) => type === 'release.published');
    expect(published).toEqual({
      version: 1,
      id: expect.stringMatching(/^msg_[0-9a-f]{32}$/),
      type: 'release.published',
      timestamp: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:]{8}Z$/),
      data: {
        app: { id: publisher.id, name: 'Test', slug: 'my-app' },
        release: {
          ...{ id, version: '1.0.0', channel: 'stable', status: 'published', paused: false, rollout: null },
        },
        by: { kind: 'token', id: expect.any(String), name: 'test' },
        url: expect.stringMatching(new RegExp(`/admin/#/${publisher.id}/releases/${id}$`)),
      },
    });
    const [rolledOut] = messages.filter(({ type }) => type === 'release.rollout_changed');
    expect(rolledOut?.data).toMatchObject({
      release: { rollout: { percent: 20 } },
      changes: { rollout: { before: null, after: { percent: 20 } } },
    });
    const [paused] = messages.filter(({ type }) => type === 'release.paused');
    expect(paused?.data).toMatchObject({
      release: { paused: true },
      changes: { paused: { before: false, after: true } },
    });
    expect(new Set(all.received.map(({ headers }) => headers['webhook-id'])).size).toBe(6);
    expect(verified(one, few).map(({ type }) => type)).toEqual(['release.yanked']);
    expect(other.received).toEqual([]);
    expect(() => verified(all, few)).toThrow(/signature/i);
  }, 60_000);

  test('get a release that is live from its first file on, once', async () => {
    const { publisher, queries, server } = await startNode(await start());
    const receiver = await startReceiver();
    const hook = await hookTo(queries, receiver);
    await publisher.publish('1.0.0');
    await untilReceived(receiver, 1);
    expect(verified(receiver, hook).map(({ type }) => type)).toEqual(['release.published']);
    expect(await deliveriesOf(server, hook.id)).toMatchObject([
      { outcome: 'delivered', status: 204, attempts: 1 },
    ]);
  }, 60_000);

  test('are sent each message by one of several nodes', async () => {
    const store = await start();
    const { publisher, queries } = await startNode(store);
    const others = [
      await store.open({ clock: () => new Date() }),
      await store.open({ clock: () => new Date() }),
    ];
    for (const node of others) onTestFinished(() => node.close());
    const receiver = await startReceiver((_, response) => setTimeout(() => response.end(), 50));
    const hook = await hookTo(queries, receiver);
    const id = await publishDraft(publisher, '1.0.0');
    for (let i = 0; i < 20; i++)
      await publisher.send('PATCH', `/releases/${id}`, { body: { paused: i % 2 === 0 } });
    await untilReceived(receiver, 21);
    await sleep(1500); // for what comes twice
    const ids = verified(receiver, hook).map((message) => message.id);
    expect(ids).toHaveLength(21);
    expect(new Set(ids).size).toBe(21);
  }, 90_000);

  test('are sent what a node that was gone had committed', async () => {
    const store = await start();
    const { publisher, queries, server } = await startNode(store);
    const receiver = await startReceiver();
    await publishDraft(publisher, '1.0.0');
    await server.app.close(); // no sender runs any more; what changes now is committed and not sent
    const hook = await hookTo(queries, receiver);
    const [release] = await queries.selectFrom('releases').select('id').execute();
    const key = { appId: publisher.id, releaseId: release?.id ?? '' };
    await updateRelease(queries, key, { by: by(new Date()), paused: true });
    expect(receiver.received).toEqual([]);
    await queries
      .updateTable('webhook_deliveries')
      .set({ leased_until: Date.now() + 1000 })
      .execute(); // of the dead node
    await store.open({ clock: () => new Date() });
    await untilReceived(receiver, 1);
    expect(verified(receiver, hook)).toMatchObject([{ type: 'release.paused' }]);
  }, 60_000);

  test('that do not take a message get it again later, with the same id, and once more only', async () => {
    const { publisher, queries, server } = await startNode(await start(), { webhookTimeoutMs: 500 });
    const receiver = await startReceiver((request, response, count) => {
      if (count === 0) return response.writeHead(500).end('x');
      if (count === 1) return request.socket.destroy();
      if (count === 2) return; // no answer
      if (count === 3) return response.writeHead(302, { location: receiver.url }).end();
      if (count === 4) {
        response.writeHead(200);
        for (let i = 0; i < 64; i++) response.write(Buffer.alloc(1024 * 1024)); // not read
        return;
      }
      return response.end();
    });
    const hook = await hookTo(queries, receiver);
    await publishDraft(publisher, '1.0.0');
    const last = async () => (await deliveriesOf(server, hook.id)).at(-1);
    const errors: (string | null | undefined)[] = [];
    for (let attempts = 1; attempts <= 4; attempts++) {
      await vi.waitFor(
        async () => expect(await last()).toMatchObject({ attempts, outcome: 'pending' }),
        10_000,
      );
      const delivery = await last();
      errors.push(delivery?.error);
      expect(delivery?.at).toBeGreaterThan(Date.now());
      expect((await findWebhook(queries, hook.id))?.failingSince).not.toBeNull();
      await tryNow(server);
    }
    expect(errors).toEqual([
      ...['it answered with 500', expect.stringMatching(/closed|reset|hang up/i)],
      ...['no response in 0.5 s', 'it answered with 302: redirects are not followed'],
    ]);
    await vi.waitFor(
      async () => expect(await last()).toMatchObject({ attempts: 5, outcome: 'delivered' }),
      15_000,
    );
    expect((await findWebhook(queries, hook.id))?.failingSince).toBeNull();
    expect(new Set(receiver.received.map(({ headers }) => headers['webhook-id'])).size).toBe(1);
  }, 90_000);

  test('are disabled when nothing has reached them for days, or they say that they are gone', async () => {
    const { publisher, queries, server } = await startNode(await start());
    const broken = await startReceiver((_, response) => response.writeHead(503).end());
    const gone = await startReceiver((_, response) => response.writeHead(410).end());
    const hook = await hookTo(queries, broken);
    const goneHook = await hookTo(queries, gone);
    const id = await publishDraft(publisher, '1.0.0');
    await untilReceived(broken, 1);
    await vi.waitFor(
      async () => expect((await findWebhook(queries, goneHook.id))?.disabledAt).not.toBeNull(),
      10_000,
    );
    await vi.waitFor(
      async () => expect((await deliveriesOf(server, hook.id)).at(-1)?.attempts).toBe(1),
      10_000,
    );
    await queries
      .updateTable('webhooks')
      .set({ failing_since: Date.now() - 6 * DAY })
      .where('id', '=', hook.id)
      .execute();
    await queries
      .updateTable('webhook_deliveries')
      .set({ attempts: 10, next_at: 0 })
      .where('webhook_id', '=', hook.id)
      .execute();
    await publisher.send('PATCH', `/releases/${id}`, { body: { paused: true } });
    await vi.waitFor(
      async () => expect((await findWebhook(queries, hook.id))?.disabledAt).not.toBeNull(),
      15_000,
    );
    await vi.waitFor(async () => {
      const outcomes = (await deliveriesOf(server, hook.id)).map(({ outcome }) => outcome);
      expect(outcomes).toEqual(['failed', 'failed']);
    });
    const before = broken.received.length;
    await publisher.send('PATCH', `/releases/${id}`, { body: { paused: false } });
    await sleep(1500);
    expect(broken.received.length).toBe(before);
    const actions = await queries
      .selectFrom('audit')
      .select('action')
      .where('action', '=', 'webhook.disabled')
      .execute();
    expect(actions).toHaveLength(2);
  }, 60_000);

  test('attack: do not reach this machine or network unless the operator allows it', async () => {
    const { publisher, queries, server } = await startNode(await start());
    const receiver = await startReceiver();
    const port = new URL(receiver.url).port;
    const hooks = [
      await hookTo(queries, receiver, { allowPrivate: false }),
      await hookTo(queries, { url: `http://localhost:${port}/` }, { allowPrivate: false }), // by name
      await hookTo(queries, { url: `http://[::ffff:127.0.0.1]:${port}/` }, { allowPrivate: false }),
      await hookTo(queries, { url: 'http://169.254.169.254/latest/meta-data' }),
    ];
    await publishDraft(publisher, '1.0.0');
    for (const hook of hooks) {
      await vi.waitFor(async () => {
        const [delivery] = await deliveriesOf(server, hook.id);
        expect(delivery?.error).toMatch(/leads to/);
      }, 15_000);
    }
    expect(receiver.received).toEqual([]);
  }, 60_000);

  test('are gone with their app and their removal, with what waits for them', async () => {
    const { publisher, queries } = await startNode(await start());
    const receiver = await startReceiver((_, response) => response.writeHead(500).end());
    await hookTo(queries, receiver, { appId: publisher.id });
    const hook = await hookTo(queries, receiver);
    await publishDraft(publisher, '1.0.0');
    await untilReceived(receiver, 2);
    await removeWebhook(queries, hook.id, by());
    await deleteApp(queries, publisher.id, by());
    expect(await listWebhooks(queries)).toEqual([]);
    expect(await queries.selectFrom('webhook_deliveries').selectAll().execute()).toEqual([]);
  }, 60_000);

  test('get files that the storage has lost, and that are there again', async () => {
    const { publisher, queries, server } = await startNode(await start());
    const receiver = await startReceiver();
    const hook = await hookTo(queries, receiver, { events: ['store.trouble'] });
    await publishDraft(publisher, '1.0.0');
    const { storage_key } = await queries
      .selectFrom('artifacts')
      .select('storage_key')
      .executeTakeFirstOrThrow();
    await markLost(queries, [storage_key ?? ''], new Date());
    await markLost(queries, [storage_key ?? ''], new Date());
    await untilReceived(receiver, 1);
    await unmarkLost(queries, [storage_key ?? ''], new Date());
    await untilReceived(receiver, 2);
    expect(verified(receiver, hook).map(({ data }) => data)).toEqual([
      {
        app: { id: publisher.id, name: 'Test', slug: 'my-app' },
        trouble: {
          kind: 'file_lost',
          state: 'began',
          detail: 'files are lost and not offered: 1.0.0 linux-x86_64',
        },
      },
      expect.objectContaining({ trouble: expect.objectContaining({ state: 'ended' }) }),
    ]);
    expect(await deliveriesOf(server, hook.id)).toHaveLength(2);
  }, 60_000);
});
