import { execFile } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { describeOnPostgres, usePostgres } from '../support/postgres/postgres.ts';
import { run, startServe } from '../support/process/binary.ts';
import { isInstalled } from '../support/process/is-installed.ts';
import { tempFolder } from '../support/process/temp-folder.ts';
import { checkLinux, publishLinux, runJson, startWorld, writeBundle } from '../support/publish/world.ts';
import { describeOnS3, fakeS3Place } from '../support/s3/s3-place.ts';
import { storageOptions } from '../support/server/storage-options.ts';
import { describeOnEachStore } from '../support/server/stores.ts';

describeOnEachStore('serve', ({ start }) => {
  test('supports publish and check, and stores one file', async () => {
    const store = await start();
    const world = await startWorld([], undefined, store);
    const file = await writeBundle(world.folder, 'App.AppImage');
    const published = await world.runJson(publishLinux('1.2.0', file));
    expect(published, published.stderr).toMatchObject({ code: 0, document: { status: 'published' } });
    expect(await world.runJson(checkLinux('1.1.0', '--download'))).toMatchObject({
      code: 0,
      document: { update: true, download: { size: (await readFile(file)).length } },
    });
    expect(await store.kept()).toEqual({ staging: 0, artifacts: 1 });
    expect(JSON.stringify(world.server.logs())).not.toMatch(/X-Amz-Signature|not-a-secret/);
    expect(await world.server.stop()).toBe(0);
  });

  test.skipIf(!isInstalled('curl'))(
    'R26: offers a file uploaded with plain curl -T, for an artifact without a SHA-256',
    async () => {
      const world = await startWorld([], undefined, await start());
      const { SYNCKIT_OTA_SERVER: server, SYNCKIT_OTA_APP: app, SYNCKIT_OTA_TOKEN: token } = world.env;
      const file = await writeBundle(world.folder, 'App.AppImage');
      const root = `${server}/api/sync/ota`;
      const call = async (method: string, path: string, body: object) => {
        const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
        const answer = await fetch(root + path, { method, headers, body: JSON.stringify(body) });
        return JSON.parse((await answer.text()) || '{}');
      };
      await call('PUT', `/apps/${app}/slug`, { slug: 'my-app' });
      const { id } = await call('POST', `/apps/${app}/releases`, { version: '1.2.0', signature: 's' });
      const bytes = await readFile(file);
      const platform = { target: 'linux', arch: 'x86_64', file_size: bytes.length };
      const answer = await call('POST', `/apps/${app}/releases/${id}/artifacts`, platform);
      expect(answer).toEqual({ upload_url: expect.any(String), s3_key: 'ota/my-app/1.2.0/linux-x86_64' });
      await promisify(execFile)('curl', ['-sS', '--fail', '-T', file, answer.upload_url]);
      const check = () => fetch(`${root}/my-app/linux/x86_64/1.1.0`);
      await vi.waitFor(async () => expect((await check()).status).toBe(200));
      const { url } = (await (await check()).json()) as { url: string };
      const downloaded = Buffer.from(await (await fetch(url)).arrayBuffer());
      expect(downloaded.equals(bytes)).toBe(true);
    },
  );
});

describe('serve logs what the store enforces:', () => {
  const allRefused = { length: true, chunked: true, checksum: true, twoAuthorizations: true };

  describeOnS3('for a real store', (open) => {
    test('everything that uploads rely on', async () => {
      const { server } = await startWorld(storageOptions(await open()));
      expect(server.logs()).toContainEqual(
        expect.objectContaining({
          msg: 'storage check passed',
          refuses: { ...allRefused, copyCondition: expect.any(Boolean) }, // Ceph copies all the same
        }),
      );
    });
  });

  test('or nothing at all', async () => {
    const place = await fakeS3Place();
    for (const defect of [
      'length_not_enforced',
      'chunked_accepted',
      'checksum_not_enforced',
      'two_auth_accepted',
      'conditions_ignored',
    ] as const)
      place.fake.defects.add(defect);
    const { server } = await startWorld(storageOptions(place));
    const line = server.logs().find(({ msg }) => msg === 'storage check passed');
    expect(Object.values(line?.refuses ?? {})).toEqual([false, false, false, false, false]);
  });
});

test('field 15: serve warns of an endpoint that only it reaches, if its public URL is for everyone', async () => {
  const warnings = async (...more: string[]) => {
    const dataDir = join(await tempFolder(), 'data');
    const server = await startServe(dataDir, [...storageOptions(await fakeS3Place()), ...more]);
    onTestFinished(async () => void (await server.stop('SIGKILL')));
    expect(await server.stop()).toBe(0);
    return server.logs().filter(({ msg }) => String(msg).includes('--s3-public-endpoint'));
  };
  expect(await warnings()).toEqual([]);
  expect(await warnings('--public-url', 'https://updates.example.com')).toMatchObject([
    { level: 40, publicUrl: 'https://updates.example.com', endpoint: expect.stringContaining('127.0.0.1') },
  ]);
});

describe('serve fails with 9 and one sentence if', () => {
  test('the artifacts of its database are in a different place', async () => {
    const place = await fakeS3Place();
    const dataDir = join(await tempFolder(), 'data');
    const server = await startServe(dataDir, storageOptions(place));
    onTestFinished(async () => void (await server.stop('SIGKILL')));
    expect(await server.stop()).toBe(0);
    const { code, stderr } = await run(['serve', '--port', '0', '--data-dir', dataDir]);
    expect(code).toBe(9);
    expect(stderr).toContain(`s3://${place.location.bucket}/`);
  });

  test('the place has the artifacts of another database', async () => {
    const folder = await tempFolder();
    const options = storageOptions(await fakeS3Place());
    const server = await startServe(join(folder, 'data'), options);
    onTestFinished(async () => void (await server.stop('SIGKILL')));
    const { code, stderr } = await run([
      'serve',
      '--port',
      '0',
      '--data-dir',
      join(folder, 'other'),
      ...options,
    ]);
    expect(code).toBe(9);
    expect(stderr).toMatch(/belongs to another database/);
    // As the hint says, in a place of its own: the refused one was not recorded.
    const own = options.map((option) => option.replace(/^(s3:\/\/[^/]+)\/.*$/, '$1/own'));
    const other = await startServe(join(folder, 'other'), own);
    expect(await other.stop()).toBe(0);
    expect(await server.stop()).toBe(0);
  });
});

describeOnPostgres('serve without a data folder', () => {
  const postgres = usePostgres();

  test('runs on several nodes with one database and one bucket, and each node offers uploads of the others', async () => {
    const folder = await tempFolder();
    const dataDir = join(folder, 'data');
    const options = storageOptions(await fakeS3Place());
    const env = { SYNCKIT_OTA_DATABASE: await postgres.server.createDatabase() };
    const start = async () => {
      const server = await startServe(dataDir, options, { env });
      onTestFinished(async () => void (await server.stop('SIGKILL')));
      return server;
    };
    const [first, second] = await Promise.all([start(), start()]);
    const { document: app } = await runJson(['apps', 'create', 'My App'], { env });
    const file = await writeBundle(folder, 'App.AppImage');
    const remote = { SYNCKIT_OTA_SERVER: first.url, SYNCKIT_OTA_APP: app.id, SYNCKIT_OTA_TOKEN: app.token };
    const published = await runJson(publishLinux('1.2.0', file), { cwd: folder, env: remote });
    expect(published, published.stderr).toMatchObject({ code: 0, document: { status: 'published' } });
    const check = [...checkLinux('1.1.0', '--download'), '--server', second.url];
    await vi.waitFor(
      async () => expect(await runJson(check)).toMatchObject({ code: 0, document: { update: true } }),
      { timeout: 5000 },
    );
    expect(await readdir(folder)).not.toContain('data');
    expect([await first.stop(), await second.stop()]).toEqual([0, 0]);
  });
});

test('after a wrong bucket was refused, the right one can be served', async () => {
  const place = await fakeS3Place();
  const wrong = { ...place, location: { ...place.location, bucket: 'mistyped' } };
  const dataDir = join(await tempFolder(), 'data');
  const base = ['serve', '--port', '0', '--data-dir', dataDir];
  expect((await run([...base, ...storageOptions(wrong)])).code).toBe(9);
  const server = await startServe(dataDir, storageOptions(place));
  expect(await server.stop()).toBe(0);
});

test('apps and tokens work for a store with its files in a bucket, without requests to the bucket', async () => {
  const dataDir = join(await tempFolder(), 'data');
  const options = storageOptions(await fakeS3Place());
  expect(await (await startServe(dataDir, options)).stop()).toBe(0);
  const created = await runJson(['apps', 'create', 'My App', '--slug', 'my-app', '--data-dir', dataDir]);
  expect(created).toMatchObject({ code: 0, document: { slug: 'my-app' } });
  const server = await startServe(dataDir, options);
  const reply = await fetch(`${server.url}/api/sync/ota/my-app/linux/x86_64/1.0.0`);
  expect(reply.status).toBe(204);
  expect(await server.stop()).toBe(0);
});
