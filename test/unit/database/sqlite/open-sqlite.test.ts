import { mkdir, readdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { sql } from 'kysely';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { Database } from '../../../../src/database/database.ts';
import { findApp } from '../../../../src/database/queries/apps.ts';
import { forgetDeleted } from '../../../../src/database/queries/artifacts.ts';
import { deleteRelease } from '../../../../src/database/queries/releases.ts';
import { DATABASE_FILE, openSqlite } from '../../../../src/database/sqlite/open-sqlite.ts';
import { lockForServing } from '../../../../src/database/sqlite/serve-lock.ts';
import { connectSqlite, openSqliteFile } from '../../../../src/database/sqlite/sqlite-connection.ts';
import { describeConcurrency } from '../../../contract/database/concurrency.contract.ts';
import { describeDatabase } from '../../../contract/database/database.contract.ts';
import { describeLimits } from '../../../contract/database/limits.contract.ts';
import { describeTrustedPublishers } from '../../../contract/database/trusted-publishers.contract.ts';
import { tempFolder } from '../../../support/process/temp-folder.ts';
import { by } from '../../../support/server/by.ts';
import { StoreWithApp } from '../../../support/server/store-with-app.ts';

async function open(dataDir: string): Promise<Database> {
  const database = await openSqlite({ dataDir });
  onTestFinished(() => database.close());
  return database;
}

describeDatabase('SQLite', async () => {
  const dataDir = await tempFolder();
  return { database: await open(dataDir), openAgain: () => open(dataDir) };
});

describeConcurrency('SQLite', async () => [await open(await tempFolder())]);
describeTrustedPublishers('SQLite', async () => [await open(await tempFolder())]);

describeLimits('SQLite', async () => [await open(await tempFolder())]);

const PRAGMAS = {
  journal_mode: 'wal',
  synchronous: 2, // FULL
  fullfsync: 1,
  checkpoint_fullfsync: 1,
  foreign_keys: 1,
  trusted_schema: 0,
};

describe('R7: the settings of a connection', () => {
  async function pragmasOf({ queries }: Database) {
    const values: Record<string, unknown> = {};
    for (const name of Object.keys(PRAGMAS)) {
      const { rows } = await sql<Record<string, unknown>>`pragma ${sql.raw(name)}`.execute(queries);
      values[name] = rows[0]?.[name];
    }
    return values;
  }

  test('are in effect after a write, and after reopening and another write', async () => {
    const dataDir = await tempFolder();
    for (const slug of ['first', 'second']) {
      const database = await openSqlite({ dataDir });
      await StoreWithApp.in(database, slug);
      expect(await pragmasOf(database)).toEqual(PRAGMAS);
      await database.close();
    }
  });

  test('are the same on a connection that only reads', async () => {
    const dataDir = await tempFolder();
    await open(dataDir);
    const connection = await openSqliteFile(join(dataDir, DATABASE_FILE), { readonly: true });
    onTestFinished(() => void connection.close());
    const values = Object.keys(PRAGMAS).map((name) => [name, connection.pragma(name, { simple: true })]);
    expect(Object.fromEntries(values)).toEqual(PRAGMAS);
    expect(() => connection.exec('delete from apps')).toThrow('readonly');
  });

  test('include a SQLite that does not lose data', async () => {
    const { rows } = await sql<{ v: string }>`select sqlite_version() as v`.execute(
      (await open(await tempFolder())).queries,
    );
    const [major = 0, minor = 0, patch = 0] = (rows[0]?.v ?? '').split('.').map(Number);
    expect(major * 1e6 + minor * 1e3 + patch).toBeGreaterThanOrEqual(3_051_003);
    expect(rows[0]?.v).not.toBe('3.52.0');
  });
});

describe('a write transaction', () => {
  /** Another process: a connection of its own that does not wait. */
  async function otherWriter(dataDir: string) {
    const connection = await connectSqlite(join(dataDir, DATABASE_FILE), { timeout: 0 });
    onTestFinished(() => void connection.close());
    return connection;
  }

  test('that has only read so far keeps others from writing, so that it cannot fail when it writes', async () => {
    const dataDir = await tempFolder();
    const { queries } = await open(dataDir);
    const other = await otherWriter(dataDir);
    const insert = (id: string) =>
      sql`insert into apps (id, name, approval, require_bound_signatures, revision, trusted_only, cohort_fallback, created_at) values (${id}, 'Test', 0, 0, 0, 0, 'hold', 0)`;
    await queries.transaction().execute(async (transaction) => {
      await sql`select * from apps`.execute(transaction);
      expect(() =>
        other.exec(
          "insert into apps (id, name, approval, require_bound_signatures, revision, trusted_only, cohort_fallback, created_at) values ('b', 'Test', 0, 0, 0, 0, 'hold', 0)",
        ),
      ).toThrow('locked');
      await insert('a').execute(transaction);
    });
    other.exec(
      "insert into apps (id, name, approval, require_bound_signatures, revision, trusted_only, cohort_fallback, created_at) values ('b', 'Test', 0, 0, 0, 0, 'hold', 0)",
    );
    const { rows } = await sql`select id from apps order by id`.execute(queries);
    expect(rows).toEqual([{ id: 'a' }, { id: 'b' }]);
  });

  test('that SQLite rolls back by itself, because the disk is full, fails with that error', async () => {
    const { queries } = await open(await tempFolder());
    const { rows } = await sql<{ page_count: number }>`pragma page_count`.execute(queries);
    await sql`pragma max_page_count = ${sql.lit(rows[0]?.page_count ?? 1)}`.execute(queries);
    const name = 'x'.repeat(100_000);
    const transaction = queries.transaction().execute(async (db) => {
      for (const id of ['a', 'b'])
        await sql`insert into apps (id, name, approval, require_bound_signatures, revision, trusted_only, cohort_fallback, created_at) values (${id}, ${name}, 0, 0, 0, 0, 'hold', 0)`.execute(
          db,
        );
    });
    await expect(transaction).rejects.toMatchObject({ code: 'no_space' });
    await sql`pragma max_page_count = 1000000`.execute(queries);
    await sql`insert into apps (id, name, approval, require_bound_signatures, revision, trusted_only, cohort_fallback, created_at) values ('c', ${name}, 0, 0, 0, 0, 'hold', 0)`.execute(
      queries,
    );
    expect((await sql`select id from apps`.execute(queries)).rows).toEqual([{ id: 'c' }]);
  });

  test('that throws leaves nothing', async () => {
    const { queries } = await open(await tempFolder());
    const transaction = queries.transaction().execute(async (db) => {
      await sql`insert into apps (id, name, approval, require_bound_signatures, revision, trusted_only, cohort_fallback, created_at) values ('a', 'Test', 0, 0, 0, 0, 'hold', 0)`.execute(
        db,
      );
      throw new Error('changed my mind');
    });
    await expect(transaction).rejects.toThrow('changed my mind');
    expect((await sql`select id from apps`.execute(queries)).rows).toEqual([]);
  });
});

describe('on disk', () => {
  test('the folder and every file can only be used by this user', async () => {
    const umask = process.umask(0);
    onTestFinished(() => void process.umask(umask));
    const dataDir = join(await tempFolder(), 'new', 'data');
    const database = await open(dataDir);
    await StoreWithApp.in(database);
    (await lockForServing({ dataDir }))();
    expect((await stat(dataDir)).mode & 0o777).toBe(0o700);
    const files = await readdir(dataDir);
    const modes = await Promise.all(
      files.map(async (file) => (await stat(join(dataDir, file))).mode & 0o777),
    );
    expect(Object.fromEntries(files.map((file, i) => [file, modes[i]?.toString(8)]))).toEqual({
      [DATABASE_FILE]: '600',
      [`${DATABASE_FILE}-wal`]: '600',
      [`${DATABASE_FILE}-shm`]: '600',
      'serve.lock': '600',
    });
  });

  test('what was committed is there after the store is closed and opened again', async () => {
    const dataDir = await tempFolder();
    const database = await openSqlite({ dataDir });
    const { appId } = await StoreWithApp.in(database);
    await database.close();
    expect(await findApp((await open(dataDir)).queries, appId)).toMatchObject({ slug: 'my-app' });
  });

  test('integrity and foreign keys are intact after an artifact’s whole life', async () => {
    const database = await open(await tempFolder());
    const store = await StoreWithApp.in(database);
    const releaseId = await store.release('1.0.0');
    const uploadId = await store.publish(releaseId);
    await deleteRelease(store.db, { appId: store.appId, releaseId }, { by: by() });
    await forgetDeleted(store.db, uploadId);
    expect((await sql`pragma integrity_check`.execute(store.db)).rows).toEqual([{ integrity_check: 'ok' }]);
    expect((await sql`pragma foreign_key_check`.execute(store.db)).rows).toEqual([]);
  });

  test.each([
    [
      'holds something else',
      (dataDir: string) => writeFile(join(dataDir, DATABASE_FILE), 'no database at all'.repeat(100)),
    ],
    ['is a folder', (dataDir: string) => mkdir(join(dataDir, DATABASE_FILE))],
  ])('a store with a file that %s is refused with a hint', async (_what, plant) => {
    const dataDir = await tempFolder();
    await plant(dataDir);
    await expect(openSqlite({ dataDir })).rejects.toMatchObject({
      name: 'OtaError',
      code: 'store_unavailable',
      hint: expect.stringMatching(/./),
    });
  });
});
