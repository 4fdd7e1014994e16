import { randomUUID } from 'node:crypto';
import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setImmediate, setTimeout } from 'node:timers/promises';
import { expect, onTestFinished, test, vi } from 'vitest';
import { recordCopyStarted } from '../../../src/database/queries/copy-state.ts';
import { databaseId } from '../../../src/database/queries/settings.ts';
import { urlSigningKeys } from '../../../src/database/queries/url-signing-keys.ts';
import { openSqlite } from '../../../src/database/sqlite/open-sqlite.ts';
import { UPLOAD_URL_LIFE_MS } from '../../../src/server/services.ts';
import { DiskStorage } from '../../../src/storage/disk/disk-storage.ts';
import { tempFolder } from '../../support/process/temp-folder.ts';
import { bytesOf, LINUX, MAC, Publisher, startServer } from '../../support/publish/publisher.ts';
import { fakeS3Place } from '../../support/s3/s3-place.ts';
import { startS3Server } from '../../support/s3/s3-server.ts';
import { maintainOnce } from '../../support/server/maintenance-once.ts';
import { openTestServer, TEST_PUBLIC_URL } from '../../support/server/server.ts';

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

test('neither a deletion nor the server’s shutdown waits until all stored files were listed', async () => {
  const dataDir = await tempFolder();
  const database = await openSqlite({ dataDir });
  const signingKeys = urlSigningKeys(database.queries, clockAt(0).clock);
  const publicUrl = () => TEST_PUBLIC_URL;
  const storage = await DiskStorage.open({ dataDir, keys: signingKeys, publicUrl });
  let seen = 0;
  vi.spyOn(storage, 'promotedKeys').mockImplementation(async function* () {
    for (;;) yield `key-${await setImmediate(seen++)}`;
  });
  const server = await openTestServer(dataDir, { ...clockAt(0), database, storage, signingKeys });
  const app = await Publisher.on(server);
  const releaseId = await app.publish('1.0.0');
  await vi.waitFor(() => expect(seen).toBeGreaterThan(0));
  await app.delete(releaseId);
  await vi.waitFor(async () => expect(await stored(dataDir)).toEqual([]));
  await server.close();
  const atTheEnd = seen;
  await setTimeout(20);
  expect(seen).toBe(atTheEnd);
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

test('staged files that a crash left are swept after a day, younger ones stay', async () => {
  const dataDir = await tempFolder();
  await startOnce(dataDir, clockAt(0));
  await writeFile(join(dataDir, 'staging', randomUUID()), 'half an upl');
  await startOnce(dataDir, clockAt(23 * HOUR));
  expect(await staged(dataDir)).toHaveLength(1);
  await startOnce(dataDir, clockAt(25 * HOUR));
  expect(await staged(dataDir)).toEqual([]);
});

test('orphaned files are removed after a day, files of a release never', async () => {
  const { dataDir, server, published } = await openWithTenFiles();
  await server.close();
  const orphan = randomUUID();
  await writeFile(join(dataDir, 'artifacts', orphan), 'promoted, but the commit never came');

  await startOnce(dataDir, clockAt(23 * HOUR));
  expect(await stored(dataDir)).toContain(orphan);
  await startOnce(dataDir, clockAt(25 * HOUR));
  expect((await stored(dataDir)).sort()).toEqual(published.sort());
  await startOnce(dataDir, clockAt(10_000 * HOUR));
  expect((await stored(dataDir)).sort()).toEqual(published.sort());
});

test('orphaned files stay as long as the copy that imported them may continue', async () => {
  const { dataDir, server, published } = await openWithTenFiles();
  await recordCopyStarted(server.database.queries, new Date(START));
  await server.close();
  await writeFile(join(dataDir, 'artifacts', randomUUID()), 'imported by an interrupted copy');
  await writeFile(join(dataDir, 'staging', randomUUID()), 'on its way');

  await startOnce(dataDir, clockAt(6 * 24 * HOUR));
  expect(await stored(dataDir)).toHaveLength(11);
  expect(await staged(dataDir)).toHaveLength(1);
  await startOnce(dataDir, clockAt(8 * 24 * HOUR));
  expect((await stored(dataDir)).sort()).toEqual(published.sort());
});

test('files that a copy imports while orphans are being listed stay', async () => {
  const { dataDir, server } = await openWithTenFiles();
  await server.close();
  const imported = randomUUID();
  await writeFile(join(dataDir, 'artifacts', imported), 'imported by a copy');

  const database = await openSqlite({ dataDir });
  const signingKeys = urlSigningKeys(database.queries, () => new Date(START));
  const storage = await DiskStorage.open({ dataDir, keys: signingKeys, publicUrl: () => '' });
  const promotedKeys = storage.promotedKeys.bind(storage);
  vi.spyOn(storage, 'promotedKeys').mockImplementation(async function* (olderThan) {
    yield* promotedKeys(olderThan);
    await recordCopyStarted(database.queries, new Date(START + 25 * HOUR));
  });
  await startOnce(dataDir, { ...clockAt(25 * HOUR), database, storage });
  expect(await stored(dataDir)).toContain(imported);
});

test('nothing is removed from a prefix that was given to another database since the start', async () => {
  const place = await fakeS3Place();
  const { prefix, bucket } = place.location;
  const { store } = place.fake;
  const server = await startS3Server(await tempFolder(), place);
  await server.app.close();
  const lastModified = new Date(Date.now() - 25 * HOUR);
  const ofAnother = `${prefix}staging/${randomUUID()}`;
  store.put(ofAnother, Buffer.from('bytes'), { lastModified });
  store.put(`${prefix}database-id`, Buffer.from('another\n'));
  expect((await maintainOnce(server.services)).join()).toContain(
    `orphaned files are not removed: s3://${bucket}/${prefix.slice(0, -1)} belongs to another database`,
  );
  expect(store.objects.has(ofAnother)).toBe(true);

  store.put(`${prefix}database-id`, Buffer.from(await databaseId(server.database.queries)));
  expect(await maintainOnce(server.services)).toEqual([]);
  expect(store.objects.has(ofAnother)).toBe(false);
});

test('if there are more orphans than a crash leaves, as next to an older database, none is removed', async () => {
  const dataDir = await tempFolder();
  const server = await openTestServer(dataDir);
  const app = await Publisher.on(server);
  await app.publish('1.0.0');
  await app.publish('2.0.0');
  await server.database.queries.deleteFrom('artifacts').execute();
  await server.close();
  await startOnce(dataDir, clockAt(48 * HOUR));
  expect(await stored(dataDir)).toHaveLength(2);
});

test('old signing keys are replaced, and URLs that they signed stay valid', async () => {
  const dataDir = await tempFolder();
  const day = 24 * HOUR;
  const keyIds = async () => {
    const server = await openTestServer(dataDir);
    const rows = await server.database.queries.selectFrom('url_signing_keys').select('id').execute();
    await server.close();
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

  await startOnce(dataDir, at(61 * day));
  expect(await keyIds()).not.toEqual(expect.arrayContaining(first));
});
