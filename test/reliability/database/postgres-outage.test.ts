import { setTimeout as sleep } from 'node:timers/promises';
import { sql } from 'kysely';
import pg from 'pg';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import type { Database } from '../../../src/database/database.ts';
import { databaseFailure } from '../../../src/database/database-error.ts';
import { CurrentServer } from '../../../src/database/postgres/current-server.ts';
import { openPostgres, type PostgresOptions } from '../../../src/database/postgres/open-postgres.ts';
import { ResilientPool } from '../../../src/database/postgres/postgres-pool.ts';
import { createApp, findApp, listApps } from '../../../src/database/queries/apps.ts';
import { describeOnPostgres, useOwnPostgres } from '../../support/postgres/postgres.ts';
import { PostgresProxy } from '../../support/postgres/postgres-proxy.ts';
import { by } from '../../support/server/by.ts';
import { StoreWithApp } from '../../support/server/store-with-app.ts';

const PATIENCE = { timeout: 15_000, interval: 50 };

async function open(url: string, options: Omit<PostgresOptions, 'url'> = {}): Promise<Database> {
  const database = await openPostgres({ url, ...options });
  onTestFinished(() => database.close());
  return database;
}

/** What nothing in memory counts any more for once it is different. */
function countersOf(database: Database): string {
  return `${database.changeCounter()} ${database.doubtCounter()}`;
}

/** Resolves once the counter stays the same for longer than it may without notifications. */
async function expectQuiet(database: Database): Promise<void> {
  await vi.waitFor(async () => {
    const counters = countersOf(database);
    for (let i = 0; i < 30; i++) {
      await sleep(50);
      expect(countersOf(database)).toBe(counters);
    }
  }, PATIENCE);
}

/** Resolves once the counter changed by itself that number of times. */
async function expectExpiry({ doubtCounter }: Database, times: number): Promise<void> {
  const seen = new Set<number>();
  await vi.waitFor(() => expect(seen.add(doubtCounter()).size).toBeGreaterThan(times), PATIENCE);
}

describeOnPostgres('PostgreSQL', () => {
  const postgres = useOwnPostgres();

  /** Ends the connections to a database that listen for notifications. */
  const terminateListeners = (url: string) =>
    postgres.server.sql(`
      select pg_terminate_backend(pid) from pg_stat_activity
      where datname = '${nameIn(url)}' and application_name = 'synckit-ota listener'`);

  describe('when the connection for notifications is lost', () => {
    test('the change counter changes once a second until it is back', async () => {
      const url = await postgres.server.createDatabase();
      const onConnection = vi.fn();
      const database = await open(url, { onConnection });
      await createApp(database.queries, { name: 'Test' }, by());
      await expectQuiet(database);

      await postgres.server.sql(`alter database ${nameIn(url)} allow_connections false`);
      await terminateListeners(url);
      await expectExpiry(database, 3);
      expect(await listApps(database.queries), 'the other connections go on').toHaveLength(1);
      expect(onConnection.mock.calls).toEqual([['lost', expect.any(Error)]]);

      await postgres.server.sql(`alter database ${nameIn(url)} allow_connections true`);
      await expectQuiet(database);
      expect(onConnection.mock.calls.slice(1)).toEqual([['back']]);
    });

    test('changes before it was back are counted afterwards', async () => {
      const url = await postgres.server.createDatabase();
      const database = await open(url);
      const other = await open(url);
      await expectQuiet(database);
      for (let round = 0; round < 5; round++) {
        const before = countersOf(database);
        await Promise.all([terminateListeners(url), StoreWithApp.in(other, `app-${round}`)]);
        await vi.waitFor(() => expect(countersOf(database)).not.toBe(before), PATIENCE);
      }
      await expectQuiet(database);
      const before = countersOf(database);
      await StoreWithApp.in(other, 'last');
      await vi.waitFor(() => expect(countersOf(database)).not.toBe(before));
    });
  });

  test('connections that are lost while the process is suspended do not fail later queries', async () => {
    const url = await postgres.server.createDatabase();
    const database = await open(url);
    await Promise.all(Array.from({ length: 10 }, () => listApps(database.queries)));
    postgres.server.sqlStandingStill(
      `select pg_terminate_backend(pid) from pg_stat_activity
       where datname = current_database() and pid <> pg_backend_pid(); select pg_sleep(1.1)`,
      nameIn(url),
    );
    expect(await listApps(database.queries)).toEqual([]);
    expect(await createApp(database.queries, { name: 'Test' }, by())).toMatchObject({ name: 'Test' });
  });

  describe('when the server is restarted', () => {
    test.each(['fast', 'crash'] as const)('(%s) queries fail, and work again', async (how) => {
      const url = await postgres.server.createDatabase();
      const onConnection = vi.fn();
      const database = await open(url, { onConnection });
      const store = await StoreWithApp.in(database);
      const before = countersOf(database);
      await postgres.server.pause(how);
      for (let i = 0; i < 20; i++) {
        const error = await failureOf(findApp(database.queries, store.appId));
        expect(databaseFailure(error) ?? error).toMatchObject({ code: 'store_unavailable' });
      }
      const error = await failureOf(createApp(database.queries, { name: 'Test' }, by()));
      expect(databaseFailure(error) ?? error).toMatchObject({ code: 'store_unavailable' });
      await postgres.server.resume();
      await vi.waitFor(async () => {
        expect(await findApp(database.queries, store.appId)).toMatchObject({ id: store.appId });
        expect(onConnection.mock.calls.map(([state]) => state)).toEqual(['lost', 'back']);
      }, PATIENCE);
      expect(countersOf(database)).not.toBe(before);
      await expectQuiet(database);
    });

    test('running queries fail, and none waits forever', async () => {
      const url = await postgres.server.createDatabase();
      const database = await open(url);
      const slow = Array.from({ length: 5 }, () =>
        failureOf(sql`select pg_sleep(60)`.execute(database.queries)),
      );
      const inTransaction = failureOf(
        database.queries.transaction().execute((db) => sql`select pg_sleep(60)`.execute(db)),
      );
      await vi.waitFor(async () => {
        const rows = await postgres.server.sql(
          "select 1 from pg_stat_activity where query = 'select pg_sleep(60)'",
        );
        expect(rows).toHaveLength(6);
      }, PATIENCE);
      await postgres.server.pause();
      for (const error of await Promise.all([...slow, inTransaction]))
        expect(databaseFailure(error) ?? error).toMatchObject({ code: 'store_unavailable' });
      await postgres.server.resume();
    });

    test('a store can be closed while the server is away', async () => {
      const url = await postgres.server.createDatabase();
      const database = await openPostgres({ url });
      await listApps(database.queries);
      await postgres.server.pause();
      await database.close();
      await postgres.server.resume();
    });
  });

  describe('when the server does not respond', () => {
    test('a query times out, and its connection is not used again', async () => {
      const url = await postgres.server.createDatabase();
      const pool = new ResilientPool(new pg.Pool({ connectionString: url, max: 1 }), {
        currentServer: new CurrentServer(),
        responseTimeoutMs: 300,
      });
      onTestFinished(() => pool.end());
      const pidOf = async () => {
        const session = await pool.connect();
        const { rows } = await session.query<{ pid: number }>('select pg_backend_pid() as pid', []);
        session.release();
        return rows[0]?.pid;
      };
      const pid = await pidOf();
      expect(await pidOf()).toBe(pid);
      const session = await pool.connect();
      expect(await failureOf(session.query('select pg_sleep(60)', []))).toMatchObject({
        code: 'store_unavailable',
        message: expect.stringContaining('no response'),
      });
      expect(await failureOf(session.query('select 1', []))).toMatchObject({ code: 'store_unavailable' });
      session.release();
      expect(await pidOf()).not.toBe(pid);
    });

    test('the change counter changes once a second, until it responds again', async () => {
      const proxy = await PostgresProxy.to(postgres.server);
      const direct = await postgres.server.createDatabase();
      const database = await open(proxy.url(direct));
      const other = await open(direct);
      await expectQuiet(database);
      proxy.freeze();
      await expectExpiry(database, 2);
      proxy.thaw();
      await expectQuiet(database);
      const before = countersOf(database);
      await StoreWithApp.in(other);
      await vi.waitFor(() => expect(countersOf(database)).not.toBe(before));
    });

    test('a store can still be closed', async () => {
      const proxy = await PostgresProxy.to(postgres.server);
      const database = await openPostgres({ url: proxy.url(await postgres.server.createDatabase()) });
      await listApps(database.queries);
      proxy.freeze();
      await database.close();
    });
  });

  describe('when the connection is lost during a commit', () => {
    test.each([
      ['cut before', []],
      ['cut after', ['Test']],
    ] as const)('%s the server received it: the outcome is reported as unknown', async (atCommit, there) => {
      const proxy = await PostgresProxy.to(postgres.server);
      const direct = await postgres.server.createDatabase();
      const database = await open(proxy.url(direct));
      await listApps(database.queries);
      proxy.atCommit = atCommit;
      const error = await failureOf(createApp(database.queries, { name: 'Test' }, by()));
      expect(error).toMatchObject({ name: 'OtaError', code: 'outcome_unknown', hint: expect.any(String) });
      proxy.atCommit = 'pass';
      expect((await listApps(database.queries)).map(({ name }) => name)).toEqual(there);
    });
  });

  test('a node that hangs inside a transaction does not keep its locks', async () => {
    const url = await postgres.server.createDatabase();
    const [stopped, going] = [await open(url), await open(url)];
    const store = await StoreWithApp.in(going);
    const lock = sql`update apps set name = 'locked' where id = ${store.appId}`;
    let letGo = () => {};
    const goesOn = new Promise<void>((resolve) => {
      letGo = resolve;
    });
    const held = failureOf(
      stopped.queries.transaction().execute(async (db) => {
        await lock.execute(db);
        await goesOn;
        await lock.execute(db);
      }),
    );
    await vi.waitFor(async () => {
      const rows = await postgres.server.sql(
        "select 1 from pg_stat_activity where state = 'idle in transaction'",
      );
      expect(rows).toHaveLength(1);
    });
    expect(await store.publish(await store.release('1.0.0'))).toEqual(expect.any(String));
    letGo();
    const error = await held;
    expect(databaseFailure(error) ?? error).toMatchObject({ code: 'store_unavailable' });
    expect(await findApp(going.queries, store.appId)).toMatchObject({ name: 'Test' });
  });

  describe('the lock for serving artifacts from a disk', () => {
    const never = () => {
      throw new Error('it was not lost');
    };

    test('is held by one node until it closes', async () => {
      const url = await postgres.server.createDatabase();
      const first = await openPostgres({ url });
      await first.lockDisk(never);
      const second = await open(url);
      expect(await failureOf(second.lockDisk(never))).toMatchObject({
        code: 'store_unavailable',
        message:
          'another `synckit-ota serve` already serves this database, with the artifacts on its own disk',
        hint: expect.stringMatching(/./),
      });
      await first.close();
      await vi.waitFor(() => second.lockDisk(never), PATIENCE);
      const ofOther = await open(await postgres.server.createDatabase());
      await ofOther.lockDisk(never);
    });

    test('is kept when the connection is lost and no other node acquires it', async () => {
      const url = await postgres.server.createDatabase();
      const states: string[] = [];
      const first = await open(url, { onConnection: (state) => states.push(state) });
      await first.lockDisk(never);
      const second = await open(url);
      await terminateListeners(url);
      await vi.waitFor(() => expect(states).toContain('back'), PATIENCE);
      await expect(second.lockDisk(never)).rejects.toThrow('another `synckit-ota serve`');
    });

    test('is reported as lost when another node has acquired it', async () => {
      const url = await postgres.server.createDatabase();
      const onLost = vi.fn();
      const first = await open(url, { diskPatienceMs: 500 });
      await first.lockDisk(onLost);
      const other = new pg.Client({ connectionString: url });
      await other.connect();
      onTestFinished(() => other.end());
      const [{ lock } = { lock: '' }] = await postgres.server.sql(
        `select objid::text as lock from pg_locks where locktype = 'advisory' and database = (
          select oid from pg_database where datname = '${nameIn(url)}')`,
      );
      const taken = other.query(`select pg_advisory_lock(${lock})`);
      await terminateListeners(url);
      await taken;
      await vi.waitFor(() => expect(onLost).toHaveBeenCalled(), PATIENCE);
      expect(onLost).toHaveBeenCalledExactlyOnceWith(expect.objectContaining({ code: 'store_unavailable' }));
    });
  });
});

function nameIn(url: string): string {
  return new URL(url).pathname.slice(1);
}

async function failureOf(promise: Promise<unknown>): Promise<unknown> {
  try {
    await promise;
  } catch (error) {
    return error;
  }
  throw new Error('it did not fail');
}
