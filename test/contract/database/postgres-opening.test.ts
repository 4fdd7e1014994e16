import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { sql } from 'kysely';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import type { Database } from '../../../src/database/database.ts';
import { openPostgres, type PostgresOptions } from '../../../src/database/postgres/open-postgres.ts';
import { listApps } from '../../../src/database/queries/apps.ts';
import { deadUrl, listenRaw } from '../../support/network/loopback-server.ts';
import { listenAsPostgres } from '../../support/postgres/old-postgres.ts';
import { describeOnPostgres, useOwnPostgres } from '../../support/postgres/postgres.ts';
import { PostgresProxy } from '../../support/postgres/postgres-proxy.ts';

const PASSWORD = 'canary-in-the-url';

async function open(url: string): Promise<Database> {
  const database = await openPostgres({ url });
  onTestFinished(() => database.close());
  return database;
}

/** The sentence and the hint that a person gets; nowhere in the error is the password. */
async function refusalOf(
  url: string,
  { code = 'store_unavailable', ...options }: Omit<PostgresOptions, 'url'> & { readonly code?: string } = {},
): Promise<{ message: string; hint: string }> {
  const opened = await openPostgres({ url, ...options }).then(
    (database) => database.close(),
    (error) => error,
  );
  expect(opened).toMatchObject({
    name: 'OtaError',
    code,
    hint: expect.stringMatching(/\.$/),
  });
  expect(inspect(opened, { depth: 10, showHidden: true })).not.toContain(PASSWORD);
  expect(JSON.stringify(opened)).not.toContain(PASSWORD);
  return opened;
}

const misuseOf = (url: string) => refusalOf(url, { code: 'usage' });
const to = ({ host }: URL, rest = '/updates') => `postgres://somebody:${PASSWORD}@${host}${rest}`;

describe('a database that cannot be opened is refused in one sentence, with a hint', () => {
  test('when nothing listens', async () => {
    const url = await deadUrl();
    const { message, hint } = await refusalOf(to(url));
    expect(message).toContain(`PostgreSQL at ${url.host}/updates cannot be reached: connect ECONNREFUSED`);
    expect(hint).toContain('host, port and sslmode');
  });

  test('when there is no such host', async () => {
    const { message } = await refusalOf(`postgres://somebody:${PASSWORD}@no-such-host.invalid/updates`);
    expect(message).toContain('PostgreSQL at no-such-host.invalid:5432/updates cannot be reached');
  });

  test('when something else listens', async () => {
    const { message } = await refusalOf(
      to(await listenRaw((socket) => socket.end('SSH-2.0-OpenSSH_9.2\r\n'))),
    );
    expect(message).toContain('cannot be reached');
  });

  test('when nothing responds in time', async () => {
    const silent = to(await listenRaw((socket) => socket.resume()));
    const { message } = await refusalOf(silent, { connectTimeoutMs: 200 });
    expect(message).toContain('cannot be reached: timeout expired');
  });

  test('when the server is too old', async () => {
    const { message, hint } = await refusalOf(to(await listenAsPostgres(120_022, 'UTF8')));
    expect(message).toMatch(/^PostgreSQL at 127\.0\.0\.1:\d+\/updates is version 12$/);
    expect(hint).toBe('Upgrade it to version 13 or later.');
  });

  test('when its encoding cannot store all text', async () => {
    const { message, hint } = await refusalOf(to(await listenAsPostgres(150_000, 'SQL_ASCII')));
    expect(message).toContain('has the encoding SQL_ASCII');
    expect(hint).toContain('UTF8');
  });

  test.each([
    ['a port that is none', '@host:99999999/updates'],
    ['percent signs that stand for nothing', '@%ff/updates'],
  ])('when the URL has %s', async (_, rest) => {
    const { message, hint } = await misuseOf(`postgres://somebody:${PASSWORD}${rest}`);
    expect(message).toMatch(/^--database is not a valid URL: ./);
    expect(hint).toContain('postgres://user@host:5432/database');
  });
});

describe('field 15: TLS as the URL asks for it', () => {
  test.each([
    ['sslmode=verify_full', 'Did you mean verify-full?'],
    ['sslmode=Require', 'Did you mean require?'],
    ['sslmode=on', 'verify-full'],
    ['sslmode=', 'verify-full'],
    ['sslmode=verify-full&sslmode=x', 'verify-full'],
  ])('%s is refused by name', async (query, suggestion) => {
    const { message, hint } = await misuseOf(`postgres://somebody:${PASSWORD}@127.0.0.1/updates?${query}`);
    expect(message).toBe('sslmode in --database has an unknown value');
    expect(hint).toContain(suggestion);
  });

  test.each(['sslrootcert', 'sslcert', 'sslkey'])(
    'the file of %s is named if it cannot be used',
    async (name) => {
      const refused = (file: string) =>
        misuseOf(`postgres://somebody:${PASSWORD}@127.0.0.1/updates?sslmode=verify-full&${name}=${file}`);
      expect((await refused('/no/such.pem')).message).toBe(
        `the file /no/such.pem of ${name} in --database does not exist`,
      );
      expect((await refused('/etc/hostname')).message).toContain(
        `/etc/hostname of ${name} in --database is not`,
      );
      expect((await refused('/tmp')).message).toContain(`/tmp of ${name} in --database cannot be read`);
    },
  );

  test('a parameter that is mistyped is refused, instead of being left out', async () => {
    const { hint } = await misuseOf(`postgres://somebody:${PASSWORD}@127.0.0.1/updates?sslmod=verify-full`);
    expect(hint).toContain('sslmode');
  });
});

describeOnPostgres('PostgreSQL', () => {
  const postgres = useOwnPostgres();
  const nameIn = (url: string) => new URL(url).pathname.slice(1);
  const sqlIn = (url: string, statements: string) =>
    postgres.server.sql(statements, new URL(url).pathname.slice(1));
  const withPassword = (url: string) =>
    url.replace('postgres://postgres@', `postgres://postgres:${PASSWORD}@`);

  describe('a database that cannot be opened is refused in one sentence, with a hint', () => {
    test('when it is not there', async () => {
      const { message, hint } = await refusalOf(withPassword(postgres.server.url('missing')));
      expect(message).toContain('has no such database: database "missing" does not exist');
      expect(hint).toContain('createdb');
    });

    test('when the user or the password is wrong', async () => {
      await writeFile(
        join(postgres.server.dataFolder, 'pg_hba.conf'),
        'local all guarded scram-sha-256\nlocal all rejected reject\nlocal all all trust\n',
      );
      await postgres.server.sql("create role guarded login password 'right'; select pg_reload_conf()");
      const as = (user: string) => postgres.server.url('postgres', user);
      await vi.waitFor(async () => {
        const wrong = await refusalOf(as(`guarded:${PASSWORD}`));
        expect(wrong.message).toContain('denies access: password authentication failed');
        expect(wrong.hint).toContain('password');
      });
      const rejected = await refusalOf(as(`rejected:${PASSWORD}`));
      expect(rejected.hint).toContain('pg_hba.conf');
      expect((await refusalOf(as('guarded'))).message).toContain('password must be a string');
    });

    test('when this user may not create tables in it', async () => {
      const url = await postgres.server.createEmptyDatabase();
      await postgres.server.sql('create role stranger login');
      const { message, hint } = await refusalOf(postgres.server.url(nameIn(url), `stranger:${PASSWORD}`));
      expect(message).toContain('denies a privilege: permission denied');
      expect(hint).toContain('owner');
    });

    test('when it can only be read', async () => {
      const url = await postgres.server.createEmptyDatabase();
      await postgres.server.sql(`alter database ${nameIn(url)} set default_transaction_read_only = on`);
      const { message, hint } = await refusalOf(withPassword(url));
      expect(message).toContain('is read-only');
      expect(hint).toContain('primary');
    });

    test('when the real server’s encoding cannot store all text', async () => {
      await postgres.server.sql("create database ascii encoding 'SQL_ASCII' template template0");
      expect((await refusalOf(withPassword(postgres.server.url('ascii')))).message).toContain('SQL_ASCII');
    });

    test('when the server has no TLS, and it was asked for', async () => {
      const proxy = await PostgresProxy.to(postgres.server);
      const url = proxy.url(await postgres.server.createEmptyDatabase());
      const { message } = await refusalOf(`${withPassword(url)}?sslmode=verify-full`);
      expect(message).toContain('cannot be reached: The server does not support SSL connections');
    });

    test('when a pooler loses notifications', async () => {
      const proxy = await PostgresProxy.to(postgres.server);
      proxy.isDeaf = true;
      const url = await postgres.server.createEmptyDatabase();
      const { message, hint } = await refusalOf(withPassword(proxy.url(url)), { responseTimeoutMs: 300 });
      expect(message).toMatch(/^PostgreSQL at .* does not deliver notifications$/);
      expect(hint).toContain('pool_mode = session');
    });

    test.each([
      ['a table', 'create table users (id int)', 'users'],
      ['a table that is called as one of ours', 'create table apps (id int)', 'apps'],
      [
        'migrations',
        "create table kysely_migration (name text); insert into kysely_migration values ('2020-users')",
        '2020-users',
      ],
    ])('when it has %s of another program, and is left unchanged', async (_, made, name) => {
      const url = await postgres.server.createEmptyDatabase();
      const tables = () =>
        sqlIn(url, "select relname from pg_class where relname !~ '^(pg|sql)_' and relkind = 'r'");
      await sqlIn(url, made);
      const before = await tables();
      const { message, hint } = await refusalOf(withPassword(url));
      expect(message).toBe(`the database belongs to another program: it has ${name}`);
      expect(hint).toContain('of its own');
      expect(await tables()).toEqual(before);
    });

    test('but not when another program has a schema beside it', async () => {
      const url = await postgres.server.createEmptyDatabase();
      await sqlIn(url, 'create schema other; create table other.users (id int)');
      const { queries } = await open(url);
      expect(await listApps(queries)).toEqual([]);
    });

    test.each(['pg_stat_statements', 'pg_buffercache', 'tablefunc', 'file_fdw'])(
      'field 15: but not when it has the extension %s',
      async (extension) => {
        const url = await postgres.server.createEmptyDatabase();
        await sqlIn(url, `create extension ${extension}`);
        const { queries } = await open(url);
        expect(await listApps(queries)).toEqual([]);
      },
    );

    test('field 15: but not when an extension has a table', async () => {
      const url = await postgres.server.createEmptyDatabase();
      // As PostGIS does with spatial_ref_sys.
      await sqlIn(
        url,
        'create extension tablefunc; create table points (id int); alter extension tablefunc add table points',
      );
      expect(await listApps((await open(url)).queries)).toEqual([]);
    });

    test('field 15: with a hint about sslmode where the server may demand TLS', async () => {
      await postgres.server.sql('create role plaintext login');
      await writeFile(
        join(postgres.server.dataFolder, 'pg_hba.conf'),
        'local all plaintext reject\nlocal all guarded scram-sha-256\nlocal all rejected reject\nlocal all all trust\n',
      );
      await postgres.server.sql('select pg_reload_conf()');
      await vi.waitFor(async () => {
        const { hint } = await refusalOf(postgres.server.url('postgres', `plaintext:${PASSWORD}`));
        expect(hint).toContain('sslmode=verify-full');
      });
    });

    test('when its schema is newer than this program, and is left unchanged', async () => {
      const url = await postgres.server.createEmptyDatabase();
      const database = await open(url);
      await sql`insert into kysely_migration values ('9999-later', '2030-01-01')`.execute(database.queries);
      const { message, hint } = await refusalOf(withPassword(url));
      expect(message).toBe('the store is newer than this program (it has migration 9999-later)');
      expect(hint).toContain('newer');
    });
  });

  describe('a new database', () => {
    test('that many nodes open at once is migrated once, and ready for all', async () => {
      const url = await postgres.server.createEmptyDatabase();
      const opened = await Promise.all(Array.from({ length: 10 }, () => open(url)));
      for (const { queries } of opened) expect(await listApps(queries)).toEqual([]);
      const { rows } = await sql`select name from kysely_migration`.execute(
        opened[0]?.queries as Database['queries'],
      );
      expect(rows).toEqual([{ name: '0001-initial' }]);
    });

    test('reports its location without secrets', async () => {
      const proxy = await PostgresProxy.to(postgres.server);
      const url = await postgres.server.createEmptyDatabase();
      const { location } = await open(withPassword(proxy.url(url)));
      expect(location).toBe(`${new URL(proxy.url(url)).host}/${nameIn(url)}`);
    });

    test('field 15: is the next of several hosts where the first fails during the start', async () => {
      const proxy = await PostgresProxy.to(postgres.server);
      const direct = await postgres.server.createDatabase();
      const { hostname, port } = new URL(proxy.url(direct));
      const second = new URL(direct);
      const hosts = `host=${hostname},${second.searchParams.get('host')}&port=${port},${second.port}`;
      proxy.onMessage = (bytes) => {
        if (bytes.includes('synckit-ota listener')) proxy.freeze();
      };
      const database = await openPostgres({
        url: `postgres://postgres@/${nameIn(direct)}?${hosts}`,
        connectTimeoutMs: 300,
      });
      onTestFinished(() => database.close());
      expect(await listApps(database.queries)).toEqual([]);
    });
  });

  describe('the time', () => {
    test('is the server’s, not this machine’s', async () => {
      const url = await postgres.server.createEmptyDatabase();
      // Found before the real one, this stands for a machine with a clock that is an hour ahead.
      await postgres.server.sql(
        `create function public.clock_timestamp() returns timestamptz language sql as
           $$ select pg_catalog.clock_timestamp() + interval '1 hour' $$;
         alter database ${nameIn(url)} set search_path = public, pg_catalog`,
        nameIn(url),
      );
      const { clock, queries } = await open(url);
      const before = clock().getTime();
      const { rows } = await sql<{ time: number }>`
        select (extract(epoch from clock_timestamp()) * 1000)::float8 as time`.execute(queries);
      const after = clock().getTime();
      const databaseTime = rows[0]?.time ?? 0;
      const uncertainty = after - before + 5;
      expect(databaseTime).toBeGreaterThan(before - uncertainty);
      expect(databaseTime).toBeLessThan(after + uncertainty);
      expect(Math.round((databaseTime - Date.now()) / 60_000)).toBe(60);
    });
  });

  describe('the settings of a session', () => {
    const settingsOf = async ({ queries }: Database, names: string[]) => {
      const { rows } = await sql<{ name: string; setting: string }>`
        select name, setting from pg_settings where name in (${sql.join(names)})`.execute(queries);
      return Object.fromEntries(rows.map(({ name, setting }) => [name, setting]));
    };

    test('have timeouts, even if the database sets none', async () => {
      const url = await postgres.server.createEmptyDatabase();
      const names = ['statement_timeout', 'lock_timeout', 'idle_in_transaction_session_timeout'];
      for (const name of names) await postgres.server.sql(`alter database ${nameIn(url)} set ${name} = 0`);
      expect(await settingsOf(await open(url), names)).toEqual({
        statement_timeout: '8000',
        lock_timeout: '5000',
        idle_in_transaction_session_timeout: '3000',
      });
    });

    test.each([
      ['off', 'on'],
      ['remote_apply', 'remote_apply'],
    ])('make each commit durable: %s becomes %s', async (ofDatabase, ofSession) => {
      const url = await postgres.server.createEmptyDatabase();
      await postgres.server.sql(`alter database ${nameIn(url)} set synchronous_commit = ${ofDatabase}`);
      expect(await settingsOf(await open(url), ['synchronous_commit'])).toEqual({
        synchronous_commit: ofSession,
      });
    });

    test('name this program in the server’s list of sessions', async () => {
      const url = await postgres.server.createEmptyDatabase();
      await listApps((await open(url)).queries);
      const rows = await postgres.server.sql(
        `select application_name as name from pg_stat_activity where datname = '${nameIn(url)}' order by 1`,
      );
      expect(rows).toEqual([{ name: 'synckit-ota' }, { name: 'synckit-ota listener' }]);
    });
  });
});
