import { readdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Kysely, sql } from 'kysely';
import type { Migration } from 'kysely/migration';
import { afterEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import type { Database, OpenOptions } from '../../../src/database/database.ts';
import type * as Migrate from '../../../src/database/migrate.ts';
import { migrate, requireCurrentSchema } from '../../../src/database/migrate.ts';
import { initial } from '../../../src/database/migrations/0001-initial.ts';
import { DATABASE_FILE, openSqlite } from '../../../src/database/sqlite/open-sqlite.ts';
import { connectSqlite } from '../../../src/database/sqlite/sqlite-connection.ts';
import { runInOtherProcess } from '../../support/process/other-process.ts';
import { tempFolder } from '../../support/process/temp-folder.ts';
import { StoreWithApp } from '../../support/server/store-with-app.ts';

const addsColumn: Migration = {
  up: async (db: Kysely<unknown>) => void (await sql`alter table apps add column extra text`.execute(db)),
};
const failsHalfway: Migration = {
  async up(db: Kysely<unknown>) {
    await sql`alter table apps add column half text`.execute(db);
    await sql`alter table no_such_table add column half text`.execute(db);
  },
};

const NEXT = { '0001-initial': initial, '0002-next': addsColumn };

async function open(dataDir: string): Promise<Database> {
  const database = await openSqlite({ dataDir });
  onTestFinished(() => database.close());
  return database;
}

async function columnsOfApps({ queries }: Database): Promise<string[]> {
  const { rows } = await sql<{ name: string }>`pragma table_info(apps)`.execute(queries);
  return rows.map(({ name }) => name);
}

describe('an existing store', () => {
  test('is backed up once before it is migrated, and keeps its rows', async () => {
    const database = await open(await tempFolder());
    await StoreWithApp.in(database);
    const backUps: string[] = [];
    const beforeChange = async (lastApplied: string) => {
      backUps.push(lastApplied);
      expect(await columnsOfApps(database)).not.toContain('extra');
    };
    await migrate(database.queries, { migrations: NEXT, beforeChange });
    expect(backUps).toEqual(['0001-initial']);
    expect(await columnsOfApps(database)).toContain('extra');
    const { rows } = await sql`select slug from apps`.execute(database.queries);
    expect(rows).toEqual([{ slug: 'my-app' }]);

    await migrate(database.queries, { migrations: NEXT, beforeChange });
    expect(backUps).toHaveLength(1);
  });

  test('is not migrated when it cannot be backed up', async () => {
    const database = await open(await tempFolder());
    const failing = async () => {
      throw new Error('no room for a copy');
    };
    await expect(migrate(database.queries, { migrations: NEXT, beforeChange: failing })).rejects.toThrow(
      'no room for a copy',
    );
    expect(await columnsOfApps(database)).not.toContain('extra');
  });

  test('is unchanged when a migration fails halfway, also by the migrations before it', async () => {
    const database = await open(await tempFolder());
    const migrations = { ...NEXT, '0003-fails': failsHalfway };
    await expect(migrate(database.queries, { migrations })).rejects.toMatchObject({
      name: 'OtaError',
      code: 'store_unavailable',
      cause: expect.any(Error),
    });
    const columns = await columnsOfApps(database);
    expect(columns).not.toContain('half');
    expect(columns).not.toContain('extra');
    await migrate(database.queries, { migrations: NEXT });
    expect(await columnsOfApps(database)).toContain('extra');
  });

  test('that is newer than this program is refused with a hint, and left unchanged', async () => {
    const dataDir = await tempFolder();
    const database = await open(dataDir);
    await migrate(database.queries, { migrations: NEXT });
    await expect(openSqlite({ dataDir })).rejects.toMatchObject({
      name: 'OtaError',
      code: 'store_unavailable',
      message: expect.stringContaining('0002-next'),
      hint: expect.stringMatching(/./),
    });
    expect(await columnsOfApps(database)).toContain('extra');
  });
});

test('a file of another program is refused, and left unchanged', async () => {
  const dataDir = await tempFolder();
  const file = await connectSqlite(join(dataDir, DATABASE_FILE), {});
  file.exec('create table recipes (name text)');
  await expect(openSqlite({ dataDir })).rejects.toMatchObject({
    code: 'store_unavailable',
    message: 'the database belongs to another program: it has recipes',
    hint: expect.stringContaining('of its own'),
  });
  const tables = file.prepare("select name from sqlite_master where type = 'table'").pluck().all();
  file.close();
  expect(tables).toEqual(['recipes']);
});

test('a new store is not backed up', async () => {
  const dataDir = await tempFolder();
  await open(dataDir);
  expect((await readdir(dataDir)).filter((file) => file.startsWith('before-'))).toEqual([]);
});

test('a new store that several processes open at once is ready for all', async () => {
  const dataDir = await tempFolder();
  const openElsewhere = `
    import { SERVER } from '~/attribution.ts';
    import { createApp } from '~/queries/apps.ts';
    import { openSqlite } from '~/sqlite/open-sqlite.ts';
    try {
      const { queries } = await openSqlite({ dataDir: ${JSON.stringify(dataDir)} });
      await createApp(queries, { name: 'Test' }, { actor: SERVER, now: new Date() });
      console.log('created');
    } catch (error) {
      console.log(error.stack);
    }`;
  const opened = await Promise.all([1, 2, 3, 4].map(() => runInOtherProcess(openElsewhere)));
  expect(opened.map(({ said }) => said)).toEqual(Array(4).fill('created'));
  const { rows } = await sql`select id from apps`.execute((await open(dataDir)).queries);
  expect(rows).toHaveLength(4);
});

describe('the backup before a migration', () => {
  const COPY = 'before-migration-from-0001-initial.sqlite';

  afterEach(() => {
    vi.doUnmock('../../../src/database/migrate.ts');
    vi.resetModules();
  });

  /** Opens the store as a later version of this program would, which has one more migration. */
  async function openAsLaterVersion(dataDir: string, options: OpenOptions = {}): Promise<Database> {
    vi.resetModules();
    vi.doMock('../../../src/database/migrate.ts', async (importOriginal) => {
      const original = await importOriginal<typeof Migrate>();
      const later: typeof Migrate.migrate = (db, options) =>
        original.migrate(db, { ...options, migrations: NEXT });
      return { ...original, migrate: later };
    });
    const program = await import('../../../src/database/sqlite/open-sqlite.ts');
    const database = await program.openSqlite({ dataDir, ...options });
    onTestFinished(() => database.close());
    return database;
  }

  async function storeWithApp(): Promise<string> {
    const dataDir = await tempFolder();
    const database = await openSqlite({ dataDir });
    await StoreWithApp.in(database);
    await database.close();
    return dataDir;
  }

  async function expectWholeCopy(dataDir: string): Promise<void> {
    const copy = await connectSqlite(join(dataDir, COPY), { readonly: true });
    onTestFinished(() => void copy.close());
    expect(copy.pragma('integrity_check', { simple: true })).toBe('ok');
    expect(copy.prepare('select slug from apps').pluck().all()).toEqual(['my-app']);
    expect(copy.prepare('pragma table_info(apps)').all()).not.toContainEqual(
      expect.objectContaining({ name: 'extra' }),
    );
  }

  test('has the store as it was', async () => {
    const dataDir = await storeWithApp();
    expect(await columnsOfApps(await openAsLaterVersion(dataDir))).toContain('extra');
    await expectWholeCopy(dataDir);
  });

  test('does not happen, nor the migration, where an older store may only be used', async () => {
    const dataDir = await storeWithApp();
    const refuse = () => {
      throw new Error('older');
    };
    await expect(openAsLaterVersion(dataDir, { onOlderStore: refuse })).rejects.toThrow('older');
    expect(await readdir(dataDir)).not.toContain(COPY);
    expect(await columnsOfApps(await open(dataDir))).not.toContain('extra');
  });

  test('can only be read by this user, as it has hashes of tokens and secrets of URLs', async () => {
    const umask = process.umask(0o022);
    onTestFinished(() => void process.umask(umask));
    const dataDir = await storeWithApp();
    await openAsLaterVersion(dataDir);
    expect(((await stat(join(dataDir, COPY))).mode & 0o777).toString(8)).toBe('600');
  });

  test('replaces one that was interrupted', async () => {
    const dataDir = await storeWithApp();
    await writeFile(join(dataDir, COPY), '');
    await openAsLaterVersion(dataDir);
    await expectWholeCopy(dataDir);
  });
});

describe('a store that is opened for reading', () => {
  test('is refused with a hint when it is older, and left unchanged', async () => {
    const { queries } = await open(await tempFolder());
    await expect(requireCurrentSchema(queries, NEXT)).rejects.toMatchObject({
      code: 'store_unavailable',
      hint: expect.stringContaining("this version's `synckit-ota serve`"),
    });
    await requireCurrentSchema(queries); // it is at that still
  });

  test('is refused when it is newer', async () => {
    const { queries } = await open(await tempFolder());
    await migrate(queries, { migrations: NEXT });
    await expect(requireCurrentSchema(queries)).rejects.toThrow(/newer than this program.*0002-next/);
  });
});
