import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test, vi } from 'vitest';
import { OtaError } from '../../../../src/errors.ts';
import type { Services } from '../../../../src/server/services.ts';
import { tempFolder } from '../../../support/process/temp-folder.ts';
import { Publisher, startServer } from '../../../support/publish/publisher.ts';

const PLANTED = '/var/lib/planted-secret.sqlite';

/** An error as Node and better-sqlite3 throw them. */
function failure(code: string, message = `failed at ${PLANTED}`): Error {
  return Object.assign(new Error(message), { code });
}

async function failingAt(
  where: 'write' | 'promote' | 'database',
  error: Error,
  overrides: Partial<Services> = {},
) {
  const dataDir = await tempFolder();
  const server = await startServer(overrides, dataDir);
  const app = await Publisher.on(server);
  const url = await app.promise('1.0.0', 5);
  if (where === 'database') {
    vi.spyOn(server.database.queries, 'transaction').mockImplementation(() => {
      throw error;
    });
  } else {
    const method = where === 'write' ? 'receive' : 'promote';
    vi.spyOn(server.disk, method).mockRejectedValue(error);
  }
  const reply = await app.put(url, Buffer.from('bytes'));
  vi.restoreAllMocks();
  return { app, reply, dataDir };
}

describe('an unexpected error', () => {
  test('is answered with 500, without its details', async () => {
    const { app, reply } = await failingAt('promote', new Error(`failed at ${PLANTED}`));
    expect(reply.statusCode).toBe(500);
    expect(reply.headers['content-type']).toMatch(/^application\/problem\+json/);
    expect(reply.json()).toMatchObject({ status: 500, code: 'internal' });
    expect(reply.body).not.toContain('planted');
    expect(reply.body).not.toContain('stack');
    expect(await app.offered()).toBeUndefined();
  });

  test('does not end the process', async () => {
    const onDurabilityLost = vi.fn();
    await failingAt('promote', failure('EACCES'), { onDurabilityLost });
    expect(onDurabilityLost).not.toHaveBeenCalled();
  });
});

describe('a full disk', () => {
  test.each([
    ['while bytes are written', 'write', new OtaError('no_space', PLANTED)],
    ['while bytes are moved', 'promote', new OtaError('no_space', PLANTED)],
    ['in the database', 'database', failure('SQLITE_FULL')],
  ] as const)('%s is answered with 507, and nothing partial is offered', async (_when, where, error) => {
    const onDurabilityLost = vi.fn();
    const { app, reply } = await failingAt(where, error, { onDurabilityLost });
    expect(reply.statusCode).toBe(507);
    expect(reply.json()).toMatchObject({ code: 'insufficient_storage' });
    expect(reply.body).not.toContain('planted');
    expect(await app.offered()).toBeUndefined();
    expect(onDurabilityLost).not.toHaveBeenCalled();
  });

  test('is detected before a byte is written if a file would not fit', async () => {
    const dataDir = await tempFolder();
    const server = await startServer({ maxArtifactSize: Number.MAX_SAFE_INTEGER }, dataDir);
    const app = await Publisher.on(server);
    const url = new URL(await app.promise('1.0.0', 2 ** 52));
    const reply = await server.app.inject({
      method: 'PUT',
      url: url.pathname + url.search,
      headers: { 'content-length': String(2 ** 52) },
    });
    expect(reply.statusCode).toBe(507);
    expect(await readdir(join(dataDir, 'staging'))).toEqual([]);
    expect((await app.send('GET', '/releases')).statusCode).toBe(200);
  });
});

describe('a disk that fails', () => {
  test.each([
    ['while bytes are written', 'write', new OtaError('durability_lost', PLANTED)],
    ['while bytes are moved', 'promote', new OtaError('durability_lost', PLANTED)],
    ['in the database', 'database', failure('SQLITE_IOERR_FSYNC')],
  ] as const)('%s is acknowledged with no 2xx and ends the process', async (_when, where, error) => {
    const onDurabilityLost = vi.fn();
    const { reply } = await failingAt(where, error, { onDurabilityLost });
    expect(reply.statusCode).toBe(503);
    expect(reply.body).not.toContain('planted');
    expect(onDurabilityLost).toHaveBeenCalledExactlyOnceWith(
      expect.objectContaining({ code: 'durability_lost' }),
    );
  });

  test('also ends the process if it fails after the response, while deleted bytes are removed', async () => {
    const onDurabilityLost = vi.fn();
    const server = await startServer({ onDurabilityLost });
    const app = await Publisher.on(server);
    const releaseId = await app.publish('1.0.0');
    vi.spyOn(server.services.storage, 'remove').mockRejectedValue(
      new OtaError('durability_lost', 'fsync failed'),
    );
    await app.delete(releaseId);
    await vi.waitFor(() => expect(server.services.storage.remove).toHaveBeenCalled());
    await vi.waitFor(() => expect(onDurabilityLost).toHaveBeenCalled());
  });
});

test('a busy database is answered with 503 and Retry-After', async () => {
  const { reply } = await failingAt('database', failure('SQLITE_BUSY'));
  expect(reply.statusCode).toBe(503);
  expect(reply.headers['retry-after']).toBe('5');
});

test('field 11: a file that is in the database but not on the disk is answered with the problem file_lost', async () => {
  const server = await startServer();
  const app = await Publisher.on(server);
  const path = await app.downloadPath(await app.publish('1.0.0'));
  const [row] = await server.database.queries.selectFrom('artifacts').select('storage_key').execute();
  await server.services.storage.remove(row?.storage_key ?? '');
  const reply = await app.get(path);
  expect(reply.statusCode).toBe(404);
  expect(reply.json()).toMatchObject({ code: 'file_lost' });
  expect(reply.body).not.toContain(server.disk.servedFolder);
});

test.each([
  ['GET', '/'],
  ['GET', '/api/sync/ota/nothing/here'],
  ['PATCH', '/api/sync/ota/nothing'],
] as const)('%s %s is answered with the problem not_found', async (method, url) => {
  const reply = await (await startServer()).app.inject({ method, url });
  expect(reply.statusCode).toBe(404);
  expect(reply.headers['content-type']).toMatch(/^application\/problem\+json/);
  expect(reply.json()).toMatchObject({ code: 'not_found', status: 404 });
});
