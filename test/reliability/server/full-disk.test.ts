import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { openSqlite } from '../../../src/database/sqlite/open-sqlite.ts';
import { run, type Serving, startServe } from '../../support/process/binary.ts';
import { canMount, mountSmallDisk } from '../../support/process/tmpfs.ts';
import { addApp } from '../../support/server/add-app.ts';

const ALMOST_NOTHING = [0, 4096, 8192, 40_000, 200_000];
const TIMEOUT_MS = 120_000;

interface Releases {
  readonly deleted: string;
  readonly yanked: string;
  readonly kept: string;
}

function callsTo(server: Serving, app: { readonly id: string; readonly token: string }) {
  const base = `${server.url}/api/sync/ota`;
  const call = async (method: string, path: string, body?: object) => {
    const headers = { authorization: `Bearer ${app.token}`, 'content-type': 'application/json' };
    const response = await fetch(`${base}/apps/${app.id}${path}`, {
      method,
      headers: body ? headers : { authorization: headers.authorization },
      ...(body && { body: JSON.stringify(body) }),
    });
    return { status: response.status, body: await response.text() };
  };
  const check = async () => (await fetch(`${base}/my-app/linux/x86_64/0.0.1`)).status;
  const publish = async (version: string): Promise<string> => {
    const created = await call('POST', '/releases', { version, signature: 's', notes: 'n'.repeat(20_000) });
    const { id } = JSON.parse(created.body);
    const bytes = Buffer.alloc(10_000, version);
    const platform = { target: 'linux', arch: 'x86_64', file_size: bytes.length };
    const granted = await call('POST', `/releases/${id}/artifacts`, platform);
    const put = await fetch(JSON.parse(granted.body).upload_url, { method: 'PUT', body: bytes });
    expect(put.status).toBe(200);
    return id;
  };
  return { call, check, publish };
}

async function startOnSmallDisk() {
  const disk = mountSmallDisk(160);
  const dataDir = join(disk.folder, 'data');
  const start = () => startServe(dataDir);
  const server = await start();
  const database = await openSqlite({ dataDir });
  const app = await addApp(database, { name: 'My App', slug: 'my-app' }).finally(() => database.close());
  return { disk, dataDir, server, start, app };
}

describe.skipIf(!canMount)('(mounts disks: Linux, as root)', () => {
  test.each(ALMOST_NOTHING)(
    'crash B2 B3: with %i bytes free a server deletes, yanks, revokes and starts, and refuses all else',
    async (free) => {
      const { disk, dataDir, server, start, app } = await startOnSmallDisk();
      const { call, check, publish } = callsTo(server, app);
      const releases: Releases = {
        deleted: await publish('1.0.0'),
        yanked: await publish('1.1.0'),
        kept: await publish('0.9.0'),
      };
      const tokens = ['tokens', 'create', '--app', app.id, '--name', 'stolen', '--data-dir', dataDir];
      expect(await run(tokens)).toMatchObject({ code: 0 });
      expect(existsSync(join(dataDir, 'reserve'))).toBe(true);

      disk.fill(free);
      expect((await call('POST', '/releases', { version: '2.0.0' })).status).toBe(507);
      expect((await call('PUT', '/slug', { slug: 'other' })).status).toBe(507);
      expect((await call('PATCH', `/releases/${releases.kept}`, { notes: 'n' })).status).toBe(507);
      expect(await run(tokens)).toMatchObject({ code: 9 });
      expect((await call('DELETE', `/releases/${releases.deleted}`)).status).toBe(204);
      disk.fill(free);
      expect((await call('PATCH', `/releases/${releases.yanked}`, { status: 'yanked' })).status).toBe(200);
      disk.fill(free);
      const revoked = await run(['tokens', 'revoke', 'stolen', '--data-dir', dataDir]);
      expect(revoked.code, revoked.stderr).toBe(0);
      expect(await check()).toBe(200);
      expect(await server.stop()).toBe(0);

      disk.fill(free);
      const again = await start();
      const after = callsTo(again, app);
      expect(await after.check()).toBe(200);
      expect((await after.call('POST', '/releases', { version: '2.0.0' })).status).toBe(507);
      disk.clear();
      await after.publish('2.0.0');
      expect(await again.stop()).toBe(0);
      expect(JSON.stringify([...server.logs(), ...again.logs()])).not.toMatch(/"level":60|This is a bug/);
    },
    TIMEOUT_MS,
  );

  test(
    'crash B3: a full disk is freed by deletions, although something takes all that becomes free',
    async () => {
      const { disk, server, app } = await startOnSmallDisk();
      const { call, publish } = callsTo(server, app);
      const ids: string[] = [];
      for (let i = 0; i < 30; i++) ids.push(await publish(`1.${i}.0`));
      for (const id of ids) {
        disk.fill(0);
        expect((await call('DELETE', `/releases/${id}`)).status).toBe(204);
      }
      expect(await server.stop()).toBe(0);
    },
    TIMEOUT_MS,
  );

  test.each([0, 4096, 8192, 12_288, 20_480, 36_864, 40_960, 65_536, 200_000])(
    'crash C6: a first start with %i bytes free says that the disk is full, or serves',
    async (free) => {
      const disk = mountSmallDisk(8);
      disk.fill(free);
      const dataDir = join(disk.folder, 'data');
      const serving = await startServe(dataDir).catch((error: unknown) => String(error));
      if (typeof serving === 'string') {
        expect(serving).toMatch(/exit 9/);
        expect(serving).toMatch(/full/);
        expect(serving).not.toMatch(/bug/);
        disk.clear();
        await (await startServe(dataDir)).stop();
      } else await serving.stop();
      const created = await run(['apps', 'create', 'My App', '--data-dir', dataDir, '--json']);
      expect(JSON.parse(created.stdout)).toMatchObject({ error: { code: 'no_space' } });
    },
    TIMEOUT_MS,
  );
});
