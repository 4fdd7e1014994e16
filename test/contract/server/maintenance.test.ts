import { randomUUID } from 'node:crypto';
import { copyFile, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { CompiledQuery } from 'kysely';
import pino from 'pino';
import { expect, onTestFinished, test, vi } from 'vitest';
import { recordCopyStarted } from '../../../src/database/queries/copy-state.ts';
import { lastSeen, recordSeen } from '../../../src/database/queries/last-seen.ts';
import { newStorageKey, recordOrphans, takeOrphans } from '../../../src/database/queries/orphans.ts';
import { deleteRelease } from '../../../src/database/queries/releases.ts';
import { DATABASE_FILE, openSqlite } from '../../../src/database/sqlite/open-sqlite.ts';
import { Maintenance } from '../../../src/server/maintenance/maintenance.ts';
import { UPLOAD_URL_LIFE_MS } from '../../../src/server/services.ts';
import { tempFolder } from '../../support/process/temp-folder.ts';
import { bytesOf, LINUX, MAC, Publisher, startServer } from '../../support/publish/publisher.ts';
import { by } from '../../support/server/by.ts';
import { maintainOnce } from '../../support/server/maintenance-once.ts';
import { openTestServer } from '../../support/server/server.ts';
import { keyOf, StoreWithApp } from '../../support/server/store-with-app.ts';

const HOUR = 60 * 60 * 1000;
/** Maintenance compares the times of files, so the clock of these tests is the real one. */
const START = Date.now();
const clockAt = (milliseconds: number) => ({ clock: () => new Date(START + milliseconds) });

const stored = (dataDir: string) => readdir(join(dataDir, 'artifacts'));
const staged = (dataDir: string) => readdir(join(dataDir, 'staging'));

/** Enough that one orphan among them is no more than a crash leaves. */
async function openWithTenFiles() {
  const dataDir = await tempFolder();
  const server = await openTestServer(dataDir, clockAt(0));
  const app = await Publisher.on(server);
  for (let i = 0; i < 10; i++) await app.publish(`1.0.${i}`);
  return { dataDir, server, published: await stored(dataDir) };
}

/** Opens a server on the folder, and runs one round of its maintenance. */
async function startOnce(dataDir: string, overrides: Parameters<typeof openTestServer>[1]): Promise<void> {
  const server = await openTestServer(dataDir, overrides);
  await server.app.close();
  await recordSeen(server.database.queries, server.services.clock()); // no clock was set: it was served since
  await maintainOnce(server.services);
  await server.close();
}

test('the bytes of a deleted release are removed from the disk, those of other releases stay', async () => {
  const dataDir = await tempFolder();
  const app = await Publisher.on(await startServer({}, dataDir));
  const first = await app.publish('1.0.0');
  await app.publish('2.0.0');
  expect(await stored(dataDir)).toHaveLength(2);
  await app.delete(first);
  await vi.waitFor(async () => expect(await stored(dataDir)).toHaveLength(1));
  expect(await app.fetchOffer()).toEqual(bytesOf('2.0.0'));
});

test('bytes that could not be removed before the server stopped are removed when it starts again', async () => {
  const dataDir = await tempFolder();
  const server = await openTestServer(dataDir);
  const app = await Publisher.on(server);
  const releaseId = await app.publish('1.0.0');
  vi.spyOn(server.services.storage, 'remove').mockRejectedValue(new Error('the disk is away'));
  await app.delete(releaseId);
  await server.close();
  expect(await stored(dataDir)).toHaveLength(1);

  const again = await startServer({}, dataDir);
  await vi.waitFor(async () => expect(await stored(dataDir)).toEqual([]));
  await vi.waitFor(async () => {
    expect(await again.database.queries.selectFrom('artifacts').selectAll().execute()).toEqual([]);
  });
});

test('bytes that cannot be removed do not keep others from being removed', async () => {
  const dataDir = await tempFolder();
  const server = await startServer({}, dataDir);
  const app = await Publisher.on(server);
  const releases = [await app.publish('1.0.0'), await app.publish('2.0.0'), await app.publish('3.0.0')];
  const remove = server.services.storage.remove.bind(server.services.storage);
  let stuck: string | undefined;
  vi.spyOn(server.services.storage, 'remove').mockImplementation(async (key) => {
    stuck ??= key;
    if (key === stuck) throw new Error('not this one');
    await remove(key);
  });
  for (const releaseId of releases) await app.delete(releaseId);
  await vi.waitFor(async () => expect(await stored(dataDir)).toEqual([stuck]));
});

test('removing bytes is retried soon after it failed', async () => {
  const dataDir = await tempFolder();
  const server = await startServer({}, dataDir);
  const app = await Publisher.on(server);
  const releaseId = await app.publish('1.0.0');
  vi.spyOn(server.services.storage, 'remove').mockRejectedValueOnce(new Error('the disk is away'));
  await app.delete(releaseId);
  await vi.waitFor(async () => expect(await stored(dataDir)).toEqual([]), { timeout: 10_000 });
});

test('neither a deletion nor stopping waits until all orphans were removed', async () => {
  const dataDir = await tempFolder();
  const server = await startServer(clockAt(25 * HOUR), dataDir);
  const { queries } = server.database;
  const orphans = Array.from({ length: 400 }, () => ({ name: randomUUID(), kind: 'file' as const }));
  await recordOrphans(queries, orphans, new Date(START));
  const app = await Publisher.on(server);
  const releaseId = await app.publish('1.0.0');
  let seen = 0;
  vi.spyOn(server.services.storage, 'removeOrphan').mockImplementation(async () => {
    seen++;
    await setTimeout(20);
  });
  const maintenance = new Maintenance(server.services, pino({ level: 'silent' }));
  void maintenance.runOnce();
  await vi.waitFor(() => expect(seen).toBeGreaterThan(0));
  await deleteRelease(queries, { appId: app.id, releaseId }, { by: by() });
  await maintenance.removeDeleted();
  expect(await stored(dataDir)).toEqual([]);
  await maintenance.stop();
  expect(seen).toBeLessThan(400);
});

test('a download in progress completes although its release is deleted and its bytes are removed', async () => {
  const dataDir = await tempFolder();
  const server = await startServer({}, dataDir);
  await server.listen();
  const app = await Publisher.on(server);
  const bytes = Buffer.alloc(16 * 1024 * 1024, 'x');
  const releaseId = await app.publish('1.0.0', bytes);
  const download = await fetch(server.services.publicUrl() + (await app.downloadPath(releaseId)));
  await app.delete(releaseId);
  await vi.waitFor(async () => expect(await stored(dataDir)).toEqual([]));
  expect(Buffer.from(await download.arrayBuffer()).equals(bytes)).toBe(true);
});

test('uploads that never came are forgotten a day after their URL expired', async () => {
  const dataDir = await tempFolder();
  const server = await openTestServer(dataDir, clockAt(0));
  const app = await Publisher.on(server);
  const releaseId = await app.createRelease('1.0.0');
  await app.requestUpload(releaseId, 5, LINUX);
  await app.put(await app.requestUpload(releaseId, 5, MAC), Buffer.from('bytes'));
  const statuses = async () => {
    const rows = await server.database.queries.selectFrom('artifacts').select('status').execute();
    return rows.map(({ status }) => status).sort();
  };
  onTestFinished(() => server.close());

  await startOnce(dataDir, clockAt(UPLOAD_URL_LIFE_MS + 23 * HOUR));
  expect(await statuses()).toEqual(['complete', 'pending']);
  await startOnce(dataDir, clockAt(UPLOAD_URL_LIFE_MS + 25 * HOUR));
  expect(await statuses()).toEqual(['complete']);
});

test('a release that waits for an upload that never comes goes live once its URL has expired', async () => {
  const dataDir = await tempFolder();
  const server = await openTestServer(dataDir, clockAt(0));
  onTestFinished(() => server.close());
  const app = await Publisher.on(server);
  const expecting = async (version: string, expect: string[]) => {
    const body = { version, signature: 'signature', expect };
    return (await app.send('POST', '/releases', { body })).json().id as string;
  };
  const put = async (releaseId: string, fields: object) => {
    await app.put(await app.requestUpload(releaseId, 5, LINUX, fields), Buffer.from('bytes'));
  };
  const left = await expecting('1.0.0', ['linux-x86_64']);
  await app.requestUpload(left, 5, LINUX, { bundle_type: 'deb' });
  await put(left, { bundle_type: 'appimage' });
  const incomplete = await expecting('2.0.0', ['linux-x86_64', 'darwin-aarch64']);
  await put(incomplete, { bundle_type: 'appimage' });

  await startOnce(dataDir, clockAt(UPLOAD_URL_LIFE_MS - 1000));
  expect(await app.offered()).toBeUndefined();
  await startOnce(dataDir, clockAt(UPLOAD_URL_LIFE_MS + HOUR));
  expect(await app.offered()).toBe('1.0.0');
});

test('field 15: what a crash left is removed after a day, staged or promoted, however much it is', async () => {
  const { dataDir, server, published } = await openWithTenFiles();
  const { queries } = server.database;
  for (const folder of ['staging', 'artifacts']) {
    for (let i = 0; i < 300; i++) {
      const name = await newStorageKey(queries, new Date(START)); // as an upload does, before its first byte
      await writeFile(join(dataDir, folder, name), 'left by a crash');
    }
  }
  await server.close();

  await startOnce(dataDir, clockAt(23 * HOUR));
  expect([(await staged(dataDir)).length, (await stored(dataDir)).length]).toEqual([300, 310]);
  await startOnce(dataDir, clockAt(25 * HOUR));
  expect((await staged(dataDir)).length + (await stored(dataDir)).length).toBe(120); // not all at once
  await startOnce(dataDir, clockAt(26 * HOUR));
  expect(await staged(dataDir)).toEqual([]);
  expect((await stored(dataDir)).sort()).toEqual(published.sort());
  await startOnce(dataDir, clockAt(10_000 * HOUR));
  expect((await stored(dataDir)).sort()).toEqual(published.sort());
});

test('field 15: nothing is removed that this database has not made, as where an older one was put in place', async () => {
  const { dataDir, server, published } = await openWithTenFiles();
  const older = await tempFolder();
  await server.database.queries.executeQuery(
    CompiledQuery.raw('vacuum into ?', [join(older, DATABASE_FILE)]),
  );
  const app = await Publisher.on(server, { slug: 'another' });
  await app.publish('2.0.0');
  await server.close();
  for (const suffix of ['-wal', '-shm']) await rm(join(dataDir, DATABASE_FILE + suffix), { force: true });
  await copyFile(join(older, DATABASE_FILE), join(dataDir, DATABASE_FILE));
  await writeFile(join(dataDir, 'staging', 'of-somebody'), 'else');
  await startOnce(dataDir, clockAt(10_000 * HOUR));
  expect(await stored(dataDir)).toHaveLength(published.length + 1);
  expect(await staged(dataDir)).toEqual(['of-somebody']);
});

test('field 15: an upload that is finished while its bytes are removed as orphaned is refused', async () => {
  const server = await startServer(clockAt(0), await tempFolder());
  const { queries } = server.database;
  const store = await StoreWithApp.in(server.database);
  const id = await store.grant(await store.release('1.0.0'));
  await recordOrphans(queries, [{ name: keyOf(id), kind: 'file' }], new Date(START));
  const taken = await takeOrphans(queries, new Date(START + 1), 10);
  expect(taken).toContainEqual({ name: keyOf(id), kind: 'file' });
  expect(await store.complete(id)).toBe('gone');
});

test('field 15: nothing is removed while a server starts, which may be by mistake', async () => {
  const dataDir = await tempFolder();
  const first = await openTestServer(dataDir, clockAt(0));
  const name = await newStorageKey(first.database.queries, new Date(START));
  await writeFile(join(dataDir, 'artifacts', name), 'left by a crash');
  await first.close();
  const again = await openTestServer(dataDir, clockAt(48 * HOUR));
  await again.app.close(); // waits for what has started
  await again.close();
  expect(await stored(dataDir)).toEqual([name]);
});

test.each([
  ['2 days', 48],
  ['2 years', 24 * 730],
])('crash C7: a clock that is %s ahead at one start forgets and removes nothing', async (_what, hours) => {
  const dataDir = await tempFolder();
  const first = await openTestServer(dataDir, clockAt(0));
  const app = await Publisher.on(first);
  const releaseId = await app.createRelease('1.0.0');
  const url = new URL(await app.requestUpload(releaseId, 5, LINUX));
  const arriving = await newStorageKey(first.database.queries, new Date(START));
  await writeFile(join(dataDir, 'staging', arriving), 'still arriving');
  const keysOf = ({ database }: typeof first) =>
    database.queries.selectFrom('url_signing_keys').selectAll().execute();
  const keys = await keysOf(first);
  await first.close();

  const wrong = await openTestServer(dataDir, clockAt(hours * HOUR));
  await wrong.app.close();
  const logged = await maintainOnce(wrong.services);
  expect(logged).toEqual([]);
  expect(await keysOf(wrong)).toEqual(keys);
  expect((await lastSeen(wrong.database.queries))?.getTime()).toBeLessThan(START + HOUR);
  await wrong.close();
  expect(await staged(dataDir)).toEqual([arriving]);

  const right = await startServer(clockAt(0), dataDir);
  const put = await right.app.inject({ method: 'PUT', url: url.pathname + url.search, payload: 'hello' });
  expect(put.statusCode).toBe(200);
});

test('orphans stay as long as the copy that imported them may continue', async () => {
  const { dataDir, server, published } = await openWithTenFiles();
  const { queries } = server.database;
  await recordCopyStarted(queries, new Date(START));
  const imported = await newStorageKey(queries, new Date(START));
  await server.close();
  await writeFile(join(dataDir, 'artifacts', imported), 'imported by an interrupted copy');

  await startOnce(dataDir, clockAt(6 * 24 * HOUR));
  expect(await stored(dataDir)).toHaveLength(11);
  await startOnce(dataDir, clockAt(8 * 24 * HOUR));
  expect((await stored(dataDir)).sort()).toEqual(published.sort());
});

test('old signing keys are replaced, and URLs that they signed stay valid', async () => {
  const dataDir = await tempFolder();
  const day = 24 * HOUR;
  const keyIds = async () => {
    const database = await openSqlite({ dataDir });
    const rows = await database.queries.selectFrom('url_signing_keys').select('id').execute();
    await database.close();
    return rows.map(({ id }) => id);
  };
  const at = (milliseconds: number) => ({
    clock: () => new Date(Date.parse('2026-03-13T12:00:00Z') + milliseconds),
  });
  await startOnce(dataDir, at(0));
  const first = await keyIds();
  expect(first).toHaveLength(1);

  const before = await openTestServer(dataDir, at(31 * day - HOUR / 2));
  const app = await Publisher.on(before);
  const path = await app.downloadPath(await app.publish('1.0.0'));
  await before.close();

  await startOnce(dataDir, at(31 * day));
  expect(await keyIds()).toEqual(expect.arrayContaining(first));
  const after = await openTestServer(dataDir, at(31 * day));
  expect((await after.app.inject(path)).rawPayload).toEqual(bytesOf('1.0.0'));
  await after.close();

  await startOnce(dataDir, at(62 * day));
  expect(await keyIds()).not.toEqual(expect.arrayContaining(first));
});
