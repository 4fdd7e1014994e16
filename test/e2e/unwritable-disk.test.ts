import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { isInstalled } from '../support/process/is-installed.ts';
import { checkLinux, publishLinux, startWorld, type World, writeBundle } from '../support/publish/world.ts';

/*
 * A limit on the size of files makes real writes fail with EFBIG. SQLite treats that as it does EDQUOT and EROFS, which
 * take a quota or a disk of one's own.
 */

const MAX_DATABASE_BYTES = 2_000_000;

/** As a script that knows the documented API. @returns the status of the first request that fails, or the last one */
async function uploadTo({ server, app }: World, file: string): Promise<number> {
  const url = `${server.url}/api/sync/ota/apps/${app.id}/releases`;
  const bytes = await readFile(file);
  const headers = { authorization: `Bearer ${app.token}`, 'content-type': 'application/json' };
  const post = (path: string, body: object) =>
    fetch(url + path, { method: 'POST', headers, body: JSON.stringify(body) });
  const created = await post('', { version: '1.0.1', notes: '', signature: 'signature' });
  if (!created.ok) return created.status;
  const { id } = (await created.json()) as { id: string };
  const granted = await post(`/${id}/artifacts`, {
    target: 'linux',
    arch: 'x86_64',
    file_size: bytes.length,
  });
  if (!granted.ok) return granted.status;
  const { upload_url } = (await granted.json()) as { upload_url: string };
  return (await fetch(upload_url, { method: 'PUT', body: bytes })).status;
}

describe.skipIf(process.platform !== 'linux' || !isInstalled('prlimit'))('(needs prlimit)', () => {
  test.each([
    ['a file', MAX_DATABASE_BYTES],
    ['the database', 10],
  ])(
    'field 2: a server goes on while its disk takes no more of %s, and publishes once it does',
    async (_, limit) => {
      const world = await startWorld();
      const limitTo = (size: string) =>
        execFileSync('prlimit', ['--pid', String(world.server.pid), `--fsize=${size}:unlimited`]);
      const file = await writeBundle(world.folder, 'App.AppImage', randomBytes(2 * MAX_DATABASE_BYTES));
      const small = await writeBundle(world.folder, 'Small.AppImage');
      const first = await world.run(publishLinux('1.0.0', small));
      expect(first.code, first.stderr).toBe(0);

      limitTo(String(limit));
      expect(await uploadTo(world, file)).toBe(503);
      expect(await world.runJson(checkLinux('0.9.0', '--download'))).toMatchObject({
        code: 0,
        document: { version: '1.0.0' },
      });
      expect(JSON.stringify(world.server.logs())).toMatch(/EFBIG|takes no more data/);

      limitTo('unlimited');
      const published = await world.run(publishLinux('1.1.0', file));
      expect(published.code, published.stderr).toBe(0);
      expect(await readdir(join(world.dataDir, 'staging'))).toEqual([]);
      expect(await world.runJson(checkLinux('0.9.0'))).toMatchObject({
        document: { version: '1.1.0' },
      });
      expect(await world.server.stop()).toBe(0);
    },
  );
});
