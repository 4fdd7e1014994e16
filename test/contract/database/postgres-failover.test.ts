import { sql } from 'kysely';
import pg from 'pg';
import { afterEach, beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import type { Database } from '../../../src/database/database.ts';
import { databaseFailure } from '../../../src/database/database-error.ts';
import { openPostgres, type PostgresOptions } from '../../../src/database/postgres/open-postgres.ts';
import { createApp, listApps } from '../../../src/database/queries/apps.ts';
import { DatabaseProxy, haproxyIsInstalled } from '../../support/postgres/haproxy.ts';
import { describeOnPostgres, PostgresServer } from '../../support/postgres/postgres.ts';
import { by } from '../../support/server/by.ts';

const PATIENCE = { timeout: 20_000, interval: 50 };

async function open(url: string, options: Omit<PostgresOptions, 'url'> = {}): Promise<Database> {
  const database = await openPostgres({ url, probeIntervalMs: 200, ...options });
  onTestFinished(() => database.close());
  return database;
}

const nameIn = (url: string) => new URL(url).pathname.slice(1);
const namesIn = async ({ queries }: Database) => (await listApps(queries)).map(({ name }) => name).sort();
const failureOf = async (query: Promise<unknown>) => {
  const error = await query.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  return databaseFailure(error) ?? error;
};

describeOnPostgres('after a failover', () => {
  let primary: PostgresServer;
  let standby: PostgresServer;
  let url: string;
  let database: string;

  beforeEach(async () => {
    primary = await PostgresServer.start();
    url = await primary.createDatabase();
    database = nameIn(url);
    standby = await PostgresServer.standbyOf(primary);
  });
  afterEach(async () => {
    await standby?.stop();
    await primary?.stop();
  });

  /** The URL of both servers, in the order of the arguments. */
  const urlOf = (...servers: PostgresServer[]) => {
    const folders = servers.map((server) => new URL(server.url('x')).searchParams.get('host'));
    return `postgres://postgres@/${database}?host=${folders.join(',')}&target_session_attrs=read-write`;
  };
  const caughtUp = () =>
    vi.waitFor(async () => {
      const [at] = await primary.sql('select pg_current_wal_lsn()::text as at');
      const [row] = await standby.sql(`select pg_last_wal_replay_lsn() >= '${at?.at}'::pg_lsn as done`);
      expect(row?.done).toBe(true);
    }, PATIENCE);

  describe.skipIf(!haproxyIsInstalled)('behind HAProxy (needs haproxy)', () => {
    test('field 15: connections that the old primary still answers are left', async () => {
      const proxy = await DatabaseProxy.to(primary, standby);
      const onConnection = vi.fn();
      const node = await open(proxy.url(url), { onConnection });
      await createApp(node.queries, { name: 'before' }, by());
      await caughtUp();
      const held = node.queries.transaction().execute(async (transaction) => {
        await standby.sql('select pg_promote()');
        await proxy.switchOver();
        await vi.waitFor(
          () => expect(onConnection).toHaveBeenCalledWith('lost', expect.any(Error)),
          PATIENCE,
        );
        await sql`update apps set name = 'on the old primary'`.execute(transaction);
      });
      expect(await failureOf(held)).toMatchObject({ name: 'OtaError' });
      const other = await open(proxy.url(url));
      await createApp(other.queries, { name: 'after' }, by());
      await vi.waitFor(async () => {
        expect(await namesIn(node)).toEqual(['after', 'before']);
        expect(node.fault()).toBeUndefined();
      }, PATIENCE);
      expect(await primary.sql('select name from apps', database)).toEqual([{ name: 'before' }]);
      expect(onConnection.mock.calls.map(([state]) => state)).toEqual(['lost', 'back']);
    });

    test('field 15: a proxy that leads back to the old primary is not followed', async () => {
      const proxy = await DatabaseProxy.to(standby, primary);
      await caughtUp();
      await standby.sql('select pg_promote()');
      const node = await open(proxy.url(url));
      await proxy.switchOver();
      await standby.sql(`
        select pg_terminate_backend(pid) from pg_stat_activity
        where datname = '${database}' and pid <> pg_backend_pid()`);
      await vi.waitFor(() => expect(node.fault()).toBe('not_current'), PATIENCE);
      expect(await failureOf(listApps(node.queries))).toMatchObject({ code: 'store_unavailable' });
    });
  });

  test('field 15: of several hosts, the one that can be written to is used, before and after', async () => {
    const onConnection = vi.fn();
    const node = await open(urlOf(standby, primary), { onConnection });
    await createApp(node.queries, { name: 'before' }, by());
    await caughtUp();
    await primary.pause('crash');
    await standby.sql('select pg_promote()');
    await vi.waitFor(async () => {
      expect(await namesIn(node)).toEqual(['before']);
      await createApp(node.queries, { name: 'after' }, by());
    }, PATIENCE);
    expect(await standby.sql('select name from apps', database)).toHaveLength(2);
  });

  test('field 15: of several hosts, a promoted one is found while the old primary still answers', async () => {
    const node = await open(urlOf(primary, standby));
    await caughtUp();
    await standby.sql('select pg_promote()');
    await vi.waitFor(async () => {
      const { rows } = await sql<{ timeline: string }>`
        select left(pg_walfile_name(pg_current_wal_lsn()), 8) as timeline`.execute(node.queries);
      expect(rows).toEqual([{ timeline: '00000002' }]);
      expect(node.fault()).toBeUndefined();
    }, PATIENCE);
  });

  test('field 15: a server that became read-only is away until it can be written to', async () => {
    const onConnection = vi.fn();
    const node = await open(url, { onConnection });
    await createApp(node.queries, { name: 'before' }, by());
    const before = node.doubtCounter();
    await primary.sql('alter system set default_transaction_read_only = on');
    await primary.sql('select pg_reload_conf()');
    await vi.waitFor(() => expect(node.fault()).toBe('read_only'), PATIENCE);
    expect(await failureOf(listApps(node.queries))).toMatchObject({ code: 'store_unavailable' });
    expect(await failureOf(createApp(node.queries, { name: 'no' }, by()))).toMatchObject({
      code: 'store_unavailable',
    });
    await vi.waitFor(() => expect(node.doubtCounter()).not.toBe(before), PATIENCE);
    const admin = new pg.Client({
      connectionString: primary.url('postgres'),
      options: '-c default_transaction_read_only=off',
    });
    await admin.connect();
    await admin.query('alter system reset default_transaction_read_only');
    await admin.end();
    await primary.sql('select pg_reload_conf()');
    await vi.waitFor(async () => {
      expect(node.fault()).toBeUndefined();
      expect(await namesIn(node)).toEqual(['before']);
    }, PATIENCE);
    expect(onConnection.mock.calls.map(([state]) => state)).toEqual(['lost', 'back']);
  });
});
