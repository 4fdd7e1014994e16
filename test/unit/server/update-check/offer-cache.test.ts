import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { KyselyPlugin } from 'kysely';
import { sql } from 'kysely';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { Database } from '../../../../src/database/database.ts';
import { createApp, setSlug } from '../../../../src/database/queries/apps.ts';
import { completeArtifact, createPendingArtifact } from '../../../../src/database/queries/artifacts.ts';
import { createRelease, deleteRelease } from '../../../../src/database/queries/releases.ts';
import { createToken } from '../../../../src/database/queries/tokens.ts';
import { openSqlite } from '../../../../src/database/sqlite/open-sqlite.ts';
import type { Platform } from '../../../../src/protocol/platform.ts';
import { OfferCache } from '../../../../src/server/update-check/offer-cache.ts';
import { tempFolder } from '../../../support/process/temp-folder.ts';
import { LINUX, Publisher, startServer } from '../../../support/publish/publisher.ts';
import { by } from '../../../support/server/by.ts';

async function openStore(dataDir: string): Promise<Database> {
  const database = await openSqlite({ dataDir });
  onTestFinished(() => database.close());
  return database;
}

/** The database with a count of the queries that run on it. */
function counting(database: Database): Database & { readonly count: () => number } {
  let count = 0;
  const plugin: KyselyPlugin = {
    transformQuery: ({ node }) => {
      count++;
      return node;
    },
    transformResult: async ({ result }) => result,
  };
  return { ...database, queries: database.queries.withPlugin(plugin), count: () => count };
}

const NOW = new Date('2026-03-13T12:00:00Z');

function offersOf(database: Database, maxBytes?: number): OfferCache {
  return new OfferCache({
    database,
    maxBytes,
    publicUrl: () => 'https://updates.example.com',
    clock: () => NOW,
    staleIfError: 0,
    onStale: (cause) => {
      throw cause;
    },
  });
}

/** What an installed app of that version asks. */
const asking = (currentVersion: string, platform: Platform = LINUX) => ({
  currentVersion,
  platform,
  channel: 'stable',
});

async function publish(database: Database, appId: string, version: string): Promise<string> {
  const db = database.queries;
  const release = await createRelease(db, { appId, version, notes: null, signature: 's' }, by());
  if (typeof release === 'string') throw new Error(`${version} is taken`);
  const pending = {
    releaseId: release.id,
    ...LINUX,
    fileSize: 1,
    sha256: null,
    signature: null,
    pollAt: null,
    expiresAt: NOW,
  };
  const created = await createPendingArtifact(db, pending, by());
  if (created === 'release_gone') throw new Error(`${version} is gone`);
  const { id } = created;
  await completeArtifact(
    db,
    { id, storageKey: id, sha256: 'a'.repeat(64) },
    { by: by(), allowVersionReuse: false },
  );
  return release.id;
}

async function newApp(database: Database, slug: string): Promise<string> {
  const app = await createApp(database.queries, { name: 'Test', slug }, by());
  if (app === 'slug_taken') throw new Error(`${slug} is taken`);
  return app.id;
}

describe('a change by another connection to the store is seen by the next check', () => {
  async function twoConnections() {
    const dataDir = await tempFolder();
    const other = await openStore(dataDir);
    const offers = offersOf(await openStore(dataDir));
    const find = async (slug: string) => {
      const { offer: found } = await offers.find(slug, asking('0.0.0-0'));
      return typeof found === 'string' ? found : found.version;
    };
    return { other, find };
  }

  test('when it creates the app', async () => {
    const { other, find } = await twoConnections();
    expect(await find('my-app')).toBe('unknown_slug');
    await newApp(other, 'my-app');
    expect(await find('my-app')).toBe('no_update');
  });

  test('when it publishes, publishes higher, and deletes', async () => {
    const { other, find } = await twoConnections();
    const appId = await newApp(other, 'my-app');
    expect(await find('my-app')).toBe('no_update');
    await publish(other, appId, '1.0.0');
    expect(await find('my-app')).toBe('1.0.0');
    const second = await publish(other, appId, '2.0.0');
    expect(await find('my-app')).toBe('2.0.0');
    await deleteRelease(other.queries, { appId, releaseId: second }, { by: by() });
    expect(await find('my-app')).toBe('1.0.0');
  });

  test('when it sets the slug, which the URL of an offer then has', async () => {
    const dataDir = await tempFolder();
    const other = await openStore(dataDir);
    const offers = offersOf(await openStore(dataDir));
    const appId = await newApp(other, 'my-app');
    await publish(other, appId, '1.0.0');
    const before = await offers.find('my-app', asking('0.0.0-0'));
    await setSlug(other.queries, { appId, slug: 'next-app' }, by());
    const after = await offers.find('my-app', asking('0.0.0-0'));
    expect(before.offer).toMatchObject({ body: expect.stringContaining('/api/sync/ota/my-app/download/') });
    expect(after.offer).toMatchObject({ body: expect.stringContaining('/api/sync/ota/next-app/download/') });
  });
});

describe('a check queries the database', () => {
  async function counted() {
    const database = counting(await openStore(await tempFolder()));
    const appId = await newApp(database, 'my-app');
    await publish(database, appId, '1.0.0');
    const offers = offersOf(database);
    const queriesOf = async (act: () => Promise<unknown>) => {
      const before = database.count();
      await act();
      return database.count() - before;
    };
    return { database, appId, offers, queriesOf };
  }

  test('at first, and not while nothing changes', async () => {
    const { offers, queriesOf } = await counted();
    expect(await queriesOf(() => offers.find('my-app', asking('0.0.0-0')))).toBeGreaterThan(0);
    const again = async () => {
      expect(await offers.find('my-app', asking('0.0.0-0'))).toMatchObject({ offer: { version: '1.0.0' } });
      expect(await offers.find('my-app', asking('1.0.0'))).toMatchObject({ offer: 'no_update' });
      expect(
        await offers.find('my-app', asking('0.0.0-0', { target: 'windows', arch: 'aarch64' })),
      ).toMatchObject({ offer: 'no_update' });
    };
    expect(await queriesOf(again)).toBe(0);
  });

  test('field 14: not after a change to another app, nor after one of no app', async () => {
    const { database, offers, queriesOf } = await counted();
    await offers.find('my-app', asking('0.0.0-0'));
    const before = offers.peek('my-app');
    const other = await newApp(database, 'other-app');
    await publish(database, other, '1.0.0');
    await createToken(database.queries, { appId: other, name: 't', scopes: [], expiresAt: null }, by());
    expect(offers.peek('my-app')).toBe(before);
    expect(await queriesOf(() => offers.find('my-app', asking('0.0.0-0')))).toBe(0);
  });

  test('field 15: not after a change to another app by another process', async () => {
    const dataDir = await tempFolder();
    const [database, other] = [counting(await openStore(dataDir)), await openStore(dataDir)];
    await publish(database, await newApp(database, 'my-app'), '1.0.0');
    const offers = offersOf(database);
    await offers.find('my-app', asking('0.0.0-0'));
    await publish(other, await newApp(other, 'other-app'), '1.0.0');
    const before = database.count();
    expect(await offers.find('my-app', asking('0.0.0-0'))).toMatchObject({ offer: { version: '1.0.0' } });
    expect(database.count()).toBe(before);
  });

  test('no more often for many checks at once than for one', async () => {
    const { offers, queriesOf } = await counted();
    const one = await queriesOf(() => offers.find('my-app', asking('0.0.0-0')));
    const { offers: fresh, queriesOf: queriesOfFresh } = await counted();
    const find = () => fresh.find('my-app', asking('0.0.0-0'));
    const many = await queriesOfFresh(() => Promise.all(Array.from({ length: 50 }, find)));
    expect(many).toBe(one);
  });

  test('for unknown slugs without keeping anything in memory', async () => {
    const { offers } = await counted();
    const find = (i: number) => offers.find(`unknown-${i}-${'x'.repeat(20)}`, asking('0.0.0-0'));
    for (let i = 0; i < 2000; i++) await find(i);
    const before = usedHeap();
    for (let i = 2000; i < 22_000; i++) await find(i);
    expect((usedHeap() - before) / 20_000).toBeLessThan(50); // bytes a slug; an entry alone has more
  });
});

describe('field 14: whether a stored answer is still current', () => {
  test('is known without a query, until the app changes', async () => {
    const database = counting(await openStore(await tempFolder()));
    const appId = await newApp(database, 'my-app');
    const offers = offersOf(database);
    expect(offers.peek('my-app')).toBeUndefined();
    await offers.find('my-app', asking('0.0.0-0'));
    const first = offers.peek('my-app');
    expect(first).toBeDefined();
    await publish(database, appId, '1.0.0');
    expect(offers.peek('my-app')).toBeUndefined();
    await offers.find('my-app', asking('0.0.0-0'));
    expect(offers.peek('my-app')).not.toBe(first);
  });

  test('is no when the slug has another app', async () => {
    const database = await openStore(await tempFolder());
    const appId = await newApp(database, 'my-app');
    const offers = offersOf(database);
    await offers.find('my-app', asking('0.0.0-0'));
    const first = offers.peek('my-app');
    const { queries } = database;
    await queries.deleteFrom('slugs').where('slug', '=', 'my-app').execute();
    await queries.updateTable('apps').set({ slug: null }).where('id', '=', appId).execute();
    expect(offers.peek('my-app')).toBeUndefined();
    expect(await offers.find('my-app', asking('0.0.0-0'))).toMatchObject({ offer: 'unknown_slug' });
    await publish(database, await newApp(database, 'my-app'), '2.0.0');
    expect(await offers.find('my-app', asking('0.0.0-0'))).toMatchObject({ offer: { version: '2.0.0' } });
    expect(offers.peek('my-app')).not.toBe(first);
  });
});

describe('field 14: the memory of the offers of all apps', () => {
  test('is bounded: those that were asked for last are kept', async () => {
    const database = counting(await openStore(await tempFolder()));
    const slugs = Array.from({ length: 40 }, (_, i) => `app-${i}`);
    for (const slug of slugs) await publish(database, await newApp(database, slug), '1.0.0');
    const offers = offersOf(database, 20 * 3000); // an app takes less than 3000 bytes
    for (const slug of slugs)
      expect(await offers.find(slug, asking('0.0.0-0'))).toMatchObject({ offer: { version: '1.0.0' } });
    const kept = slugs.filter((slug) => offers.peek(slug) !== undefined);
    expect(kept.length).toBeGreaterThanOrEqual(20);
    expect(kept.length).toBeLessThan(40);
    expect(kept).toEqual(slugs.slice(-kept.length));
  });

  test('holds an app that is larger than all may be, alone', async () => {
    const database = counting(await openStore(await tempFolder()));
    for (const slug of ['one', 'two']) await publish(database, await newApp(database, slug), '1.0.0');
    const offers = offersOf(database, 1);
    for (const slug of ['one', 'two']) await offers.find(slug, asking('0.0.0-0'));
    expect(offers.peek('one')).toBeUndefined();
    expect(offers.peek('two')).toBeDefined();
  });
});

describe('when the database fails', () => {
  test('a check is answered with 503, never with "no update", and normally afterwards', async () => {
    const server = await startServer();
    const app = await Publisher.on(server);
    await app.publish('1.0.0');
    expect(await app.offered()).toBe('1.0.0');
    await sql`alter table artifacts rename to artifacts_gone`.execute(server.database.queries);
    await sql`update apps set revision = revision + 1`.execute(server.database.queries);

    for (const current of ['0.0.0-0', '1.0.0', '2.0.0']) {
      const reply = await app.check(current);
      expect(reply.statusCode).toBe(503);
      expect(reply.json()).toMatchObject({ code: 'unavailable' });
      expect(reply.headers['retry-after']).toBe('5');
      expect(reply.body).not.toContain('artifacts_gone');
    }

    await sql`alter table artifacts_gone rename to artifacts`.execute(server.database.queries);
    expect(await app.offered()).toBe('1.0.0');
  });

  test('an unknown slug is answered with 503 too, not with 404', async () => {
    const server = await startServer();
    await sql`alter table slugs rename to slugs_gone`.execute(server.database.queries);
    const reply = await server.app.inject('/api/sync/ota/my-app/linux/x86_64/1.0.0');
    expect(reply.statusCode).toBe(503);
  });
});

test('responses to checks may be cached for as long as the operator says', async () => {
  const app = await Publisher.on(await startServer({ checkMaxAge: 30 }));
  await app.publish('1.0.0');
  expect((await app.check('0.9.0')).headers['cache-control']).toBe('public, max-age=30');
  expect((await app.check('1.0.0')).headers['cache-control']).toBe('public, max-age=30');
});

test('nothing else may be cached, however long responses to checks may be', async () => {
  const server = await startServer({ checkMaxAge: 30 });
  const app = await Publisher.on(server);
  const releaseId = await app.publish('1.0.0');
  const download = `/api/sync/ota/my-app/download/${releaseId}/linux/x86_64`;
  for (const [url, status] of [
    [download, 302],
    [`/api/sync/ota/my-app/download/${releaseId}/windows/x86_64`, 404],
    ['/api/sync/ota/no-app/linux/x86_64/1.0.0', 404],
    ['/api/sync/ota/my-app/linux/x86_64/no-version', 400],
    [`/api/sync/ota/apps/${app.id}/releases`, 401],
    ['/api/sync/ota', 200],
    ['/elsewhere', 404],
  ] as const) {
    const { statusCode, headers } = await server.app.inject(url);
    expect([url, statusCode, headers['cache-control']]).toEqual([url, status, 'no-store']);
  }
});

/** Bytes on the heap that are still referred to. */
function usedHeap(): number {
  setFlagsFromString('--expose-gc');
  runInNewContext('gc')();
  return process.memoryUsage().heapUsed;
}
