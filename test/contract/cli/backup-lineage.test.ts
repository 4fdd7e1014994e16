import { createHash, randomBytes } from 'node:crypto';
import { cp, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { Database } from '../../../src/database/database.ts';
import { createApp, deleteApp, freeSlug } from '../../../src/database/queries/apps.ts';
import { deleteRelease } from '../../../src/database/queries/releases.ts';
import { databaseId } from '../../../src/database/queries/settings.ts';
import { openSqlite } from '../../../src/database/sqlite/open-sqlite.ts';
import { runJsonInProcess } from '../../support/process/in-process.ts';
import { tempFolder } from '../../support/process/temp-folder.ts';
import { by } from '../../support/server/by.ts';
import { fillStore } from '../../support/server/small-store.ts';
import { HOUR, keyOf, LINUX, StoreWithApp } from '../../support/server/store-with-app.ts';

/** A store with two releases of an app, a folder for its backups, and another store that is a copy of it. */
async function openWorld() {
  const folder = await tempFolder();
  const [dataDir, other, backup] = ['data', 'other', 'backup'].map((name) => join(folder, name)) as [
    string,
    string,
    string,
  ];
  await fillStore(dataDir, [1000, 2000]);
  await change(dataDir, ({ queries }) => databaseId(queries));
  await cp(dataDir, other, { recursive: true });
  const backUp = (from = dataDir) => runJsonInProcess(['backup', backup, '--data-dir', from]);
  const restore = (to: string) => runJsonInProcess(['restore', backup, '--data-dir', to]);
  return { folder, dataDir, other, backup, backUp, restore };
}

type World = Awaited<ReturnType<typeof openWorld>>;

async function change<T>(dataDir: string, work: (database: Database) => Promise<T>): Promise<T> {
  const database = await openSqlite({ dataDir });
  try {
    return await work(database);
  } finally {
    await database.close();
  }
}

/** The id of an app that has the slug, or that has none. */
async function appCalled(queries: Database['queries'], slug: string | null): Promise<string> {
  const { id } = await queries
    .selectFrom('apps')
    .select('id')
    .where('slug', slug === null ? 'is' : '=', slug)
    .executeTakeFirstOrThrow();
  return id;
}

async function publish(dataDir: string, version: string, slug: string | null = 'my-app'): Promise<void> {
  await change(dataDir, async ({ queries }) => {
    const store = StoreWithApp.of(queries, await appCalled(queries, slug));
    const bytes = randomBytes(300);
    const id = await store.grant(await store.release(version), LINUX, { fileSize: bytes.length });
    await writeFile(join(dataDir, 'artifacts', keyOf(id)), bytes);
    await store.complete(id, createHash('sha256').update(bytes).digest('hex'), true);
  });
}

async function deleteVersion(dataDir: string, version: string): Promise<void> {
  await change(dataDir, async ({ queries }) => {
    const { id, app_id } = await queries
      .selectFrom('releases')
      .select(['id', 'app_id'])
      .where('version', '=', version)
      .executeTakeFirstOrThrow();
    const key = { appId: app_id, releaseId: id };
    expect(await deleteRelease(queries, key, { by: by(), allowStranding: true })).toEqual({
      kind: 'deleted',
    });
    await queries.deleteFrom('artifacts').where('status', '=', 'deleting').execute(); // as the server does
  });
}

async function addApp(dataDir: string, slug?: string): Promise<void> {
  await change(dataDir, ({ queries }) => createApp(queries, { name: 'Another', slug }, by()));
  await publish(dataDir, '1.0.0', slug ?? null);
}

async function removeApp(dataDir: string, slug: string | null): Promise<void> {
  await change(dataDir, async ({ queries }) => {
    await deleteApp(queries, await appCalled(queries, slug), by());
    await queries.deleteFrom('artifacts').where('status', '=', 'deleting').execute();
    if (slug !== null) await freeSlug(queries, slug, by());
  });
}

describe('field 11: a backup is not replaced by one of a store', () => {
  test.each<[string, (world: World) => Promise<void>]>([
    ['that is older, and lacks an app', ({ dataDir }) => addApp(dataDir, 'another')],
    ['that is older, and lacks an app without a slug', ({ dataDir }) => addApp(dataDir)],
    ['that is older, and has an app that was deleted', ({ dataDir }) => removeApp(dataDir, 'my-app')],
    [
      'that lacks an app, and has changed more often',
      async ({ dataDir, other }) => {
        await addApp(dataDir, 'another');
        for (const version of ['1.2.0', '1.3.0', '1.4.0']) await publish(other, version);
      },
    ],
    [
      'that has published other versions, and more of them',
      async ({ dataDir, other }) => {
        await publish(dataDir, '1.4.0');
        for (const version of ['1.5.0', '1.6.0', '1.7.0']) await publish(other, version);
      },
    ],
    [
      'that has published other bytes of a version, and more of them',
      async ({ dataDir, other }) => {
        await publish(dataDir, '1.4.0');
        for (const version of ['1.4.0', '1.6.0', '1.7.0']) await publish(other, version);
      },
    ],
    [
      'that has deleted the app, which was changed since',
      async ({ dataDir, other }) => {
        for (const version of ['1.5.0', '1.6.0', '1.7.0']) await publish(dataDir, version);
        await removeApp(other, 'my-app');
      },
    ],
  ])('%s', async (_, diverge) => {
    const world = await openWorld();
    const { backup, other, backUp } = world;
    await diverge(world);
    expect(await backUp()).toMatchObject({ code: 0 });
    const before = (await readdir(backup, { recursive: true })).sort();
    const refused = await backUp(other);
    expect(refused, refused.stderr).toMatchObject({
      code: 5,
      document: { error: { code: 'conflict', hint: expect.stringContaining('an empty folder') } },
    });
    expect((await readdir(backup, { recursive: true })).sort()).toEqual(before);
    expect(await backUp()).toMatchObject({ code: 0 });
  });
});

describe('field 11: a backup is replaced by that of the same store', () => {
  test.each<[string, (world: World) => Promise<void>]>([
    ['with a further app', ({ dataDir }) => addApp(dataDir, 'another')],
    ['without a release that was deleted', ({ dataDir }) => deleteVersion(dataDir, '1.0.0')],
    ['without an app that was deleted', ({ dataDir }) => removeApp(dataDir, 'my-app')],
    ['without an app that had no slug', ({ dataDir }) => removeApp(dataDir, null)],
    [
      'with other bytes of a version that was deleted, where that is allowed',
      async ({ dataDir }) => {
        await deleteVersion(dataDir, '1.1.0');
        await publish(dataDir, '1.1.0');
        const inAnHour = Date.now() + HOUR;
        await change(dataDir, ({ queries }) =>
          queries
            .updateTable('releases')
            .set({ created_at: inAnHour })
            .where('version', '=', '1.1.0')
            .execute(),
        );
      },
    ],
  ])('%s', async (_, next) => {
    const world = await openWorld();
    await addApp(world.dataDir);
    expect(await world.backUp()).toMatchObject({ code: 0 });
    await next(world);
    const again = await world.backUp();
    expect(again, again.stderr).toMatchObject({ code: 0, document: { status: 'complete' } });
  });

  test('after it was restored, and goes on being served', async () => {
    const { folder, dataDir, backUp, restore } = await openWorld();
    await deleteVersion(dataDir, '1.0.0');
    expect(await backUp()).toMatchObject({ code: 0 });
    const restored = join(folder, 'restored');
    expect(await restore(restored)).toMatchObject({ code: 0 });
    for (const work of [
      async () => {},
      () => publish(restored, '1.8.0'),
      () => removeApp(restored, 'my-app'),
    ]) {
      await work();
      const again = await backUp(restored);
      expect(again, again.stderr).toMatchObject({ code: 0, document: { status: 'complete' } });
    }
  });
});
