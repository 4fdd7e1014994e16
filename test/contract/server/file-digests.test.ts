import { createHash, randomBytes } from 'node:crypto';
import { rm, writeFile } from 'node:fs/promises';
import { describe, expect, onTestFinished, test } from 'vitest';
import { DiskStorage } from '../../../src/storage/disk/disk-storage.ts';
import { tempFolder } from '../../support/process/temp-folder.ts';
import { startServer } from '../../support/publish/publisher.ts';
import { fakeS3Place } from '../../support/s3/s3-place.ts';
import { startS3Server } from '../../support/s3/s3-server.ts';
import { parseChannelFile } from '../../support/server/electron-client.ts';
import { FeedApp, type NamedFile } from '../../support/server/feed-app.ts';
import type { TestServer } from '../../support/server/server.ts';

const WINDOWS: NamedFile = { target: 'windows', arch: 'x86_64', name: 'My App.exe' };
const HOUR = 60 * 60 * 1000;

const sha512 = (bytes: Buffer) => createHash('sha512').update(bytes).digest('base64');
const readHash = async (app: FeedApp) =>
  parseChannelFile(await app.text('electron/latest.yml')).files[0]?.sha512;

/** How often files are hashed for feeds. */
function countHashed(server: TestServer): { count: number } {
  const hashed = { count: 0 };
  const { storage } = server.services;
  const hash = storage.hash.bind(storage);
  storage.hash = async (...args) => {
    hashed.count += 1;
    return hash(...args);
  };
  return hashed;
}

async function digestsIn(server: TestServer) {
  return server.services.database.queries.selectFrom('artifact_digests').selectAll().execute();
}

/** Damages the only stored file. */
async function pathOfFile({ services: { storage, database } }: TestServer): Promise<string> {
  const [file] = await database.queries.selectFrom('artifacts').select('storage_key').execute();
  if (!(storage instanceof DiskStorage) || !file?.storage_key) throw new Error('there is no file on a disk');
  return storage.path(file.storage_key);
}

describe.each([
  ['a disk', () => startServer()],
  ['a bucket', async () => startS3Server(await tempFolder(), await fakeS3Place())],
] as const)('digests of files on %s', (_, open) => {
  test('are computed once, whoever asks how often, and removed with the file', async () => {
    const server = await open();
    onTestFinished(() => server.close().catch(() => {}));
    const app = await FeedApp.on(server);
    const hashed = countHashed(server);
    const bytes = randomBytes(6 * 1024 * 1024);
    const id = await app.publish({ version: '1.0.0', files: [{ ...WINDOWS, bytes }] });
    const all = await Promise.all(Array.from({ length: 20 }, () => readHash(app)));
    expect(new Set(all)).toEqual(new Set([sha512(bytes)]));
    await app.change(id, { notes: 'others' }); // and the feed is rendered again
    expect(await readHash(app)).toBe(sha512(bytes));
    expect(hashed.count).toBe(1);
    expect(await digestsIn(server)).toHaveLength(1);
    await app.publisher.delete(id);
    await expect.poll(() => digestsIn(server), { timeout: 10_000 }).toEqual([]);
  });
});

describe('digests', () => {
  test('that take long are answered with 503 and when to ask again, and are there then', async () => {
    const server = await startServer({ digestWaitMs: 1 });
    const app = await FeedApp.on(server);
    const bytes = randomBytes(1000);
    await app.publish({ version: '1.0.0', files: [{ ...WINDOWS, bytes }] });
    let goOn = () => {};
    const waiting = new Promise<void>((resolve) => {
      goOn = resolve;
    });
    const { storage } = server.services;
    const hash = storage.hash.bind(storage);
    storage.hash = async (...args) => {
      await waiting;
      return hash(...args);
    };
    const reply = await app.read('electron/latest.yml');
    expect([reply.status, reply.headers.get('retry-after')]).toEqual([503, '5']);
    expect(await reply.json()).toMatchObject({ code: 'digest_pending' });
    goOn();
    await expect.poll(async () => (await app.read('electron/latest.yml')).status).toBe(200);
    expect(await readHash(app)).toBe(sha512(bytes));
  });

  test('attack: of other bytes than were uploaded there is none, and they are not read again at once', async () => {
    let now = new Date('2026-03-13T12:00:00Z');
    const server = await startServer({ digestWaitMs: 300, clock: () => now });
    const app = await FeedApp.on(server);
    const hashed = countHashed(server);
    await app.publish({ version: '1.0.0', files: [{ ...WINDOWS, bytes: Buffer.from('right') }] });
    const path = await pathOfFile(server);
    await rm(path);
    await writeFile(path, 'wrong');
    for (let i = 0; i < 5; i++) expect((await app.read('electron/latest.yml')).status).toBe(503);
    expect(hashed.count).toBe(1);
    expect(await digestsIn(server)).toMatchObject([{ digest: null }]);
    await rm(path);
    await writeFile(path, 'right');
    now = new Date(now.getTime() + HOUR);
    await expect.poll(async () => (await app.read('electron/latest.yml')).status).toBe(200);
    expect(hashed.count).toBe(2);
  });

  test('are computed by one of several nodes', async () => {
    const folder = await tempFolder();
    const server = await startServer({}, folder);
    const app = await FeedApp.on(server);
    const { database, storage, clock } = server.services;
    const hashed = countHashed(server);
    const bytes = randomBytes(5 * 1024 * 1024);
    await app.publish({ version: '1.0.0', files: [{ ...WINDOWS, bytes }] });
    const { FileDigests } = await import('../../../src/server/feeds/file-digests.ts');
    const nodes = Array.from(
      { length: 3 },
      () => new FileDigests({ database, storage, clock }, server.app.log),
    );
    const [file] = await database.queries.selectFrom('artifacts').selectAll().execute();
    const files = [
      {
        artifactId: file?.id ?? '',
        sha256: file?.sha256 ?? '',
        fileSize: file?.file_size ?? 0,
        storageKey: file?.storage_key ?? '',
      },
    ];
    const wanted = { appId: app.publisher.id, files, algorithm: 'sha512' as const };
    const found = await Promise.all(nodes.map((node) => node.find(wanted)));
    const hex = Buffer.from(sha512(bytes), 'base64').toString('hex');
    expect(found.map((one) => one !== 'computing' && one.get(file?.id ?? ''))).toEqual([hex, hex, hex]);
    expect(hashed.count).toBe(1);
  });

  test('crash: a process that died while it hashed is replaced when its time is over', async () => {
    let now = new Date('2026-03-13T12:00:00Z');
    const server = await startServer({ digestWaitMs: 300, clock: () => now });
    const app = await FeedApp.on(server);
    await app.publish({ version: '1.0.0', files: [WINDOWS] });
    const { queries } = server.services.database;
    const [file] = await queries.selectFrom('artifacts').select('id').execute();
    const leased = { artifact_id: file?.id ?? '', algorithm: 'sha512' as const, digest: null };
    await queries
      .insertInto('artifact_digests')
      .values({ ...leased, leased_until: now.getTime() + 60_000 })
      .execute();
    expect((await app.read('electron/latest.yml')).status).toBe(503);
    now = new Date(now.getTime() + 61_000);
    await expect.poll(async () => (await app.read('electron/latest.yml')).status).toBe(200);
  });
});
