import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { databaseId } from '../../../src/database/queries/settings.ts';
import { openSqlite } from '../../../src/database/sqlite/open-sqlite.ts';
import { connectSqlite } from '../../../src/database/sqlite/sqlite-connection.ts';
import { runInProcess, runJsonInProcess } from '../../support/process/in-process.ts';
import { tempFolder } from '../../support/process/temp-folder.ts';
import { fillStore } from '../../support/server/small-store.ts';

/** A store, and a backup of it. */
async function openWorld() {
  const folder = await tempFolder();
  const [dataDir, backup] = [join(folder, 'data'), join(folder, 'backup')];
  await fillStore(dataDir, [1000, 2000]);
  const database = await openSqlite({ dataDir });
  await databaseId(database.queries);
  await database.close();
  expect(await runInProcess(['backup', backup, '--data-dir', dataDir])).toMatchObject({ code: 0 });
  const restored = join(folder, 'restored');
  const restore = () => runJsonInProcess(['restore', backup, '--data-dir', restored]);
  const fsck = (where: string) => runJsonInProcess(['fsck', '--data-dir', where, '--hashes']);
  return { folder, dataDir, backup, restored, restore, fsck };
}

/** Changes a database with another program, which leaves no trace of it beside it. */
async function change(dataDir: string, statement: string, ...values: unknown[]): Promise<void> {
  const connection = await connectSqlite(join(dataDir, 'synckit-ota.sqlite'), {});
  connection.pragma('foreign_keys = OFF');
  connection.prepare(statement).run(...values);
  connection.close();
}

describe('field 11: a file with', () => {
  test.each<[string, string, unknown]>([
    ['a size that is text', 'file_size', 'zzz'],
    ['a size that no file has', 'file_size', 9_000_000_000_000_000_000n],
    ['a size that is no whole number', 'file_size', 1.5],
    ['a hash that is no text', 'sha256', Buffer.from('a')],
  ])('%s is named by fsck, backup and restore', async (_, column, value) => {
    const { folder, dataDir, backup, restored, restore, fsck } = await openWorld();
    for (const where of [dataDir, backup]) {
      await change(
        where,
        `update artifacts set ${column} = ? where id = (select max(id) from artifacts)`,
        value,
      );
    }
    const again = await runJsonInProcess(['backup', join(folder, 'new'), '--data-dir', dataDir]);
    for (const refused of [await fsck(dataDir), await fsck(backup), await restore(), again]) {
      expect(refused, refused.stderr).toMatchObject({
        code: 6,
        document: { error: { code: 'verification_failed', hint: expect.any(String) } },
      });
      expect(refused.stderr).toMatch(
        new RegExp(`the file [0-9a-f-]+ of my-app 1\\.[01]\\.0 has the ${column} "`),
      );
    }
    expect((await readdir(restored)).filter((name) => !name.startsWith('serve.lock'))).toEqual([]);
  });
});

describe('field 11: a backup is', () => {
  test('restored although its date cannot be read', async () => {
    const { backup, restore } = await openWorld();
    await change(backup, "update settings set value = 'yesterday' where name = 'backup'");
    expect(await restore()).toMatchObject({
      code: 0,
      document: { status: 'complete', backup_created_at: null },
    });
  });

  test.each(['backup', 'database-id'])('refused where its setting %s is no text', async (name) => {
    const { backup, restore, restored } = await openWorld();
    await change(backup, "insert or replace into settings (name, value) values (?, x'00')", name);
    const refused = await restore();
    expect(refused, refused.stderr).toMatchObject({
      code: 9,
      document: { error: { code: 'store_unavailable' } },
    });
    expect(refused.stderr).toContain(`a setting that cannot be read: ${name}`);
    expect((await readdir(restored)).filter((file) => !file.startsWith('serve.lock'))).toEqual([]);
  });
});

test('field 11: an app is listed although the time of its creation cannot be read', async () => {
  const { dataDir } = await openWorld();
  await change(dataDir, "update apps set created_at = 'x'");
  for (const words of [
    ['apps', 'list'],
    ['apps', 'show', 'my-app'],
  ]) {
    const listed = await runInProcess([...words, '--json', '--data-dir', dataDir]);
    expect(listed.code, listed.stderr).toBe(0);
    expect(listed.stdout).toContain('"unknown"');
  }
});

describe('field 11: a database is refused without its table', () => {
  test.each(['tokens', 'published_bytes', 'url_signing_keys', 'changed_apps', 'artifacts'])(
    '%s',
    async (table) => {
      const { dataDir, backup, restore, fsck } = await openWorld();
      for (const where of [dataDir, backup]) await change(where, `drop table ${table}`);
      const served = await runInProcess(['serve', '--port', '0', '--data-dir', dataDir]);
      for (const refused of [await fsck(dataDir), await fsck(backup), await restore(), served]) {
        expect(refused, refused.stderr).toMatchObject({ code: 9 });
        expect(refused.stderr).toContain(`it lacks the table ${table}`);
      }
    },
  );
});
