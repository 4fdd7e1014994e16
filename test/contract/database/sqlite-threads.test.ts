import { mkdir, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { sql } from 'kysely';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import type { Database } from '../../../src/database/database.ts';
import { isDurabilityLost } from '../../../src/database/database-error.ts';
import { createApp, findApp, listApps } from '../../../src/database/queries/apps.ts';
import { DATABASE_FILE, openSqlite, requireMerged } from '../../../src/database/sqlite/open-sqlite.ts';
import { connectSqlite, openSqliteFile } from '../../../src/database/sqlite/sqlite-connection.ts';
import { Checkpointer, walState } from '../../../src/database/sqlite/threads/checkpointer.ts';
import { Checkpoints } from '../../../src/database/sqlite/threads/checkpoints.ts';
import { SqliteWriter } from '../../../src/database/sqlite/threads/sqlite-writer.ts';
import { tempFolder } from '../../support/process/temp-folder.ts';
import { by } from '../../support/server/by.ts';
import { StoreWithApp } from '../../support/server/store-with-app.ts';
import { describeConcurrency } from './concurrency.contract.ts';
import { describeDatabase } from './database.contract.ts';

async function open(dataDir: string): Promise<Database> {
  const database = await openSqlite({ dataDir, writesOnThread: true });
  onTestFinished(() => database.close());
  return database;
}

async function openEmpty() {
  const dataDir = await tempFolder();
  return { dataDir, file: join(dataDir, DATABASE_FILE), ...(await open(dataDir)) };
}

describeDatabase('SQLite with a thread that writes', async () => {
  const dataDir = await tempFolder();
  return { database: await open(dataDir), openAgain: () => open(dataDir) };
});

describeConcurrency('SQLite with a thread that writes', async () => [await open(await tempFolder())]);

const insert = (id: string, name = 'Test') => sql`insert into apps
    (id, name, approval, require_bound_signatures, revision, trusted_only, cohort_fallback, created_at)
    values (${id}, ${name}, 0, 0, 0, 0, 'hold', 0)`;

describe('a thread that writes', () => {
  test('R7: has the settings that make commits durable', async () => {
    const { queries } = await openEmpty();
    const values = await queries.transaction().execute(async (transaction) => {
      await insert('a').execute(transaction);
      return Promise.all(
        ['synchronous', 'fullfsync', 'checkpoint_fullfsync', 'foreign_keys', 'wal_autocheckpoint'].map(
          async (name) => (await sql`pragma ${sql.raw(name)}`.execute(transaction)).rows[0],
        ),
      );
    });
    expect(values).toEqual([
      { synchronous: 2 },
      { fullfsync: 1 },
      { checkpoint_fullfsync: 1 },
      { foreign_keys: 1 },
      { wal_autocheckpoint: 0 },
    ]);
  });

  test('lets others read what was committed while a transaction is open, and its own writes be read in it', async () => {
    const { queries } = await openEmpty();
    await queries.transaction().execute(async (transaction) => {
      await insert('a').execute(transaction);
      expect(await listApps(queries)).toEqual([]);
      expect(await listApps(transaction)).toMatchObject([{ id: 'a' }]);
    });
    expect(await listApps(queries)).toMatchObject([{ id: 'a' }]);
  });

  test('keeps writes that belong to no transaction out of one that is open, and they are committed', async () => {
    const { queries } = await openEmpty();
    const outside: Promise<unknown>[] = [];
    const failed = queries.transaction().execute(async (transaction) => {
      await insert('a').execute(transaction);
      outside.push(createApp(queries, { name: 'Outside' }, by()));
      await sleep(50);
      throw new Error('rolled back');
    });
    await expect(failed).rejects.toThrow('rolled back');
    await Promise.all(outside);
    expect(await listApps(queries)).toMatchObject([{ name: 'Outside' }]);
  });

  test('runs transactions one after the other, whichever began first', async () => {
    const { queries } = await openEmpty();
    await insert('a', '0').execute(queries);
    const raise = () =>
      queries.transaction().execute(async (transaction) => {
        const app = await findApp(transaction, 'a');
        await sql`update apps set name = ${String(Number(app?.name) + 1)}`.execute(transaction);
      });
    await Promise.all(Array.from({ length: 50 }, raise));
    expect(await findApp(queries, 'a')).toMatchObject({ name: '50' });
  });

  test('says why it could not write by SQLite’s code, and writes on afterwards', async () => {
    const { queries } = await openEmpty();
    await insert('a').execute(queries);
    await expect(insert('a').execute(queries)).rejects.toMatchObject({ code: /^SQLITE_CONSTRAINT/ });
    await expect(sql`select * from nothing`.execute(queries)).rejects.toMatchObject({ code: 'SQLITE_ERROR' });
    await queries.transaction().execute((transaction) => insert('b').execute(transaction));
    expect(await listApps(queries)).toHaveLength(2);
  });

  test('waits for another process that writes, and the event loop does not', async () => {
    const { dataDir, queries } = await openEmpty();
    const other = await connectSqlite(join(dataDir, DATABASE_FILE), { timeout: 0 });
    other.exec('begin immediate');
    const written = insert('a').execute(queries);
    let turns = 0;
    const timer = setInterval(() => turns++, 1);
    await sleep(100);
    clearInterval(timer);
    expect(turns).toBeGreaterThan(10);
    expect(await listApps(queries)).toEqual([]);
    other.exec('rollback');
    other.close();
    await written;
    expect(await listApps(queries)).toHaveLength(1);
  });

  test('that ends by itself fails what it was asked for as lost durability, so that nothing is acknowledged', async () => {
    const { file } = await openEmpty();
    const writer = await SqliteWriter.start(file);
    const error = await writer.run('pragma nothing', [() => {}]).catch((cause: unknown) => cause);
    expect(error).toMatchObject({ name: 'DataCloneError' });
    await writer.close();
    const afterwards = await writer.run('select 1', []).catch((cause: unknown) => cause);
    expect(isDurabilityLost(afterwards)).toBe(true);
  });

  test('is closed once the transaction that has it is over', async () => {
    const dataDir = await tempFolder();
    const database = await openSqlite({ dataDir, writesOnThread: true });
    const done = database.queries.transaction().execute(async (transaction) => {
      await sleep(50);
      await insert('a').execute(transaction);
    });
    await sleep(10);
    await Promise.all([done, database.close()]);
    expect(await listApps((await open(dataDir)).queries)).toMatchObject([{ id: 'a' }]);
  });
});

describe('checkpoints', () => {
  async function checkpoint(file: string): Promise<void> {
    const checkpointer = await Checkpointer.open(file);
    checkpointer.run();
    checkpointer.close();
  }

  const NOTES = 'x'.repeat(60_000);

  async function startCheckpoints(file: string) {
    const problems: unknown[] = [];
    const note = (problem: unknown) => problems.push(problem);
    const checkpoints = await Checkpoints.start({ file, onDurabilityLost: note, onChange: note });
    return { checkpoints, problems };
  }

  test('start the -wal over although it is always written to, again and again', async () => {
    const { file, queries } = await openEmpty();
    const { checkpoints, problems } = await startCheckpoints(file);
    const reader = await openSqliteFile(file, { readonly: true });
    let [last, restarts, written] = [0, 0, 0];
    for (const deadline = performance.now() + 20_000; restarts < 3 && performance.now() < deadline; ) {
      await insert(`app-${written++}`, NOTES).execute(queries);
      const { log } = walState(reader);
      if (log < last) restarts++;
      last = log;
    }
    reader.close();
    await checkpoints.stop();
    expect(restarts).toBe(3);
    expect(problems).toEqual([]);
  });

  test('are not made by commits', async () => {
    const { file, queries } = await openEmpty();
    for (let i = 0; i < 100; i++) await insert(`app-${i}`, NOTES).execute(queries);
    const reader = await openSqliteFile(file, { readonly: true });
    expect(walState(reader)).toMatchObject({ checkpointed: 0 });
    await checkpoint(file);
    const { log, checkpointed } = walState(reader);
    expect(checkpointed).toBe(log);
    reader.close();
  });

  test('copy what they can while somebody reads an older state, which Litestream does all the time', async () => {
    const { file, queries } = await openEmpty();
    await insert('a').execute(queries);
    const reader = await openSqliteFile(file, { readonly: true });
    onTestFinished(() => void reader.close());
    reader.exec('begin; select * from apps');
    for (let i = 0; i < 30; i++) await insert(`app-${i}`, NOTES).execute(queries);
    await checkpoint(file);
    expect(reader.prepare('select count(*) from apps').pluck().get()).toBe(1);
    reader.exec('rollback');
    await checkpoint(file);
    const { log, checkpointed } = walState(reader);
    expect(checkpointed).toBe(log);
  });

  test('give up for now when another process keeps writing', async () => {
    const { dataDir, file, queries } = await openEmpty();
    await insert('a').execute(queries);
    const other = await connectSqlite(join(dataDir, DATABASE_FILE), { timeout: 0 });
    onTestFinished(() => void other.close());
    other.exec('begin immediate');
    await checkpoint(file); // it has nothing left to copy
    const reader = await openSqliteFile(file, { readonly: true });
    const { log, checkpointed } = walState(reader);
    reader.close();
    expect(checkpointed).toBe(log);
  });

  test('are made once more when the store is closed, which leaves no -wal', async () => {
    const dataDir = await tempFolder();
    const file = join(dataDir, DATABASE_FILE);
    const database = await openSqlite({ dataDir, writesOnThread: true });
    await StoreWithApp.in(database);
    const reader = await openSqliteFile(file, { readonly: true });
    await database.close();
    const { log, checkpointed } = walState(reader);
    reader.close();
    expect([log > 0, checkpointed]).toEqual([true, log]);
    await openSqliteFile(file).then((last) => last.close());
    await requireMerged(file);
    await expect(stat(`${file}-wal`)).rejects.toMatchObject({ code: 'ENOENT' });
  });

  test('crash C5: a -wal that could not be removed is reported, one that another process has open is not', async () => {
    const { file, queries } = await openEmpty();
    await insert('a').execute(queries);
    await requireMerged(file);
    const closed = join(await tempFolder(), DATABASE_FILE);
    (await connectSqlite(closed, {})).exec('pragma journal_mode = WAL; create table t (a)').close();
    await rm(`${closed}-shm`, { force: true });
    await mkdir(`${closed}-shm`);
    await writeFile(join(`${closed}-shm`, 'in the way'), '');
    await expect(requireMerged(closed)).rejects.toMatchObject({ code: 'store_unavailable' });
  });

  test('run on another thread', async () => {
    const { file, queries } = await openEmpty();
    const { checkpoints, problems } = await startCheckpoints(file);
    onTestFinished(() => checkpoints.stop());
    for (let i = 0; i < 100; i++) await insert(`app-${i}`, NOTES).execute(queries);
    const reader = await openSqliteFile(file, { readonly: true });
    onTestFinished(() => void reader.close());
    await vi.waitFor(() => expect(walState(reader).checkpointed).toBeGreaterThan(1000));
    expect(problems).toEqual([]);
  });
});
