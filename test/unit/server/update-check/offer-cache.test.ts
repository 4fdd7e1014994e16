import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { KyselyPlugin } from 'kysely';
import { sql } from 'kysely';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { Database } from '../../../../src/database/database.ts';
import { createApp, setSlug } from '../../../../src/database/queries/apps.ts';
import { completeArtifact, createPendingArtifact } from '../../../../src/database/queries/artifacts.ts';
import { createRelease, deleteRelease } from '../../../../src/database/queries/releases.ts';
import { openSqlite } from '../../../../src/database/sqlite/open-sqlite.ts';
import type { Platform } from '../../../../src/protocol/platform.ts';
import { OfferCache } from '../../../../src/server/update-check/offer-cache.ts';
import { tempFolder } from '../../../support/process/temp-folder.ts';
import { LINUX, Publisher, startServer } from '../../../support/publish/publisher.ts';

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

function offersOf(database: Database): OfferCache {
  return new OfferCache({
    database,
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
  const release = await createRelease(db, { appId, version, notes: null, signature: 's' }, NOW);
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
  const created = await createPendingArtifact(db, pending, NOW);
  if (created === 'release_gone') throw new Error(`${version} is gone`);
  const { id } = created;
  await completeArtifact(
    db,
    { id, storageKey: id, sha256: 'a'.repeat(64) },
    { now: NOW, allowVersionReuse: false },
  );
  return release.id;
}

async function newApp(database: Database, slug: string): Promise<string> {
  const app = await createApp(database.queries, { name: 'Test', slug }, NOW);
  if (app === 'slug_taken') throw new Error(`${slug} is taken`);
  return app.id;
}

describe('a change by another connection to the store is seen by the next check', () => {
  async function twoConnections() {
    const dataDir = await tempFolder();
    const other = await openStore(dataDir);
    const offers = offersOf(await openStore(dataDir));
    const find = async (slug: string) => {
      const found = await offers.find(slug, asking('0.0.0-0'));
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
    await deleteRelease(other.queries, { appId, releaseId: second });
    expect(await find('my-app')).toBe('1.0.0');
  });

  test('when it sets the slug, which the URL of an offer then has', async () => {
    const dataDir = await tempFolder();
    const other = await openStore(dataDir);
    const offers = offersOf(await openStore(dataDir));
    const appId = await newApp(other, 'my-app');
    await publish(other, appId, '1.0.0');
    const before = await offers.find('my-app', asking('0.0.0-0'));
    await setSlug(other.queries, { appId, slug: 'next-app' }, NOW);
    const after = await offers.find('my-app', asking('0.0.0-0'));
    expect(before).toMatchObject({ body: expect.stringContaining('/api/sync/ota/my-app/download/') });
    expect(after).toMatchObject({ body: expect.stringContaining('/api/sync/ota/next-app/download/') });
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
      expect(await offers.find('my-app', asking('0.0.0-0'))).toMatchObject({ version: '1.0.0' });
      expect(await offers.find('my-app', asking('1.0.0'))).toBe('no_update');
      expect(await offers.find('my-app', asking('0.0.0-0', { target: 'windows', arch: 'aarch64' }))).toBe(
        'no_update',
      );
    };
    expect(await queriesOf(again)).toBe(0);
  });

  test('only for the app’s revision after a change to another app', async () => {
    const { database, offers, queriesOf } = await counted();
    await offers.find('my-app', asking('0.0.0-0'));
    await newApp(database, 'other-app');
    expect(await queriesOf(() => offers.find('my-app', asking('0.0.0-0')))).toBe(1);
    expect(await queriesOf(() => offers.find('my-app', asking('0.0.0-0')))).toBe(0);
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
