import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { databaseId } from '../../../src/database/queries/settings.ts';
import { openSqlite } from '../../../src/database/sqlite/open-sqlite.ts';
import { connectSqlite } from '../../../src/database/sqlite/sqlite-connection.ts';
import { runInProcess, runJsonInProcess } from '../../support/process/in-process.ts';
import { tempFolder } from '../../support/process/temp-folder.ts';
import { fillStore } from '../../support/server/small-store.ts';

const OUTSIDE = 'somebody else wrote this';

/** A store, a backup of it, and a file beside them that belongs to neither. */
async function openWorld() {
  const folder = await tempFolder();
  const dataDir = join(folder, 'data');
  const backup = join(folder, 'backup');
  await fillStore(dataDir, [1000, OUTSIDE.length]);
  const database = await openSqlite({ dataDir });
  await databaseId(database.queries);
  await database.close();
  expect(await runInProcess(['backup', backup, '--data-dir', dataDir])).toMatchObject({ code: 0 });
  const outside = join(folder, 'outside');
  await writeFile(outside, OUTSIDE);
  return { folder, dataDir, backup, outside };
}

/** Changes a database as somebody does who prepares one for others, and leaves no trace of it beside it. */
async function change(dataDir: string, statement: string, ...values: unknown[]): Promise<void> {
  const connection = await connectSqlite(join(dataDir, 'synckit-ota.sqlite'), {});
  expect(connection.prepare(statement).run(...values).changes).toBe(1);
  connection.close();
}

const RENAME = 'update artifacts set storage_key = ? where id = (select max(id) from artifacts)';
const ORPHAN = "insert into orphans (name, kind, created_at, removing) values (?, 'file', 0, 0)";
const UPLOAD = 'update artifacts set id = ? where id = (select max(id) from artifacts)';

const NAMES: readonly (readonly [string, string | Buffer])[] = [
  ['that leads out of the folder', '../../outside'],
  ['that is an absolute path', '/etc/passwd'],
  ['that is the folder above', '..'],
  ['that is the folder itself', '.'],
  ['that is empty', ''],
  ['of a file in another folder', 'sub/file'],
  ['that leads out of the folder on Windows', '..\\..\\outside'],
  ['on another drive', 'c:outside'],
  ['with a NUL', 'key\0/../../../outside'],
  ['with a line break', 'key\n'],
  ['in other letters', 'schlüssel'],
  ['that is too long for a file', 'k'.repeat(300)],
  ['that is no text', Buffer.from('../../outside')],
];

describe('field 11: a database is refused with a file', () => {
  test.each(NAMES)('%s', async (_, name) => {
    const { dataDir } = await openWorld();
    await change(dataDir, RENAME, name);
    const refused = await runJsonInProcess(['fsck', '--data-dir', dataDir]);
    expect(refused, refused.stderr).toMatchObject({
      code: 9,
      document: { error: { code: 'store_unavailable', hint: expect.stringContaining('backup') } },
    });
    expect(refused.stderr).toContain('a file that is not one of the store');
    expect(refused.stderr.length).toBeLessThan(1000);
  });

  test.each([
    ['artifact', RENAME],
    ['orphan', ORPHAN],
    ['upload', UPLOAD],
  ])(
    'outside of the store as an %s, by every command that uses files, and is left alone',
    async (_, statement) => {
      const { folder, dataDir, backup, outside } = await openWorld();
      const before = await readdir(folder, { recursive: true });
      await change(dataDir, statement, '../../outside');
      await change(backup, statement, '../../outside');
      const to = ['--to-database', 'postgres://127.0.0.1:9/ota', '--to-storage', 's3://bucket/prefix'];
      for (const words of [
        ['serve', '--port', '0', '--data-dir', dataDir],
        ['backup', join(folder, 'new'), '--data-dir', dataDir],
        ['backup', backup, '--data-dir', dataDir],
        ['restore', backup, '--data-dir', join(folder, 'restored')],
        ['restore', backup, '--allow-damaged', '--data-dir', join(folder, 'restored')],
        ['fsck', '--data-dir', dataDir, '--hashes'],
        ['fsck', '--data-dir', backup],
        ['copy', '--from-data-dir', dataDir, '--dry-run', ...to],
        ['copy', '--from-data-dir', dataDir, ...to],
      ]) {
        const { code, stderr } = await runInProcess(words);
        expect(code, `${words.join(' ')}: ${stderr}`).toBe(9);
        expect(stderr).toContain('a file that is not one of the store: "../../outside"');
      }
      expect(await readFile(outside, 'utf8')).toBe(OUTSIDE);
      const created = (await readdir(folder, { recursive: true })).filter((name) => !before.includes(name));
      expect(created.filter((name) => !/\.lock$|-(wal|shm)$/.test(name))).toEqual([]);
    },
  );
});
