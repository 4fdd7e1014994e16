import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { sql } from 'kysely';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import type { Database } from '../../../src/database/database.ts';
import { openPostgres, type PostgresOptions } from '../../../src/database/postgres/open-postgres.ts';
import { createApp, listApps } from '../../../src/database/queries/apps.ts';
import { describeOnPostgres, serverUser, useOwnPostgres } from '../../support/postgres/postgres.ts';
import { freePorts } from '../../support/process/free-ports.ts';
import { isInstalled } from '../../support/process/is-installed.ts';
import { UNTIL_INPUT_ENDS } from '../../support/process/until-input-ends.ts';
import { by } from '../../support/server/by.ts';
import { StoreWithApp } from '../../support/server/store-with-app.ts';

async function open(url: string, options: Omit<PostgresOptions, 'url'> = {}): Promise<Database> {
  const database = await openPostgres({ url, ...options });
  onTestFinished(() => database.close());
  return database;
}

const nameIn = (url: string) => new URL(url).pathname.slice(1);

describeOnPostgres('connections to PostgreSQL', () => {
  const postgres = useOwnPostgres();
  const asRole = (url: string, role: string) => postgres.server.url(nameIn(url), role);

  test.each([2, 4])('field 15: queries share the few that a role may have: %i', async (limit) => {
    const url = await postgres.server.createEmptyDatabase();
    const role = `limited_${limit}`;
    await postgres.server.sql(`create role ${role} login superuser`);
    await postgres.server.sql(
      `alter role ${role} nosuperuser; alter database ${nameIn(url)} owner to ${role}`,
    );
    const database = await open(asRole(url, role));
    await postgres.server.sql(`alter role ${role} connection limit ${limit}`);
    const queries = Array.from({ length: 12 }, () => sql`select pg_sleep(0.1)`.execute(database.queries));
    expect(await Promise.allSettled(queries)).toEqual(
      queries.map(() => expect.objectContaining({ status: 'fulfilled' })),
    );
  });

  test('field 15: a query waits for one while others have them all', async () => {
    const url = await postgres.server.createDatabase();
    await postgres.server.sql('create role waiting login superuser');
    const database = await open(asRole(url, 'waiting'));
    await postgres.server.sql(
      `alter role waiting nosuperuser connection limit 1; alter database ${nameIn(url)} owner to waiting`,
    );
    await postgres.server.sql(`
      select pg_terminate_backend(pid, 10000) from pg_stat_activity
      where datname = '${nameIn(url)}' and application_name = 'synckit-ota'`);
    await sleep(100); // until the pool has seen that they ended
    const query = sql`select 1 as one`.execute(database.queries);
    await postgres.server.sql('alter role waiting connection limit 5');
    expect((await query).rows).toEqual([{ one: 1 }]);
  });

  test('field 15: no more are opened than were asked for, and one is enough', async () => {
    const url = await postgres.server.createDatabase();
    const database = await open(url, { connections: 1 });
    const store = await StoreWithApp.in(database);
    await store.release('1.0.0');
    await Promise.all(
      Array.from({ length: 5 }, (_, i) => createApp(database.queries, { name: `${i}` }, by())),
    );
    expect(await listApps(database.queries)).toHaveLength(6);
    const sessions = await postgres.server.sql(`
      select 1 from pg_stat_activity
      where datname = '${nameIn(url)}' and application_name = 'synckit-ota'`);
    expect(sessions).toHaveLength(1);
  });

  test('field 15: a server that is not up yet is waited for', async () => {
    const url = await postgres.server.createDatabase();
    await postgres.server.pause();
    const onWaiting = vi.fn(() => void postgres.server.resume());
    const database = await open(url, { startPatienceMs: 15_000, onWaiting });
    expect(await listApps(database.queries)).toEqual([]);
    expect(onWaiting).toHaveBeenCalledTimes(1);
  });

  test('field 15: a mistake is not tried again', async () => {
    const onWaiting = vi.fn();
    const url = postgres.server.url('missing');
    await expect(openPostgres({ url, startPatienceMs: 15_000, onWaiting })).rejects.toMatchObject({
      code: 'store_unavailable',
    });
    expect(onWaiting).not.toHaveBeenCalled();
  });

  describe.skipIf(!isInstalled('pgbouncer'))('through PgBouncer (needs pgbouncer)', () => {
    async function bouncer(mode: string): Promise<string> {
      const folder = await mkdtemp(join(tmpdir(), 'synckit-ota-pgbouncer-'));
      await chmod(folder, 0o755);
      const [port = 0] = await freePorts(1);
      const url = new URL(await postgres.server.createEmptyDatabase());
      const host = url.searchParams.get('host');
      await writeFile(
        join(folder, 'pgbouncer.ini'),
        `[databases]
${nameIn(url.href)} = host=${host} port=${url.port} user=postgres
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${port}
unix_socket_dir =
auth_type = any
pool_mode = ${mode}
`,
      );
      const command = ['-c', UNTIL_INPUT_ENDS, 'sh', 'pgbouncer', join(folder, 'pgbouncer.ini')];
      const pgbouncer = spawn('sh', command, { ...serverUser(), stdio: ['pipe', 'ignore', 'ignore'] });
      onTestFinished(async () => {
        const closed = once(pgbouncer, 'close');
        pgbouncer.stdin?.end();
        await closed;
        await rm(folder, { recursive: true, force: true });
      });
      return `postgres://postgres@127.0.0.1:${port}/${nameIn(url.href)}`;
    }

    test.each(['statement', 'transaction'])(
      'field 15: pool_mode=%s is refused with what to set',
      async (mode) => {
        const url = await bouncer(mode);
        await expect(
          openPostgres({ url, startPatienceMs: 10_000, responseTimeoutMs: 500 }),
        ).rejects.toMatchObject({
          code: 'store_unavailable',
          hint: expect.stringContaining('pool_mode = session'),
        });
      },
    );

    test('field 15: pool_mode=session is served from', async () => {
      const database = await open(await bouncer('session'), { startPatienceMs: 10_000 });
      await createApp(database.queries, { name: 'Test' }, by());
      expect(await listApps(database.queries)).toHaveLength(1);
    });
  });
});
