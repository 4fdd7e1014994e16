import type { KyselyPlugin } from 'kysely';
import { expect, onTestFinished, test } from 'vitest';
import type { Database } from '../../../../src/database/database.ts';
import { createRelease, deleteRelease } from '../../../../src/database/queries/releases.ts';
import { openSqlite } from '../../../../src/database/sqlite/open-sqlite.ts';
import { ARCHS, TARGETS } from '../../../../src/protocol/platform.ts';
import { stepFor } from '../../../../src/protocol/routing/update-steps.ts';
import { LOWEST_VERSION } from '../../../../src/protocol/version.ts';
import { resolveOffers } from '../../../../src/server/update-check/resolve-offers.ts';
import { tempFolder } from '../../../support/process/temp-folder.ts';
import { by } from '../../../support/server/by.ts';
import { LINUX, MAC, StoreWithApp } from '../../../support/server/store-with-app.ts';

async function openStore(): Promise<{ database: Database; store: StoreWithApp }> {
  const database = await openSqlite({ dataDir: await tempFolder() });
  onTestFinished(() => database.close());
  return { database, store: await StoreWithApp.in(database) };
}

/** Calls `afterQuery` with the number of queries so far, before the result of each is known to whoever asked. */
function watched(queries: Database['queries'], afterQuery: (count: number) => Promise<unknown>) {
  let count = 0;
  const plugin: KyselyPlugin = {
    transformQuery: ({ node }) => node,
    transformResult: async ({ result }) => {
      await afterQuery(++count);
      return result;
    },
  };
  return queries.withPlugin(plugin);
}

/** The offered versions, by channel and platform name. */
async function versionsOf(db: Database['queries'], appId: string): Promise<Record<string, object>> {
  const { offers } = await resolveOffers(db, {
    appId,
    slug: 'my-app',
    publicUrl: 'https://updates.example.com',
    now: Date.now(),
  });
  return Object.fromEntries(
    [...offers].map(([channel, byName]) => [
      channel,
      Object.fromEntries(
        [...byName].map(([name, steps]) => [name, stepFor(steps, LOWEST_VERSION)?.release?.version]),
      ),
    ]),
  );
}

test('field 14: eleven queries resolve all offers, however many platforms and channels there are', async () => {
  const { database, store } = await openStore();
  const { appId } = store;
  const platforms = TARGETS.flatMap((target) => ARCHS.map((arch) => ({ target, arch })));
  const stable = await store.release('1.0.0');
  for (const platform of platforms) await store.publish(stable, platform);
  for (const [i, channel] of ['beta', 'nightly', 'pr-1'].entries()) {
    const release = { appId, version: `2.0.${i}`, notes: null, signature: 's', channel };
    const created = await createRelease(database.queries, release, by());
    if (typeof created === 'string') throw new Error(created);
    await store.publish(created.id);
  }
  let queries = 0;
  const counted = watched(database.queries, async (count) => {
    queries = count;
  });
  const versions = await versionsOf(counted, appId);
  expect(queries).toBe(11);
  expect(Object.keys(versions.stable ?? {})).toHaveLength(platforms.length);
  expect(versions).toMatchObject({
    stable: { 'linux-x86_64': '1.0.0', 'darwin-aarch64': '1.0.0' },
    nightly: { 'linux-x86_64': '2.0.1', 'darwin-aarch64': '1.0.0' },
  });
});

test('a release that is deleted between the queries is passed over, and so is the next', async () => {
  const { database, store } = await openStore();
  const { appId } = store;
  const releases: string[] = [];
  for (const version of ['1.0.0', '2.0.0', '3.0.0']) {
    const releaseId = await store.release(version);
    await store.publish(releaseId, LINUX);
    if (version !== '2.0.0') await store.publish(releaseId, MAC);
    releases.push(releaseId);
  }
  const deleting = watched(database.queries, async (count) => {
    const releaseId = count === 2 ? releases[2] : count === 3 ? releases[1] : undefined;
    if (releaseId) await deleteRelease(database.queries, { appId, releaseId }, { by: by() });
  });
  expect(await versionsOf(deleting, appId)).toEqual({
    stable: { 'linux-x86_64': '1.0.0', 'darwin-aarch64': '1.0.0' },
  });
});

test('an app of which everything is deleted between the queries offers nothing', async () => {
  const { database, store } = await openStore();
  const releaseId = await store.release('1.0.0');
  await store.publish(releaseId);
  const deleting = watched(database.queries, async (count) => {
    if (count === 1) await deleteRelease(database.queries, { appId: store.appId, releaseId }, { by: by() });
  });
  expect(await versionsOf(deleting, store.appId)).toEqual({ stable: {} });
});
