import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { databaseId } from '../../../src/database/queries/settings.ts';
import { openSqlite } from '../../../src/database/sqlite/open-sqlite.ts';
import { connectSqlite, openSqliteFile } from '../../../src/database/sqlite/sqlite-connection.ts';
import { runInProcess } from '../../support/process/in-process.ts';
import { tempFolder } from '../../support/process/temp-folder.ts';
import { fillStore } from '../../support/server/small-store.ts';

async function openWorld() {
  const folder = await tempFolder();
  const [dataDir, backup] = [join(folder, 'data'), join(folder, 'backup')];
  await fillStore(dataDir, [1000]);
  const database = await openSqlite({ dataDir });
  await databaseId(database.queries);
  await database.close();
  expect(await runInProcess(['backup', backup, '--data-dir', dataDir])).toMatchObject({ code: 0 });
  return { folder, dataDir, backup };
}

/** Changes a database as somebody does who prepares one for others. */
async function prepare(dataDir: string, statements: string): Promise<void> {
  const connection = await connectSqlite(join(dataDir, 'synckit-ota.sqlite'), {});
  connection.exec(statements);
  connection.close();
}

const TRIGGER = "create trigger t after delete on settings begin update tokens set hash = 'known'; end";

describe('field 11: a database is refused that has', () => {
  test.each([
    ['trigger', 't', TRIGGER],
    [
      'trigger',
      'apps_insert_new',
      `drop trigger apps_insert_new; create trigger apps_insert_new after insert on "apps" begin delete from tokens; end`,
    ],
    ['view', 'v', 'create view v as select * from tokens'],
    [
      'view',
      'tokens',
      'alter table tokens rename to kept; create view tokens as select id, app_id, name, hash, scopes, created_at, null as expires_at, null as revoked_at from kept',
    ],
    ['virtual table', 'f', 'create virtual table f using fts5 (text)'],
    ['generated column', 'g', 'alter table settings add column g text as (upper(value)) virtual'],
    ['generated column', 'g', 'create table other (a text, g text as (upper(a)) stored)'],
  ])('a %s of others, %s', async (what, name, statements) => {
    const { folder, dataDir, backup } = await openWorld();
    await prepare(backup, statements);
    await prepare(dataDir, statements);
    const before = await readFile(join(backup, 'synckit-ota.sqlite'));
    for (const words of [
      ['fsck', '--data-dir', backup],
      ['restore', backup, '--data-dir', join(folder, 'restored')],
      ['backup', join(folder, 'new'), '--data-dir', dataDir],
      ['serve', '--port', '0', '--data-dir', dataDir],
      ['apps', 'list', '--data-dir', dataDir],
    ]) {
      const { code, stderr } = await runInProcess(words);
      expect(code, `${words.join(' ')}: ${stderr}`).toBe(9);
      expect(stderr).toContain(`has a ${what} that is not one of synckit-ota: "${name}`);
    }
    expect(await readFile(join(backup, 'synckit-ota.sqlite'))).toEqual(before);
  });

  test('no more than its own triggers, and tables and indexes of others', async () => {
    const { folder, dataDir, backup } = await openWorld();
    const statements =
      'create table _litestream_seq (id integer primary key, seq integer); create index i on apps (name)';
    await prepare(backup, statements);
    await prepare(dataDir, statements);
    for (const words of [
      ['fsck', '--data-dir', backup],
      ['restore', backup, '--data-dir', join(folder, 'restored')],
      ['backup', backup, '--data-dir', dataDir],
      ['apps', 'list', '--data-dir', join(folder, 'restored')],
    ]) {
      const { code, stderr } = await runInProcess(words);
      expect(code, `${words.join(' ')}: ${stderr}`).toBe(0);
    }
  });
});

test('field 11: no connection to a store lets its schema be rewritten, or run functions with effects', async () => {
  const { dataDir } = await openWorld();
  const connection = await openSqliteFile(join(dataDir, 'synckit-ota.sqlite'));
  expect(connection.pragma('trusted_schema', { simple: true })).toBe(0);
  connection.pragma('writable_schema = ON');
  expect(() => connection.exec("update sqlite_schema set sql = '' where name = 'apps'")).toThrow(
    'may not be modified',
  );
  connection.close();
});
