import { execFileSync } from 'node:child_process';
import { mkdir, readdir, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { platform } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { databaseId } from '../../../src/database/queries/settings.ts';
import { openSqlite } from '../../../src/database/sqlite/open-sqlite.ts';
import { runInProcess, runJsonInProcess } from '../../support/process/in-process.ts';
import { tempFolder } from '../../support/process/temp-folder.ts';
import { fillStore } from '../../support/server/small-store.ts';

const SOMEBODYS = ['artifacts', 'key', 'staging'];

/** A store, a backup of it, and a folder of somebody else. */
async function openWorld() {
  const folder = await tempFolder();
  const dataDir = join(folder, 'data');
  const backup = join(folder, 'backup');
  await fillStore(dataDir, [1000, 2000]);
  const database = await openSqlite({ dataDir });
  await databaseId(database.queries);
  await database.close();
  const backUp = (to = backup) => runJsonInProcess(['backup', to, '--data-dir', dataDir]);
  expect(await backUp()).toMatchObject({ code: 0 });
  const other = join(folder, 'other');
  await mkdir(other);
  for (const name of SOMEBODYS) await writeFile(join(other, name), `the ${name} of somebody else`);
  const requireUntouched = async () => {
    expect((await readdir(other)).sort()).toEqual(SOMEBODYS);
    for (const name of SOMEBODYS) {
      expect(await readFile(join(other, name), 'utf8')).toBe(`the ${name} of somebody else`);
    }
  };
  return { folder, dataDir, backup, other, backUp, requireUntouched };
}

async function link(target: string, path: string): Promise<void> {
  await rm(path, { recursive: true, force: true });
  await symlink(target, path);
}

describe.skipIf(platform() === 'win32')('field 11: a symbolic link', () => {
  test.each(['staging', 'artifacts'])('in the place of %s/ of a backup is refused', async (name) => {
    const { backup, other, backUp, requireUntouched } = await openWorld();
    await link(other, join(backup, name));
    for (const isFirst of [false, true]) {
      if (isFirst) await rm(join(backup, 'synckit-ota.sqlite'));
      const refused = await backUp();
      expect(refused, refused.stderr).toMatchObject({
        code: 5,
        document: { error: { code: 'conflict', hint: expect.any(String) } },
      });
      expect(refused.stderr).toContain(join(backup, name));
    }
    await requireUntouched();
  });

  test.each(['artifacts', 'synckit-ota.sqlite'])(
    'to the right content in the place of %s of a backup is damage for fsck, as restore refuses it',
    async (name) => {
      const { folder, backup } = await openWorld();
      const moved = join(folder, 'moved');
      await rename(join(backup, name), moved);
      await symlink(moved, join(backup, name));
      const checked = await runJsonInProcess(['fsck', '--data-dir', backup]);
      expect(checked, checked.stderr).toMatchObject({
        code: 6,
        document: { error: { code: 'verification_failed', hint: expect.any(String) } },
      });
      expect(checked.stderr).toContain(join(backup, name));
      const restored = await runJsonInProcess(['restore', backup, '--data-dir', join(folder, 'restored')]);
      expect(restored, restored.stderr).toMatchObject({ code: 5 });
    },
  );

  test.each(['backup.lock', 'synckit-ota.sqlite'])(
    'in the place of %s of a backup is refused, also to nothing',
    async (name) => {
      const { backup, other, backUp, requireUntouched } = await openWorld();
      for (const target of ['key', 'new']) {
        await link(join(other, target), join(backup, name));
        expect(await backUp()).toMatchObject({ code: 5, document: { error: { code: 'conflict' } } });
      }
      await requireUntouched();
    },
  );

  test.each(['staging', 'artifacts', 'serve.lock', 'synckit-ota.sqlite.partial'])(
    'in the place of %s of a folder to restore into is refused',
    async (name) => {
      const { folder, backup, other, requireUntouched } = await openWorld();
      const target = join(folder, 'restored');
      await mkdir(target);
      await symlink(name.includes('.') ? join(other, 'new') : other, join(target, name));
      const refused = await runJsonInProcess(['restore', backup, '--data-dir', target]);
      expect(refused, refused.stderr).toMatchObject({ code: 5, document: { error: { code: 'conflict' } } });
      expect(await readdir(target)).toEqual([name]);
      await requireUntouched();
    },
  );

  test.each(['backup.lock', 'artifacts'])(
    'in the place of %s in a backup to restore is refused',
    async (name) => {
      const { folder, backup, other, requireUntouched } = await openWorld();
      await link(name === 'artifacts' ? other : join(other, 'new'), join(backup, name));
      const words = ['restore', backup, '--data-dir', join(folder, 'restored')];
      expect(await runJsonInProcess(words)).toMatchObject({ code: 5 });
      expect(await readdir(folder)).not.toContain('restored');
      await requireUntouched();
    },
  );

  test('may be the folder of a backup itself, or the one that it is restored into', async () => {
    const { folder, other, backUp } = await openWorld();
    const [to, restored] = [join(folder, 'to'), join(folder, 'restored')];
    for (const name of ['a', 'b']) await mkdir(join(folder, 'elsewhere', name), { recursive: true });
    await symlink(join(folder, 'elsewhere', 'a'), to);
    await symlink(join(folder, 'elsewhere', 'b'), restored);
    for (const copied of [2, 0]) {
      expect(await backUp(to)).toMatchObject({ code: 0, document: { files: { copied } } });
    }
    const result = await runJsonInProcess(['restore', to, '--data-dir', restored]);
    expect(result, result.stderr).toMatchObject({ code: 0, document: { files: { total: 2 } } });
    expect(await readdir(other)).toHaveLength(3);
  });
});

describe.skipIf(platform() === 'win32')('field 11: a pipe', () => {
  test('in the place of the database of a backup is not waited for', async () => {
    const { folder, backup, backUp } = await openWorld();
    await rm(join(backup, 'synckit-ota.sqlite'));
    execFileSync('mkfifo', [join(backup, 'synckit-ota.sqlite')]);
    expect(await backUp()).toMatchObject({ code: 5 });
    expect(await runJsonInProcess(['fsck', '--data-dir', backup])).toMatchObject({ code: 9 });
    const words = ['restore', backup, '--data-dir', join(folder, 'restored')];
    expect(await runJsonInProcess(words)).toMatchObject({ code: 9 });
  });

  test('in the place of the lock of a data folder is not waited for', async () => {
    const { dataDir } = await openWorld();
    execFileSync('mkfifo', [join(dataDir, 'serve.lock')]);
    const refused = await runInProcess(['serve', '--port', '0', '--data-dir', dataDir]);
    expect(refused).toMatchObject({ code: 9, stderr: expect.stringContaining('serve.lock is not a file') });
  });
});
