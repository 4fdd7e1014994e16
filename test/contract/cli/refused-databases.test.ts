import { execFileSync } from 'node:child_process';
import { chmodSync, chownSync, mkdtempSync, rmSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { deadUrl } from '../../support/network/loopback-server.ts';
import { listenAsPostgres } from '../../support/postgres/old-postgres.ts';
import {
  describeOnPostgres,
  PostgresServer,
  serverUser,
  useOwnPostgres,
} from '../../support/postgres/postgres.ts';
import { freePorts } from '../../support/process/free-ports.ts';
import { runInProcess } from '../../support/process/in-process.ts';
import { isInstalled } from '../../support/process/is-installed.ts';
import { serveRefusal } from '../../support/process/refusal.ts';
import { tempFolder } from '../../support/process/temp-folder.ts';
import { serveUntilFinished } from '../../support/publish/world.ts';

const PASSWORD = 'canary-in-the-url';
const refusalOf = (database: string) => serveRefusal(['--database', database], PASSWORD);

const canServe = async (database: string) => {
  const server = await serveUntilFinished(join(await tempFolder(), 'data'), ['--database', database]);
  expect((await fetch(`${server.url}/api/sync/ota`)).status).toBe(200);
  return server;
};

describeOnPostgres('serve fails with 9 and one sentence if the database', () => {
  const postgres = useOwnPostgres();
  const nameIn = (url: string) => new URL(url).pathname.slice(1);
  const withPassword = (url: string) => url.replace('postgres@', `postgres:${PASSWORD}@`);

  test('does not exist', async () => {
    const { message } = await refusalOf(withPassword(postgres.server.url('missing')));
    expect(message).toMatch(/has no such database: database "missing" does not exist$/);
  });

  test('rejects its password', async () => {
    const rules = 'local all guarded scram-sha-256\nlocal all all trust\n';
    await writeFile(join(postgres.server.dataFolder, 'pg_hba.conf'), rules);
    await postgres.server.sql("create role guarded login password 'right'; select pg_reload_conf()");
    const { message, hint } = await refusalOf(postgres.server.url('postgres', `guarded:${PASSWORD}`));
    expect(message).toMatch(/denies access: password authentication failed for user "guarded"$/);
    expect(hint).toContain('password');
  });

  test('does not allow it to create tables', async () => {
    const url = await postgres.server.createEmptyDatabase();
    await postgres.server.sql('create role stranger login');
    const { message, hint } = await refusalOf(postgres.server.url(nameIn(url), `stranger:${PASSWORD}`));
    expect(message).toContain('denies a privilege: permission denied');
    expect(hint).toContain('owner');
  });

  test('is newer than this program', async () => {
    const url = await postgres.server.createEmptyDatabase();
    expect(await (await canServe(url)).stop()).toBe(0);
    await postgres.server.sql(
      "insert into kysely_migration values ('9999-later', '2030-01-01')",
      nameIn(url),
    );
    const { message, hint } = await refusalOf(withPassword(url));
    expect(message).toBe('the store is newer than this program (it has migration 9999-later)');
    expect(hint).toContain('newer');
  });

  test('is on a PostgreSQL that is too old', async () => {
    const { host } = await listenAsPostgres(120_022, 'UTF8');
    const { message, hint } = await refusalOf(`postgres://me:${PASSWORD}@${host}/updates`);
    expect(message).toContain('is version 12');
    expect(hint).toBe('Upgrade it to version 13 or later.');
  });

  test('is on an unknown host', async () => {
    const { message } = await refusalOf(`postgres://me:${PASSWORD}@no-such-host.invalid/updates`);
    expect(message).toContain('PostgreSQL at no-such-host.invalid:5432/updates cannot be reached');
  });

  test('is on a read-only standby, with or without its tables', async () => {
    const url = await postgres.server.createEmptyDatabase();
    const empty = await postgres.server.createEmptyDatabase();
    expect(await (await canServe(url)).stop()).toBe(0);
    await postgres.server.pause();
    const signal = join(postgres.server.dataFolder, 'standby.signal');
    await writeFile(signal, '');
    await postgres.server.resume();
    onTestFinished(async () => {
      await postgres.server.pause();
      rmSync(signal);
      await postgres.server.resume();
    });
    for (const database of [url, empty]) {
      const { message, hint } = await refusalOf(withPassword(database));
      expect(message).toContain('is read-only: cannot execute ');
      expect(hint).toContain('primary');
    }
  });
});

describe.skipIf(!isInstalled('openssl'))('(needs openssl)', () => {
  describeOnPostgres('serve and a PostgreSQL that speaks TLS', () => {
    let server: PostgresServer;
    let ca: string;
    let port: number;
    let folder: string;

    beforeAll(async () => {
      folder = mkdtempSync(join(tmpdir(), 'synckit-ota-tls-'));
      const { uid = -1, gid = -1 } = serverUser();
      ca = createCertificate(folder, { uid, gid });
      [port = 0] = await freePorts(1);
      const settings = { ssl: 'on', ssl_cert_file: ca, ssl_key_file: `${ca}.key`, port };
      const listening = ['listen_addresses=127.0.0.1'];
      const pairs = Object.entries(settings).map(([name, value]) => `${name}=${value}`);
      server = await PostgresServer.start([...listening, ...pairs]);
    });
    afterAll(async () => {
      await server?.stop();
      rmSync(folder, { recursive: true, force: true });
    });

    const urlOf = async (query: string, host = 'localhost') => {
      const { pathname } = new URL(await server.createEmptyDatabase());
      return `postgres://postgres:${PASSWORD}@${host}:${port}${pathname}?${query}`;
    };
    const encryptedSessions = async (url: string) => {
      const [row] = await server.sql(
        `select count(*)::int4 as all, count(*) filter (where ssl)::int4 as encrypted
         from pg_stat_activity join pg_stat_ssl using (pid)
         where datname = '${new URL(url).pathname.slice(1)}'`,
      );
      return row;
    };

    test.each([
      ['verify-full, with its root certificate', () => `sslmode=verify-full&sslrootcert=${ca}`],
      ['require, with its root certificate', () => `sslmode=require&sslrootcert=${ca}`],
      ['no-verify, with no root certificate', () => 'sslmode=no-verify'],
    ])('encrypt every connection with sslmode=%s', async (_, query) => {
      const url = await urlOf(query());
      const serving = await canServe(url);
      const sessions = await encryptedSessions(url);
      expect(sessions?.all).toBeGreaterThan(0);
      expect(sessions?.encrypted).toBe(sessions?.all);
      expect(await serving.stop()).toBe(0);
      expect(JSON.stringify(serving.logs())).not.toContain(PASSWORD);
    });

    test.each(['require', 'verify-full'])(
      'do not connect with sslmode=%s if the certificate is not trusted',
      async (mode) => {
        const { message, hint } = await refusalOf(await urlOf(`sslmode=${mode}`));
        expect(message).toMatch(/has an untrusted certificate: self.signed certificate$/);
        expect(hint).toContain('sslrootcert');
      },
    );

    test('do not connect by a host name that is not in the certificate', async () => {
      const query = `sslmode=verify-full&sslrootcert=${ca}`;
      const { message } = await refusalOf(await urlOf(query, '127.0.0.1'));
      expect(message).toContain('has an untrusted certificate: Hostname/IP does not match');
    });

    test('field B9: name a client certificate that the server demands, and one that it refuses', async () => {
      const rules = 'local all all trust\nhostssl all all 127.0.0.1/32 cert clientcert=verify-full\n';
      await writeFile(join(server.dataFolder, 'pg_hba.conf'), rules);
      await server.sql(`alter system set ssl_ca_file = '${ca}'`);
      await server.sql('select pg_reload_conf()');
      const query = 'sslmode=no-verify';
      const demanded = await refusalOf(await urlOf(query, '127.0.0.1'));
      expect(demanded.message).toContain('denies access: connection requires a valid client certificate');
      expect(demanded.hint).toContain('sslcert');
      const other = createCertificate(mkdtempSync(join(folder, 'client-')), { uid: -1, gid: -1 });
      const files = `sslcert=${other}&sslkey=${other}.key`;
      const refused = await refusalOf(await urlOf(`${query}&${files}`, '127.0.0.1'));
      expect(refused.message).toContain('refuses the client certificate');
      expect(refused.hint).toContain('ssl_ca_file');
    });

    test('do not connect without TLS if the server requires it', async () => {
      const rules = 'local all all trust\nhostssl all all 127.0.0.1/32 trust\n';
      await writeFile(join(server.dataFolder, 'pg_hba.conf'), rules);
      await server.sql('select pg_reload_conf()');
      const { message, hint } = await refusalOf(await urlOf('sslmode=disable', '127.0.0.1'));
      expect(message).toContain('denies access: no pg_hba.conf entry');
      expect(hint).toContain('pg_hba.conf');
    });
  });
});

describe('a database that cannot be opened is refused', () => {
  const refuse = async (database: string, command = ['serve', '--port', '0']) => {
    const dataDir = join(await tempFolder(), 'data');
    const { code, stdout, stderr } = await runInProcess([
      ...command,
      '--data-dir',
      dataDir,
      '--database',
      database,
    ]);
    expect(stderr).toMatch(/^error: .*\.\s.*\.\n$/);
    expect(stdout + stderr).not.toContain(PASSWORD);
    return { code, stderr };
  };

  test('with 9, one sentence and a hint if it cannot be reached', async () => {
    const { host } = await deadUrl();
    for (const command of [
      ['serve', '--port', '0'],
      ['apps', 'list'],
    ]) {
      const { code, stderr } = await refuse(`postgres://me:${PASSWORD}@${host}/updates`, command);
      expect(code).toBe(9);
      expect(stderr).toContain(`PostgreSQL at ${host}/updates cannot be reached`);
    }
  });

  test('with 2 if its URL has a mistake', async () => {
    for (const rest of [
      'updates?sslmod=require',
      'updates?sslmode=on',
      '%zz',
      'updates?sslrootcert=/no/such.pem',
    ])
      expect(await refuse(`postgres://me:${PASSWORD}@127.0.0.1/${rest}`)).toMatchObject({ code: 2 });
  });

  test('with 2 if it is not the URL of a database', async () => {
    for (const database of [`mysql://me:${PASSWORD}@host/updates`, PASSWORD]) {
      const { code, stderr } = await refuse(database);
      expect(code).toBe(2);
      expect(stderr).toContain('--database is not a postgres:// URL');
    }
  });
});

/** A certificate for `localhost` that vouches for itself, and its key beside it, which belongs to the server. */
function createCertificate(folder: string, { uid, gid }: { uid: number; gid: number }): string {
  const file = join(folder, 'server.pem');
  const key = [
    '-newkey',
    'ec',
    '-pkeyopt',
    'ec_paramgen_curve:prime256v1',
    '-nodes',
    '-keyout',
    `${file}.key`,
  ];
  const names = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost'];
  execFileSync('openssl', ['req', '-x509', ...key, ...names, '-days', '2', '-out', file], {
    stdio: 'ignore',
  });
  chmodSync(`${file}.key`, 0o600);
  if (uid >= 0) for (const path of [folder, file, `${file}.key`]) chownSync(path, uid, gid);
  return file;
}
