import { rename } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test, vi } from 'vitest';
import type { DatabaseFault } from '../../../../src/database/database.ts';
import { openSqlite } from '../../../../src/database/sqlite/open-sqlite.ts';
import { lifecycleOf } from '../../../../src/server/lifecycle.ts';
import { tempFolder } from '../../../support/process/temp-folder.ts';
import { startServer } from '../../../support/publish/publisher.ts';
import type { TestServer } from '../../../support/server/server.ts';

const ask = async ({ app }: TestServer, url = '/readyz') => {
  const reply = await app.inject({ url });
  const { status, reasons = [] } = reply.json<{ status: string; reasons?: { code: string }[] }>();
  return { code: reply.statusCode, status, reasons: reasons.map(({ code }) => code) };
};

describe('field 13: health checks', () => {
  test('are answered outside the API, without a token, and are not kept', async () => {
    const server = await startServer();
    for (const url of ['/livez', '/readyz']) {
      for (const method of ['GET', 'HEAD'] as const) {
        const reply = await server.app.inject({ method, url });
        expect(reply.statusCode).toBe(200);
        expect(reply.headers['cache-control']).toBe('no-store');
        expect(reply.headers['content-type']).toMatch(/^application\/json/);
        expect(reply.body === '').toBe(method === 'HEAD');
      }
    }
    expect(await ask(server)).toEqual({ code: 200, status: 'ready', reasons: [] });
  });

  test.each<DatabaseFault>(['unreachable', 'read_only', 'not_current'])(
    'say that a server is not ready with a database that is %s, but that it lives',
    async (fault) => {
      const database = await openSqlite({ dataDir: await tempFolder() });
      const server = await startServer({ database: { ...database, fault: () => fault } });
      expect(await ask(server)).toEqual({ code: 503, status: 'not_ready', reasons: [`database_${fault}`] });
      expect(await ask(server, '/livez')).toMatchObject({ code: 200 });
    },
  );

  test('say that a database file is gone, and that it is back', async () => {
    const dataDir = await tempFolder();
    const server = await startServer({}, dataDir);
    const file = join(dataDir, 'synckit-ota.sqlite');
    await rename(file, `${file}.away`);
    expect(await ask(server)).toMatchObject({ code: 503, reasons: ['database_unreachable'] });
    await rename(`${file}.away`, file);
    expect(await ask(server)).toMatchObject({ code: 200 });
  });

  test('say that the storage cannot be used, and that it can again', async () => {
    const now = vi.spyOn(performance, 'now').mockReturnValue(0);
    const server = await startServer();
    const { disk } = server;
    const check = vi.spyOn(disk, 'check').mockRejectedValue(new Error('no such folder'));
    for (const [time, code] of [
      [10_000, 503],
      [20_000, 200],
    ] as const) {
      now.mockReturnValue(time);
      await vi.waitFor(async () => expect(await ask(server)).toMatchObject({ code }));
      check.mockResolvedValue();
    }
    now.mockRestore();
  });

  test('say that a server is stopping', async () => {
    const server = await startServer();
    lifecycleOf(server.app).startDraining();
    expect(await ask(server)).toEqual({ code: 503, status: 'not_ready', reasons: ['draining'] });
    expect(await ask(server, '/livez')).toMatchObject({ code: 200 });
  });
});
