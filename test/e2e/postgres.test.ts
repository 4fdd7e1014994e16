import { copyFile, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { RawConnection } from '../support/network/raw-connection.ts';
import { describeOnPostgres, useOwnPostgres } from '../support/postgres/postgres.ts';
import { type RunOptions, run, type Serving, startServe } from '../support/process/binary.ts';
import { tempFolder } from '../support/process/temp-folder.ts';
import { checkLinux, publishLinux, runJson, writeBundle } from '../support/publish/world.ts';

const PASSWORD = 'canary-in-the-url';
const PATIENCE = { timeout: 15_000, interval: 50 };

describeOnPostgres('serve on PostgreSQL', () => {
  const postgres = useOwnPostgres();

  /** `serve` on a database and a data folder, and one app, created by `apps create` on the same database. */
  async function startOnPostgres(serveArgs: readonly string[] = []) {
    const folder = await tempFolder();
    const dataDir = join(folder, 'data');
    const url = await postgres.server.createEmptyDatabase();
    const env = { SYNCKIT_OTA_DATABASE: url.replace('postgres@', `postgres:${PASSWORD}@`) };
    const server = await serve(dataDir, serveArgs, { env });
    const created = await runJson(['apps', 'create', 'My App', '--slug', 'my-app'], { env });
    const { id, token } = created.document;
    const remote = { SYNCKIT_OTA_SERVER: server.url, SYNCKIT_OTA_APP: id, SYNCKIT_OTA_TOKEN: token };
    const inFolder: RunOptions = { cwd: folder, env: remote };
    return {
      dataDir,
      url,
      env,
      server,
      id,
      token,
      runJson: (args: readonly string[]) => runJson(args, inFolder),
      publish: async (version: string) => {
        const file = await writeBundle(folder, `App-${version}.AppImage`);
        return runJson(publishLinux(version, file), inFolder);
      },
      check: (path = 'my-app/linux/x86_64/0.9.0') => fetch(`${server.url}/api/sync/ota/${path}`),
    };
  }

  async function serve(dataDir: string, args: readonly string[], options: RunOptions): Promise<Serving> {
    const server = await startServe(dataDir, args, options);
    onTestFinished(async () => void (await server.stop('SIGKILL')));
    return server;
  }

  test('supports publish, check and administration, and never shows the password', async () => {
    const world = await startOnPostgres(['--verbose']);
    const published = await world.publish('1.2.0');
    expect(published, published.stderr).toMatchObject({ code: 0, document: { status: 'published' } });
    expect(await world.runJson(checkLinux('1.1.0', '--download'))).toMatchObject({
      code: 0,
      document: { update: true, version: '1.2.0' },
    });
    const { env } = world;
    const { document: apps } = await runJson(['apps', 'list'], { env });
    expect(apps).toMatchObject([{ id: world.id, slug: 'my-app' }]);
    const created = await runJson(['tokens', 'create', '--app', world.id], { env });
    const { document: tokens } = await runJson(['tokens', 'list'], { env });
    expect(tokens).toHaveLength(2);
    const revoked = await runJson(['tokens', 'revoke', created.document.id], { env });
    expect(revoked).toMatchObject({ code: 0 });
    expect(await world.server.stop()).toBe(0);

    const logs = JSON.stringify(world.server.logs());
    expect(world.server.logs()).toContainEqual(
      expect.objectContaining({ msg: 'listening', database: expect.stringMatching(/^\/.*\/test_\w+$/) }),
    );
    for (const { stdout, stderr } of [published, created, revoked])
      expect(stdout + stderr).not.toContain(PASSWORD);
    expect(logs).not.toContain(PASSWORD);
  });

  test('uses the database’s clock, and logs a difference from this machine’s', async () => {
    const url = await postgres.server.createDatabase();
    const name = new URL(url).pathname.slice(1);
    await postgres.server.sql(
      `create function public.clock_timestamp() returns timestamptz language sql as
         $$ select pg_catalog.clock_timestamp() - interval '1 day' $$;
       alter database ${name} set search_path = public, pg_catalog`,
      name,
    );
    const env = { SYNCKIT_OTA_DATABASE: url };
    const server = await serve(join(await tempFolder(), 'data'), [], { env });
    expect(server.logs()).toContainEqual(
      expect.objectContaining({ seconds: 86_400, msg: expect.stringContaining('clock') }),
    );
    const { document } = await runJson(['apps', 'create', 'My App'], { env });
    const token = await runJson(['tokens', 'create', '--app', document.id, '--expires', '1'], { env });
    const expires = Date.parse(token.document.expires_at);
    expect(Math.abs(expires - Date.now())).toBeLessThan(60_000);
  });

  describe('with the artifacts on its disk', () => {
    test('refuses a second node until the first has stopped or was killed', async () => {
      const { dataDir, env, server } = await startOnPostgres();
      const another = ['serve', '--port', '0', '--data-dir', join(await tempFolder(), 'other')];
      const second = await run(another, { env });
      expect(second.code).toBe(9);
      expect(second.stderr).toMatch(
        /^error: another `synckit-ota serve` already serves this database.*\.\n {2}.*\.\n$/,
      );

      expect(await server.stop('SIGKILL')).toBeNull();
      expect(await (await serve(dataDir, [], { env })).stop()).toBe(0);
    });

    test('refuses a data folder without its artifacts', async () => {
      const { dataDir, env, server } = await startOnPostgres();
      await server.stop();
      const other = join(await tempFolder(), 'other');
      const { code, stderr } = await run(['serve', '--port', '0', '--data-dir', other], { env });
      const idIn = async (folder: string) => (await readFile(join(folder, 'storage-id'), 'utf8')).trim();
      expect(code).toBe(9);
      expect(stderr).toContain(
        `the files of this database are in the data folder with the id ${await idIn(dataDir)}, not in the data folder with the id ${await idIn(other)}`,
      );

      for (const name of ['storage-id', 'owner.json']) await copyFile(join(dataDir, name), join(other, name));
      expect(await (await serve(other, [], { env })).stop()).toBe(0); // as where the folder was moved to
      const behind = await run(['serve', '--port', '0', '--data-dir', dataDir], { env });
      expect(behind).toMatchObject({ code: 9, stderr: expect.stringContaining('storage claim') });
    });
  });

  test('gives no stale offer after it was suspended, even before a notification arrives', async () => {
    const { url, publish, server } = await startOnPostgres();
    expect(await publish('1.2.0')).toMatchObject({ code: 0 });
    const connection = await RawConnection.to(server.url);
    const ask = () => connection.sendHead('GET /api/sync/ota/my-app/linux/x86_64/0.9.0 HTTP/1.1');
    ask();
    await connection.until(/^HTTP\/1\.1 200 .*"version":"1\.2\.0"/s);
    process.kill(server.pid, 'SIGSTOP');
    ask(); // before the change, so it is read before the notification of it
    await sleep(1500);
    await postgres.server.sql(
      "update releases set status = 'yanked'; update artifacts set released = 0; update apps set revision = revision + 1",
      new URL(url).pathname.slice(1),
    );
    process.kill(server.pid, 'SIGCONT');
    await connection.until(/}HTTP\/1\.1 204 /);
  });

  describe('while PostgreSQL is away', () => {
    test('answers checks with stale offers, and everything else with 503', async () => {
      const { publish, check, server } = await startOnPostgres();
      expect(await publish('1.2.0')).toMatchObject({ code: 0 });
      const [offer, none] = [await check(), await check('my-app/linux/x86_64/1.2.0')];
      expect([offer.status, none.status]).toEqual([200, 204]);
      const { url } = (await offer.json()) as { url: string };

      await postgres.server.pause();
      const away = [
        await check(),
        await check('my-app/linux/x86_64/1.2.0'),
        await check('unknown/linux/x86_64/1.0.0'),
      ];
      const download = await fetch(url, { redirect: 'manual' });
      await postgres.server.resume();
      expect(away.map(({ status }) => status)).toEqual([200, 204, 503]);
      expect(await away[0]?.json()).toMatchObject({ version: '1.2.0' });
      expect(download.status).toBe(503);
      await vi.waitFor(async () => {
        expect((await check('unknown/linux/x86_64/1.0.0')).status).toBe(404);
        expect(server.logs().map(({ msg }) => msg)).toContain('database connection restored');
      }, PATIENCE);
      expect(await server.stop()).toBe(0);
      const logs = JSON.stringify(server.logs());
      expect(logs).toContain('database connection lost; reconnecting');
      expect(logs).toContain('database unavailable: serving stale update checks');
      expect(logs).not.toContain(PASSWORD);
    });

    test('answers checks with 503 if --stale-if-error is 0', async () => {
      const { publish, check } = await startOnPostgres(['--stale-if-error', '0']);
      expect(await publish('1.2.0')).toMatchObject({ code: 0 });
      expect((await check()).status).toBe(200);
      await postgres.server.pause();
      await vi.waitFor(async () => expect((await check()).status).toBe(503), PATIENCE);
      await postgres.server.resume();
      await vi.waitFor(async () => expect((await check()).status).toBe(200), PATIENCE);
    });

    test('stops on SIGTERM', async () => {
      const { server } = await startOnPostgres();
      await postgres.server.pause();
      expect(await server.stop()).toBe(0);
      await postgres.server.resume();
    });

    test('gives at worst 503 under load, recovers by itself, and loses nothing it acknowledged', async () => {
      const { id, token, check, server } = await startOnPostgres(['--stale-if-error', '0']);
      const statuses = new Map<string, number>();
      const acknowledged: string[] = [];
      let stop = false;
      const count = (what: string, status: number) => {
        const key = `${what} ${status}`;
        statuses.set(key, (statuses.get(key) ?? 0) + 1);
      };
      const checks = Array.from({ length: 4 }, async () => {
        for (; !stop; await sleep(5)) count('check', (await check()).status);
      });
      const creations = Array.from({ length: 4 }, async (_, worker) => {
        for (let i = 0; !stop; i++) {
          const version = `${worker}.${i}.0`;
          const response = await fetch(`${server.url}/api/sync/ota/apps/${id}/releases`, {
            method: 'POST',
            headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
            body: JSON.stringify({ version, signature: 's' }),
          });
          count('create', response.status);
          if (response.status === 201) acknowledged.push(version);
        }
      });
      for (const how of ['fast', 'crash', 'fast'] as const) {
        await sleep(300);
        const before = acknowledged.length;
        await postgres.server.pause(how);
        await sleep(300);
        await postgres.server.resume();
        await vi.waitFor(() => expect(acknowledged.length).toBeGreaterThan(before + 10), PATIENCE);
      }
      stop = true;
      await Promise.all([...checks, ...creations]);
      expect([...statuses.keys()].sort()).toEqual(['check 204', 'check 503', 'create 201', 'create 503']);
      const list = await fetch(`${server.url}/api/sync/ota/apps/${id}/releases`, {
        headers: { authorization: `Bearer ${token}` },
      });
      const versions = ((await list.json()) as { version: string }[]).map(({ version }) => version);
      expect(versions).toEqual(expect.arrayContaining(acknowledged));
      expect(await server.stop()).toBe(0);
    });
  });
});
