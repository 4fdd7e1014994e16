import { readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { platform } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test, vi } from 'vitest';
import { tempFolder } from '../../support/process/temp-folder.ts';
import { bytesOf, Publisher, requireStatus, startServer } from '../../support/publish/publisher.ts';
import { maintainOnce } from '../../support/server/maintenance-once.ts';
import { replaceBy, SPECIAL_FILES } from '../../support/server/special-file.ts';

/** A server with two releases; a file of the second is at `path`. */
async function startWithTwo() {
  const server = await startServer();
  const app = await Publisher.on(server);
  await app.publish('1.0.0');
  const releaseId = await app.publish('2.0.0');
  expect(await app.offered()).toBe('2.0.0');
  const row = await server.database.queries
    .selectFrom('artifacts')
    .select('storage_key')
    .where('release_id', '=', releaseId)
    .executeTakeFirstOrThrow();
  const key = row.storage_key ?? '';
  const folder = server.disk.servedFolder;
  return {
    server,
    app,
    releaseId,
    key,
    folder,
    path: join(folder, key),
    url: await app.downloadPath(releaseId),
  };
}

describe.skipIf(platform() === 'win32').each(SPECIAL_FILES)(
  'field 11: a %s in the place of a stored file',
  (kind) => {
    test('is found once, is not sent, and is repaired by the same bytes', async () => {
      const { server, app, releaseId, path, url } = await startWithTwo();
      const kept = await replaceBy(kind, path);
      const lines = await maintainOnce(server.services);
      expect(lines.map((line) => JSON.parse(line))).toMatchObject([
        { release: '2.0.0', reason: 'unreadable' },
      ]);
      expect(await maintainOnce(server.services)).toEqual([]);
      expect(await app.offered()).toBe('1.0.0');
      for (const address of [url, `/api/sync/ota/my-app/download/${releaseId}/linux/x86_64`]) {
        const reply = await app.get(address);
        expect(reply.statusCode, reply.body).toBe(404);
      }
      const bytes = bytesOf('2.0.0');
      requireStatus(await app.put(await app.requestUpload(releaseId, bytes.length), bytes), 200);
      await vi.waitFor(async () => expect(await app.offered()).toBe('2.0.0'));
      expect(await app.fetchOffer()).toEqual(bytes);
      expect(await maintainOnce(server.services)).toEqual([]);
      expect(await readFile(kept)).toEqual(bytes);
    });

    test.each(['GET', 'HEAD'] as const)('is found by a %s, also of many at once', async (method) => {
      const { server, app, path, url } = await startWithTwo();
      await replaceBy(kind, path);
      const replies = await Promise.all(
        Array.from({ length: 8 }, () => server.app.inject({ method, url, headers: { range: 'bytes=0-1' } })),
      );
      expect(replies.map(({ statusCode }) => statusCode)).toEqual(replies.map(() => 404));
      expect(await app.offered()).toBe('1.0.0');
    });

    test('is no reason to fail each minute once its release is deleted, and a folder is left', async () => {
      const { server, app, releaseId, key, folder, path } = await startWithTwo();
      const kept = await replaceBy(kind, path);
      await app.delete(releaseId);
      expect(await maintainOnce(server.services)).toEqual([]);
      expect((await readdir(folder)).includes(key)).toBe(kind === 'folder');
      expect(await readFile(kept)).toEqual(bytesOf('2.0.0'));
      const { queries } = server.database;
      expect(
        await queries.selectFrom('artifacts').select('id').where('storage_key', '=', key).execute(),
      ).toEqual([]);
    });
  },
);

test.skipIf(platform() === 'win32')(
  'field 11: nothing is written through a link that is in the place of an upload in parts',
  async () => {
    const { server } = await startWithTwo();
    const { parts } = server.disk.arrivals;
    const upload = { uploadId: 'u', multipartId: await parts.start('u', 5) };
    const outside = join(await tempFolder(), 'outside');
    await writeFile(outside, 'of somebody else');
    const data = join(server.disk.servedFolder, '..', 'parts', `u.${upload.multipartId}`, 'data');
    await rm(data);
    await symlink(outside, data);
    const body = (async function* () {
      yield Buffer.from('bytes');
    })();
    const part = { number: 1, size: 5, offset: 0, body, blake2b512: false };
    await expect(parts.write(upload, part)).rejects.toMatchObject({ code: 'store_unavailable' });
    expect(await readFile(outside, 'utf8')).toBe('of somebody else');
  },
);
