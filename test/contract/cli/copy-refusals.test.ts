import { randomBytes } from 'node:crypto';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { listReleases } from '../../../src/database/queries/list-releases.ts';
import { deleteRelease } from '../../../src/database/queries/releases.ts';
import { openSqlite } from '../../../src/database/sqlite/open-sqlite.ts';
import { deadUrl } from '../../support/network/loopback-server.ts';
import { describeOnPostgres, usePostgres } from '../../support/postgres/postgres.ts';
import { PostgresProxy } from '../../support/postgres/postgres-proxy.ts';
import { startServe } from '../../support/process/binary.ts';
import { runInProcess, runJsonInProcess } from '../../support/process/in-process.ts';
import { tempFolder } from '../../support/process/temp-folder.ts';
import { fakeS3Place, type S3Place } from '../../support/s3/s3-place.ts';
import { by } from '../../support/server/by.ts';
import { copyArgs, fillStore, type SmallStoreFile } from '../../support/server/small-store.ts';
import { storageOptions } from '../../support/server/storage-options.ts';

/** One sentence, and what to do. */
const SENTENCE = /^error: [^\n]+\.\n {2}[^\n]+\n$/;

describeOnPostgres('copy', () => {
  const postgres = usePostgres();

  /** A store with files of some sizes, and where it may be copied to. */
  async function openWorld(sizes: readonly number[] = [100, 200, 300]) {
    const dataDir = join(await tempFolder(), 'data');
    const files = await fillStore(dataDir, sizes);
    const place = await fakeS3Place();
    const database = await postgres.server.createDatabase();
    const env = { SYNCKIT_OTA_DATABASE: database };
    const artifacts = () => [...place.fake.store.objects.keys()].filter((key) => key.includes('/artifacts/'));
    const rows = (table: string) =>
      postgres.server.sql(`select * from ${table}`, new URL(database).pathname.slice(1));
    const copy = (to: S3Place = place, from = dataDir) => runJsonInProcess(copyArgs(from, to), { env });
    return { dataDir, files, place, env, artifacts, rows, copy };
  }

  describe('changes nothing', () => {
    test('if the store is being served', async () => {
      const { dataDir, copy, artifacts } = await openWorld();
      const server = await startServe(dataDir);
      onTestFinished(async () => void (await server.stop('SIGKILL')));
      const { code, stderr } = await copy();
      expect(code).toBe(9);
      expect(stderr).toMatch(/^error: another `synckit-ota serve` is using .*\.\n {2}Stop it first/);
      expect(artifacts()).toEqual([]);
      expect(await server.stop()).toBe(0);
      expect(await copy()).toMatchObject({ code: 0, document: { status: 'copied' } });
    });

    test('if the database has apps', async () => {
      const { env, copy, artifacts, rows } = await openWorld();
      const { document: app } = await runJsonInProcess(['apps', 'create', 'Another'], { env });
      const { code, stderr } = await copy();
      expect(code).toBe(5);
      expect(stderr).toMatch(SENTENCE);
      expect(stderr).toContain('the database already has apps');
      expect(artifacts()).toEqual([]);
      expect(await rows('apps')).toMatchObject([{ id: app.id }]);
      expect(await rows('settings')).toEqual([]);
    });

    test('if the database has the copy of another store', async () => {
      const { copy, dataDir, rows } = await openWorld();
      const other = join(await tempFolder(), 'other');
      await fillStore(other, [50]);
      expect(await copy()).toMatchObject({ code: 0 });
      const before = await rows('releases');
      const refused = await copy(undefined, other);
      expect(refused.code).toBe(5);
      expect(refused.stderr).toContain('the copy of another store');
      expect(refused.stderr).toMatch(SENTENCE);
      expect(await rows('releases')).toEqual(before);
      expect(await copy(undefined, dataDir)).toMatchObject({ code: 0, document: { status: 'unchanged' } });
    });

    test('if an unfinished copy has another prefix', async () => {
      const { copy, place, files } = await openWorld();
      await writeFile((files[0] as SmallStoreFile).path, 'damaged');
      expect(await copy()).toMatchObject({ code: 6 });
      const { location } = place;
      const refused = await copy({ ...place, location: { ...location, prefix: 'elsewhere/' } });
      expect(refused.code).toBe(5);
      expect(refused.stderr).toContain(`are in s3://bucket/${location.prefix.slice(0, -1)}, not in`);
      expect([...place.fake.store.objects.keys()].filter((key) => key.startsWith('elsewhere'))).toEqual([]);
    });

    test('if the prefix belongs to another database', async () => {
      const { copy, place } = await openWorld();
      const another = await openWorld();
      expect(await copy()).toMatchObject({ code: 0 });
      const refused = await another.copy(place);
      expect(refused.code).toBe(9);
      expect(refused.stderr).toMatch(SENTENCE);
      expect(refused.stderr).toContain('belongs to another database');
      expect(await another.rows('apps')).toEqual([]);
      expect(await another.copy(), 'another prefix').toMatchObject({ code: 0 });
    });

    const failures: [
      string,
      (place: S3Place) => S3Place | Promise<S3Place>,
      RegExp,
      Record<string, string>?,
    ][] = [
      [
        'there is no such bucket',
        (place) => ({ ...place, location: { ...place.location, bucket: 'other-bucket' } }),
        /no bucket other-bucket/,
      ],
      ['the secret is wrong', (place) => place, /credentials/, { AWS_SECRET_ACCESS_KEY: 'wrong' }],
      ['nothing listens there', async (place) => ({ ...place, endpoint: (await deadUrl()).href }), /refused/],
    ];
    test.each(failures)('if %s', async (_, change, message, more = {}) => {
      const { dataDir, place, env, rows } = await openWorld();
      const { code, stderr } = await runInProcess(copyArgs(dataDir, await change(place)), {
        env: { ...env, ...more },
      });
      expect(code).toBe(9);
      expect(stderr).toMatch(SENTENCE);
      expect(stderr).toMatch(message);
      expect(await rows('settings')).toEqual([]);
    });

    test('if the database cannot be reached', async () => {
      const { dataDir, place, artifacts } = await openWorld();
      const database = `postgres://me:canary@${(await deadUrl()).host}/updates`;
      const { code, stdout, stderr } = await runInProcess([
        ...copyArgs(dataDir, place),
        '--to-database',
        database,
      ]);
      expect(code).toBe(9);
      expect(stderr).toMatch(SENTENCE);
      expect(stdout + stderr).not.toContain('canary');
      expect(artifacts()).toEqual([]);
    });
  });

  test('names every damaged file, shows nothing of the copy, and continues once they are restored', async () => {
    const { copy, files, rows, env, place, dataDir } = await openWorld([100, 200, 300, 9_000_000, 500]);
    const [small, gone, short, large] = files as [
      SmallStoreFile,
      SmallStoreFile,
      SmallStoreFile,
      SmallStoreFile,
    ];
    await writeFile(small.path, randomBytes(small.bytes.length));
    await rm(gone.path);
    await writeFile(short.path, short.bytes.subarray(1));
    await writeFile(large.path, randomBytes(large.bytes.length));
    const failed = await copy();
    expect(failed).toMatchObject({
      code: 6,
      document: { error: { code: 'verification_failed', retryable: false } },
    });
    for (const [i, { path }] of [small, gone, short, large].entries()) {
      expect(failed.stderr).toContain(`my-app 1.${i}.0 linux-x86_64`);
      expect(failed.stderr).toContain(path);
    }
    expect(failed.stderr).not.toContain('1.4.0');
    expect(await rows('apps')).toEqual([]);
    const serve = ['serve', '--port', '0', '--data-dir', join(dataDir, 'none'), ...storageOptions(place)];
    const served = await runInProcess(serve, { env });
    expect(served.code).toBe(9);
    expect(served.stderr).toMatch(/^error: a copy into this database has not finished\.\n/);

    for (const { path, bytes } of files) await writeFile(path, bytes);
    expect(await copy()).toMatchObject({
      code: 0,
      document: { status: 'copied', files: { total: 5, sent: 4 } },
    });
    expect(place.fake.store.uploads.size).toBe(0);
  });

  test('adds what is new at the source, and queues what was deleted there', async () => {
    const { dataDir, copy, place, files, rows, artifacts } = await openWorld();
    expect(await copy()).toMatchObject({ code: 0, document: { files: { sent: 3 } } });
    const database = await openSqlite({ dataDir });
    const [app] = await database.queries.selectFrom('apps').selectAll().execute();
    const releases = await listReleases(database.queries, app?.id ?? '');
    const first = releases.find(({ version }) => version === '1.0.0');
    await deleteRelease(database.queries, { appId: app?.id ?? '', releaseId: first?.id ?? '' }, { by: by() });
    await database.close();
    const added = await fillStore(dataDir, [400], 'second');
    const before = place.fake.requests.length;
    expect(await copy()).toMatchObject({
      code: 0,
      document: { status: 'copied', apps: 2, files: { total: 3, sent: 1 } },
    });
    const read = place.fake.requests
      .slice(before)
      .filter(({ line }) => /^GET .*\/artifacts\/key-of/.test(line));
    expect(read, 'only what is new is read back').toHaveLength(1);
    expect(artifacts().sort()).toEqual(
      [...files, ...added].map(({ key }) => `${place.location.prefix}artifacts/${key}`).sort(),
    );
    const queued = (await rows('artifacts')).filter(({ status }) => status === 'deleting');
    expect(queued).toMatchObject([{ storage_key: files[0]?.key, release_id: null }]);
    expect(await rows('published_bytes')).toHaveLength(4);
    expect(await copy()).toMatchObject({ code: 0, document: { status: 'unchanged' } });
  });

  test('can be run again when the bucket fails halfway, and then continues', async () => {
    const { copy, place, rows } = await openWorld([100, 200, 300, 9_000_000]);
    let puts = 0;
    place.fake.intercept = ({ method, key }) =>
      method === 'PUT' && key.includes('/artifacts/key-of') && ++puts > 2 ? { status: 503 } : undefined;
    const failed = await copy();
    expect(failed).toMatchObject({ code: 7, document: { error: { code: 'network', retryable: true } } });
    expect(failed.stderr).toContain('Run the same command again');
    expect(await rows('apps')).toEqual([]);
    place.fake.intercept = undefined;
    expect(await copy()).toMatchObject({ code: 0, document: { status: 'copied', files: { sent: 2 } } });
  });

  test.each(['cut before', 'cut after'] as const)(
    'can be run again when the database fails at the end, and detects whether it was committed: %s',
    async (how) => {
      const { dataDir, place, env } = await openWorld();
      const proxy = await PostgresProxy.to(postgres.server);
      const byProxy = { env: { SYNCKIT_OTA_DATABASE: proxy.url(env.SYNCKIT_OTA_DATABASE) } };
      place.fake.intercept = ({ method, key }) => {
        if (method === 'PUT' && key.includes('/artifacts/key-of')) proxy.atCommit = how;
        return undefined;
      };
      const failed = await runJsonInProcess(copyArgs(dataDir, place), byProxy);
      expect(failed, failed.stderr).toMatchObject({ code: 7, document: { error: { retryable: true } } });
      proxy.atCommit = 'pass';
      const status = how === 'cut after' ? 'unchanged' : 'copied';
      const again = await runJsonInProcess(copyArgs(dataDir, place), byProxy);
      expect(again).toMatchObject({ code: 0, document: { status, files: { sent: 0 } } });
    },
  );

  test('does not show files that were removed from the bucket during the copy', async () => {
    const { copy, place, files, rows } = await openWorld();
    const readBack: string[] = [];
    place.fake.intercept = ({ method, key }) => {
      if (method === 'GET' && key.includes('/artifacts/key-of')) readBack.push(key);
      if (readBack.length === files.length) place.fake.store.objects.delete(readBack[0] ?? '');
      return undefined;
    };
    const failed = await copy();
    expect(failed, failed.stderr).toMatchObject({ code: 7, document: { error: { code: 'network' } } });
    expect(failed.stderr).toMatch(SENTENCE);
    expect(failed.stderr).toContain('gone from the bucket');
    expect(await rows('apps')).toEqual([]);
    place.fake.intercept = undefined;
    expect(await copy()).toMatchObject({ code: 0, document: { status: 'copied', files: { sent: 1 } } });
  });

  test('keeps the files of a second run that was interrupted while the first copy is served', async () => {
    const { copy, place, dataDir, rows, env } = await openWorld();
    const underWay = async () => (await rows('settings')).some(({ name }) => name === 'copy-started-at');
    expect(await copy()).toMatchObject({ code: 0, document: { status: 'copied' } });
    expect(await underWay()).toBe(false);
    await fillStore(dataDir, [400], 'second');
    place.fake.intercept = ({ method, key }) =>
      method === 'PUT' && key.includes('/artifacts/key-of') ? { status: 503 } : undefined;
    expect(await copy()).toMatchObject({ code: 7 });
    expect(await underWay()).toBe(true);
    place.fake.intercept = undefined;
    const server = await startServe(join(dataDir, 'none'), storageOptions(place), { env });
    expect(await server.stop()).toBe(0);
    expect(await copy()).toMatchObject({ code: 0, document: { status: 'copied', files: { sent: 1 } } });
    expect(await underWay()).toBe(false);
  });

  test('does not show files that the bucket changed', async () => {
    const { copy, place, rows } = await openWorld();
    place.fake.intercept = ({ method, key }) => {
      if (method === 'PUT' && key.includes('/artifacts/key-of')) place.fake.defects.add('put_flips_a_bit');
      return undefined;
    };
    expect(await copy()).toMatchObject({ code: 6, document: { error: { code: 'verification_failed' } } });
    expect(await rows('apps')).toEqual([]);
    place.fake.defects.clear();
    place.fake.intercept = undefined;
    expect(await copy()).toMatchObject({ code: 0, document: { files: { sent: 3 } } });
  });
});

describe('copy fails with 2 and a hint', () => {
  const bucket = ['--to-storage', 's3://bucket/prefix'];
  const database = ['--to-database', 'postgres://me@host/updates'];
  test.each([
    ['no database', ['--from-data-dir', '.', ...bucket], /no target database given.*--to-database/],
    ['no bucket', ['--from-data-dir', '.', ...database], /no target bucket given.*--to-storage/],
    ['no store', [...bucket, ...database], /no store given.*--from-data-dir/],
    [
      'the disk',
      ['--from-data-dir', '.', ...database, '--to-storage', 'disk'],
      /--to-storage must be a bucket/,
    ],
    ['a tape', ['--from-data-dir', '.', ...database, '--to-storage', 'tape'], /--to-storage is not a bucket/],
    [
      'a bucket name that is too short',
      ['--from-data-dir', '.', ...database, '--to-storage', 's3://b/p'],
      /--to-storage s3:\/\/b\/p has no valid bucket name: it needs 3 to 63/,
    ],
    [
      'no PostgreSQL',
      ['--from-data-dir', '.', ...bucket, '--to-database', 'mysql://x'],
      /--to-database is not a postgres/,
    ],
    ['a folder without a store', ['--from-data-dir', '.', ...bucket, ...database], /there is no store in \./],
  ])('for %s', async (_, args, message) => {
    const { code, stderr } = await runInProcess(['copy', ...args], { cwd: await tempFolder() });
    expect(code).toBe(2);
    expect(stderr).toMatch(message);
  });

  test('for a store with its files in a bucket', async () => {
    const dataDir = join(await tempFolder(), 'data');
    const server = await startServe(dataDir, storageOptions(await fakeS3Place()));
    expect(await server.stop()).toBe(0);
    const { code, stderr } = await runInProcess(['copy', '--from-data-dir', dataDir, ...bucket, ...database]);
    expect(code).toBe(2);
    expect(stderr).toMatch(SENTENCE);
    expect(stderr).toMatch(/the files of .* are in s3:\/\/bucket/);
  });
});
