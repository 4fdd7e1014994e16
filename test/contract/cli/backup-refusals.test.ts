import { chmod, chown, mkdir, readdir, rm, stat, symlink, truncate, writeFile } from 'node:fs/promises';
import { platform } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { databaseId } from '../../../src/database/queries/settings.ts';
import { bindStorage } from '../../../src/database/queries/storage-binding.ts';
import { openSqlite } from '../../../src/database/sqlite/open-sqlite.ts';
import { lockForServing } from '../../../src/database/sqlite/serve-lock.ts';
import { runInProcess, runJsonInProcess } from '../../support/process/in-process.ts';
import { tempFolder } from '../../support/process/temp-folder.ts';
import { fillStore, type SmallStoreFile } from '../../support/server/small-store.ts';
import { keyOf, StoreWithApp } from '../../support/server/store-with-app.ts';

/** A store with files, and a folder for its backups that does not exist yet. */
async function openWorld(sizes: readonly number[] = [1000, 2000]) {
  const folder = await tempFolder();
  const dataDir = join(folder, 'data');
  const files = await fillStore(dataDir, sizes);
  const database = await openSqlite({ dataDir });
  await databaseId(database.queries);
  await database.close();
  const backUp = (to: string) => runJsonInProcess(['backup', to, '--data-dir', dataDir]);
  const restore = (to: string, ...more: string[]) =>
    runJsonInProcess(['restore', join(folder, 'backup'), '--data-dir', to, ...more]);
  const fsck = (where: string, ...more: string[]) => runJsonInProcess(['fsck', '--data-dir', where, ...more]);
  return { folder, dataDir, files, backup: join(folder, 'backup'), backUp, restore, fsck };
}

type World = Awaited<ReturnType<typeof openWorld>>;

const path = (files: readonly SmallStoreFile[], index = 0) => (files[index] as SmallStoreFile).path;

describe('field 11: backup refuses', () => {
  test.each<[string, number, (world: World) => Promise<string>]>([
    ['the data folder itself', 2, async ({ dataDir }) => dataDir],
    ['an empty name', 2, async () => ''],
    ['a folder inside it', 2, async ({ dataDir }) => join(dataDir, 'new', 'backup')],
    ['a folder around it', 2, async ({ folder }) => folder],
    [
      'a symbolic link into it',
      2,
      async ({ folder, dataDir }) => {
        await symlink(dataDir, join(folder, 'link'));
        return join(folder, 'link', 'backup');
      },
    ],
    [
      'a file',
      2,
      async ({ backup }) => {
        await writeFile(backup, '');
        return backup;
      },
    ],
    [
      'a folder with something else',
      5,
      async ({ backup }) => {
        await mkdir(join(backup, 'artifacts'), { recursive: true });
        await writeFile(join(backup, 'artifacts', 'something.else'), '');
        return backup;
      },
    ],
    [
      'the backup of another store',
      5,
      async () => {
        const another = await openWorld();
        expect(await another.backUp(another.backup)).toMatchObject({ code: 0 });
        return another.backup;
      },
    ],
    ['a data folder', 5, async () => (await openWorld()).dataDir],
    [
      'a backup that was opened as a store',
      5,
      async ({ backUp, backup }) => {
        expect(await backUp(backup)).toMatchObject({ code: 0 });
        await (await openSqlite({ dataDir: backup })).close();
        return backup;
      },
    ],
    [
      'the backup of a later state',
      5,
      async ({ backUp, backup, dataDir }) => {
        expect(await backUp(backup)).toMatchObject({ code: 0 });
        const database = await openSqlite({ dataDir });
        await database.queries.updateTable('apps').set({ revision: 0 }).execute();
        await database.close();
        return backup;
      },
    ],
  ])('%s, and changes nothing there', async (_, code, choose) => {
    const world = await openWorld();
    const destination = await choose(world);
    const content = async () => (await readdir(destination, { recursive: true }).catch(() => [])).sort();
    const before = await content();
    const refused = await world.backUp(destination);
    expect(refused, refused.stderr).toMatchObject({
      code,
      document: { error: { hint: expect.any(String) } },
    });
    expect(await content()).toEqual(before);
  });

  test('a store on PostgreSQL or S3', async () => {
    const { dataDir, backup, backUp } = await openWorld();
    const env = { SYNCKIT_OTA_DATABASE: 'postgres://ota@localhost/ota' };
    const onPostgres = await runJsonInProcess(['backup', backup], { env });
    expect(onPostgres.code).toBe(2);
    expect(onPostgres.stderr).toContain('pg_dump');
    const database = await openSqlite({ dataDir });
    await database.queries
      .updateTable('settings')
      .set({ value: 's3://b/p' })
      .where('name', '=', 'storage')
      .execute();
    await expect(bindStorage(database.queries, 'disk')).rejects.toThrow('s3://b/p');
    await database.close();
    const refused = await backUp(backup);
    expect(refused).toMatchObject({ code: 2, document: { error: { code: 'usage' } } });
    expect(refused.stderr).toContain('sqlite3');
    expect(await readdir(join(backup, '..'))).not.toContain('backup');
  });

  test.skipIf(platform() !== 'linux')('a destination that cannot be written, and names that', async () => {
    const { backUp } = await openWorld();
    const refused = await backUp('/proc/backup');
    expect(refused).toMatchObject({ code: 9, document: { error: { code: 'store_unavailable' } } });
    expect(refused.stderr).toContain('the folder of the backup /proc/backup cannot be used');
    expect(refused.stderr).not.toContain('data');
  });

  test('a folder without a store', async () => {
    const { folder, backup } = await openWorld();
    const refused = await runJsonInProcess(['backup', backup, '--data-dir', join(folder, 'none')]);
    expect(refused).toMatchObject({ code: 2, document: { error: { code: 'usage' } } });
  });
});

test.each([
  [['serve', '--port', '0']],
  [['serve', '--port', '0', '--storage', 's3://updates']],
  [['apps', 'list']],
  [['apps', 'create', 'Another']],
  [['storage', 'claim', '--yes']],
])('field 11: a backup that %j is run on is refused, and stays one', async (words) => {
  const { backup, backUp } = await openWorld();
  expect(await backUp(backup)).toMatchObject({ code: 0 });
  const before = await readdir(backup, { recursive: true });
  const { code, stderr } = await runInProcess([...words, '--data-dir', backup]);
  expect(code, stderr).toBe(9);
  expect(stderr).toContain(`synckit-ota restore ${backup} --data-dir`);
  expect(await readdir(backup, { recursive: true })).toEqual(before);
  const again = await backUp(backup);
  expect(again, again.stderr).toMatchObject({ code: 0, document: { files: { copied: 0 } } });
});

describe('field 11: a file that is damaged in the store', () => {
  test('is named by backup, which saves everything else, and by fsck', async () => {
    const { files, backup, dataDir, backUp, fsck, restore, folder } = await openWorld();
    await truncate(path(files), 500);
    const damage = {
      problem: 'wrong_size',
      app_name: 'my-app',
      version: '1.0.0',
      target: 'linux',
      arch: 'x86_64',
    };
    expect(await backUp(backup)).toMatchObject({
      code: 6,
      document: { status: 'incomplete', files: { total: 1, copied: 1 }, damaged: [damage] },
    });
    const checked = await fsck(dataDir);
    expect(checked).toMatchObject({ code: 6, document: { status: 'damaged', damaged: [damage] } });
    expect(checked.stderr).toContain('my-app 1.0.0 linux-x86_64');

    const target = join(folder, 'restored');
    expect(await restore(target)).toMatchObject({
      code: 6,
      document: { error: { code: 'verification_failed' } },
    });
    expect(await restore(target, '--allow-damaged')).toMatchObject({
      code: 0,
      document: { status: 'incomplete', files: { total: 1 }, damaged: [{ problem: 'missing' }] },
    });
  });

  test.each<[string, string, (path: string) => Promise<void>]>([
    ['that was cut off', 'wrong_size', (file) => truncate(file, 500)],
    ['that is missing', 'missing', (file) => rm(file)],
    [
      'in the place of which is a folder',
      'unreadable',
      async (file) => {
        await rm(file);
        await mkdir(file);
      },
    ],
  ])(
    'and %s is named although an earlier backup has a good copy, which is kept',
    async (_, problem, damage) => {
      const { files, backup, backUp, fsck } = await openWorld();
      expect(await backUp(backup)).toMatchObject({ code: 0, document: { files: { copied: 2 } } });
      await damage(path(files));
      const damaged = await backUp(backup);
      expect(damaged, damaged.stderr).toMatchObject({
        code: 6,
        document: {
          status: 'incomplete',
          files: { total: 2, copied: 0 },
          damaged: [{ problem, version: '1.0.0' }],
        },
      });
      expect(damaged.stderr).toContain('my-app 1.0.0 linux-x86_64');
      expect(await fsck(backup, '--hashes')).toMatchObject({ code: 0, document: { status: 'clean' } });
    },
  );

  test('R33: is found by fsck --hashes, whichever bit of it was flipped', async () => {
    const { files, dataDir, fsck } = await openWorld(Array.from({ length: 20 }, (_, i) => 100 + i * 37));
    for (const [i, { path: file, bytes }] of files.entries()) {
      const flipped = Buffer.from(bytes);
      const bit = (i * 977) % (bytes.length * 8);
      flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      await writeFile(file, flipped);
    }
    expect(await fsck(dataDir)).toMatchObject({ code: 0, document: { status: 'clean' } });
    const { code, document } = await fsck(dataDir, '--hashes');
    expect(code).toBe(6);
    expect(document.damaged).toHaveLength(20);
    expect(new Set(document.damaged.map(({ problem }: { problem: string }) => problem))).toEqual(
      new Set(['wrong_hash']),
    );
  });
});

describe.skipIf(platform() === 'win32')('field 11: a file that the server cannot read', () => {
  test('is named by fsck, with the remedy for that', async () => {
    const { files, dataDir, fsck } = await openWorld();
    if (process.geteuid?.() === 0) {
      await chown(dataDir, 12_345, 12_345); // as a service's user has it
      await chown(path(files, 1), 12_345, 12_345);
      await chmod(path(files, 1), 0o400);
    }
    await chmod(path(files), process.geteuid?.() === 0 ? 0o600 : 0);
    for (const options of [[], ['--hashes']]) {
      const checked = await fsck(dataDir, ...options);
      expect(checked, checked.stderr).toMatchObject({
        code: 6,
        document: { damaged: [{ problem: 'unreadable', version: '1.0.0' }] },
      });
      expect(checked.stderr).toContain('chown');
      expect(checked.stderr).not.toContain('Publish');
    }
  });
});

describe('field 11: fsck reports, and does not count as damage,', () => {
  test('files that belong to nothing, and what is in staging', async () => {
    const { dataDir, fsck } = await openWorld();
    await writeFile(join(dataDir, 'artifacts', 'orphan'), '12345');
    await mkdir(join(dataDir, 'staging'));
    await writeFile(join(dataDir, 'staging', 'left'), '123');
    expect(await fsck(dataDir)).toMatchObject({
      code: 0,
      document: { status: 'clean', orphans: { files: 1, bytes: 5 }, staging: { files: 1, bytes: 3 } },
    });
    expect(await readdir(join(dataDir, 'artifacts'))).toContain('orphan');
  });

  test('a file of a release that was deleted, and is still to be removed', async () => {
    const { dataDir, fsck } = await openWorld();
    const database = await openSqlite({ dataDir });
    const store = await StoreWithApp.in(database, 'other');
    const id = await store.publish(await store.release('1.0.0'));
    await writeFile(join(dataDir, 'artifacts', keyOf(id)), '12345');
    await database.queries
      .updateTable('artifacts')
      .set({ status: 'deleting', release_id: null })
      .where('id', '=', id)
      .execute();
    await database.close();
    expect(await fsck(dataDir)).toMatchObject({
      code: 0,
      document: { status: 'clean', orphans: { files: 0 } },
    });
  });
});

test('field 11: fsck names rows that refer to missing ones as damage of the database', async () => {
  const { dataDir, fsck } = await openWorld();
  const database = await openSqlite({ dataDir });
  const { sql } = await import('kysely');
  await sql`pragma foreign_keys = off`.execute(database.queries);
  await database.queries.deleteFrom('apps').execute();
  await database.close();
  expect(await fsck(dataDir)).toMatchObject({
    code: 6,
    document: {
      status: 'damaged',
      database: { problems: expect.arrayContaining([expect.stringContaining('releases')]) },
    },
  });
});

describe('field 11: restore refuses', () => {
  test('a folder that is not empty, a file, and the backup itself', async () => {
    const { folder, dataDir, backup, backUp, restore } = await openWorld();
    expect(await backUp(backup)).toMatchObject({ code: 0 });
    const refused = await restore(dataDir);
    expect(refused).toMatchObject({ code: 5, document: { error: { code: 'conflict' } } });
    expect(refused.stderr).toContain(`mv ${dataDir} ${dataDir}.old`);
    await writeFile(join(folder, 'file'), '');
    expect(await restore(join(folder, 'file'))).toMatchObject({ code: 2 });
    expect(await restore(backup)).toMatchObject({ code: 2 });
    expect(await restore(join(backup, 'inside'))).toMatchObject({ code: 2 });
  });

  test('a folder that is being served', async () => {
    const { dataDir, backup, backUp, restore } = await openWorld();
    expect(await backUp(backup)).toMatchObject({ code: 0 });
    onTestFinished(await lockForServing({ dataDir }));
    expect(await restore(dataDir)).toMatchObject({
      code: 9,
      document: { error: { code: 'store_unavailable' } },
    });
  });

  test('what is no backup, or was never finished', async () => {
    const { folder, backup, restore } = await openWorld();
    expect(await restore(join(folder, 'new'))).toMatchObject({ code: 2 });
    await mkdir(join(backup, 'artifacts'), { recursive: true });
    await writeFile(join(backup, 'backup.lock'), '');
    const refused = await restore(join(folder, 'new'));
    expect(refused.code).toBe(2);
    expect(refused.stderr).toContain('was never finished');
  });

  test('a backup with a damaged file or database, and leaves nothing behind', async () => {
    const { folder, backup, backUp, restore, files } = await openWorld();
    expect(await backUp(backup)).toMatchObject({ code: 0 });
    const [file] = files;
    const copy = join(backup, 'artifacts', file?.key ?? '');
    await writeFile(copy, Buffer.alloc(file?.bytes.length ?? 0));
    const target = join(folder, 'new');
    const refused = await restore(target);
    expect(refused.code).toBe(6);
    expect(refused.stderr).toContain('my-app 1.0.0 linux-x86_64: the file has other content');
    await writeFile(copy, file?.bytes ?? '');
    await truncate(join(backup, 'synckit-ota.sqlite'), 40_960);
    expect(await restore(target)).toMatchObject({ code: 9 });
    expect((await readdir(target)).filter((name) => !name.startsWith('serve.lock'))).toEqual([]);
  });
});

test('field 11: a backup that has nothing to report prints nothing with --quiet', async () => {
  const { backup, dataDir, files } = await openWorld();
  const backUp = () => runInProcess(['backup', backup, '--data-dir', dataDir, '--quiet']);
  expect(await backUp()).toEqual({ code: 0, stdout: '', stderr: '' });
  await truncate(path(files), 1);
  await rm(join(backup, 'artifacts', files[0]?.key ?? ''));
  const damaged = await backUp();
  expect(damaged.code).toBe(6);
  expect(damaged.stderr).toContain('my-app 1.0.0 linux-x86_64');
  expect((await runInProcess(['backup', '--help'])).stdout).not.toContain('--database');
});

test('field 11: a backup and what is restored from it are for their owner only', async () => {
  const umask = process.umask(0);
  onTestFinished(() => void process.umask(umask));
  const { folder, backup, backUp, restore } = await openWorld();
  expect(await backUp(backup)).toMatchObject({ code: 0 });
  const restored = join(folder, 'deep', 'restored');
  expect(await restore(restored)).toMatchObject({ code: 0 });
  for (const root of [backup, restored]) {
    const entries = await readdir(root, { recursive: true, withFileTypes: true });
    const modes = await Promise.all(
      entries.map(async (entry) => {
        const mode = ((await stat(join(entry.parentPath, entry.name))).mode & 0o777).toString(8);
        return entry.isDirectory() ? `folder ${mode}` : `file ${mode}`;
      }),
    );
    expect(new Set(modes)).toEqual(new Set(['folder 700', 'file 600']));
    expect((await stat(root)).mode & 0o777).toBe(0o700);
  }
});
