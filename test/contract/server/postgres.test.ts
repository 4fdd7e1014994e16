import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test, vi } from 'vitest';
import { openPostgres } from '../../../src/database/postgres/open-postgres.ts';
import { describeOnPostgres, useOwnPostgres } from '../../support/postgres/postgres.ts';
import { PostgresProxy } from '../../support/postgres/postgres-proxy.ts';
import { tempFolder } from '../../support/process/temp-folder.ts';
import { bytesOf, LINUX, Publisher, startServer } from '../../support/publish/publisher.ts';
import type { TestServer } from '../../support/server/server.ts';

describeOnPostgres('on PostgreSQL', () => {
  const postgres = useOwnPostgres();

  describe('a change made on one node', () => {
    async function startNodes() {
      const url = await postgres.server.createDatabase();
      const dataDir = await tempFolder(); // as if it were a bucket
      const nodes = [1, 2, 3].map(async () =>
        startServer({ database: await openPostgres({ url }) }, dataDir),
      );
      const [first, ...others] = await Promise.all(nodes);
      const app = await Publisher.on(first as TestServer);
      const expectOffered = (version: string | undefined, timeout = 1000) =>
        vi.waitFor(async () => {
          for (const node of others) expect(await app.at(node).offered()).toBe(version);
        }, timeout);
      return { url, app, others, expectOffered };
    }

    test('is offered by the others within a second', async () => {
      const { app, expectOffered } = await startNodes();
      await expectOffered(undefined);
      for (let i = 0; i < 10; i++) {
        const releaseId = await app.publish(`1.0.${i}`);
        await expectOffered(`1.0.${i}`);
        if (i % 3 !== 2) continue;
        await app.delete(releaseId);
        await expectOffered(`1.0.${i - 1}`);
      }
    });

    test('is offered by the others too while notifications fail', async () => {
      const { url, app, expectOffered } = await startNodes();
      await app.publish('1.0.0');
      await expectOffered('1.0.0');
      const database = new URL(url).pathname.slice(1);
      await postgres.server.sql(`
        alter database ${database} allow_connections false;
        select pg_terminate_backend(pid) from pg_stat_activity
        where datname = '${database}' and application_name = 'synckit-ota listener'`);
      for (const version of ['2.0.0', '3.0.0']) {
        await app.publish(version);
        await expectOffered(version, 5000);
      }
    });

    test('is offered by that node at once', async () => {
      const { app } = await startNodes();
      for (let i = 0; i < 20; i++) {
        await app.publish(`1.0.${i}`);
        expect(await app.offered()).toBe(`1.0.${i}`);
      }
    });

    test('can be continued on another', async () => {
      const { app, others } = await startNodes();
      const releaseId = await app.createRelease('1.0.0');
      const url = await app.at(others[0] as TestServer).requestUpload(releaseId, bytesOf('1.0.0').length);
      const put = await app.at(others[1] as TestServer).put(url, bytesOf('1.0.0'));
      expect(put.statusCode).toBe(200);
      expect(await app.fetchOffer()).toEqual(bytesOf('1.0.0'));
    });
  });

  describe('an upload with a commit that gets no response', () => {
    async function losingCommits() {
      const proxy = await PostgresProxy.to(postgres.server);
      const database = await openPostgres({ url: proxy.url(await postgres.server.createDatabase()) });
      const dataDir = await tempFolder();
      const app = await Publisher.on(await startServer({ database }, dataDir));
      const url = await app.promise('1.0.0', bytesOf('1.0.0').length);
      const put = async (atCommit: PostgresProxy['atCommit']) => {
        proxy.atCommit = atCommit;
        const reply = await app.put(url, bytesOf('1.0.0'));
        proxy.atCommit = 'pass';
        return reply;
      };
      const stored = () => readdir(join(dataDir, 'artifacts'));
      return { app, put, stored };
    }

    test('is answered with 503, and offered if it was committed after all', async () => {
      const { app, put } = await losingCommits();
      const reply = await put('cut after');
      expect(reply.statusCode).toBe(503);
      expect(reply.json()).toMatchObject({ code: 'unavailable' });
      await vi.waitFor(async () => expect(await app.offered()).toBe('1.0.0'));
      expect(await app.fetchOffer()).toEqual(bytesOf('1.0.0'));
    });

    test('is answered with 503, and can be sent again if it was not committed', async () => {
      const { app, put, stored } = await losingCommits();
      expect((await put('cut before')).statusCode).toBe(503);
      expect(await app.offered()).toBeUndefined();
      expect(await stored(), 'the outcome was unknown, so the bytes stay for maintenance').toHaveLength(1);
      expect((await put('pass')).statusCode).toBe(200);
      expect(await app.fetchOffer()).toEqual(bytesOf('1.0.0'));
    });
  });

  test('while the database is unavailable, what needs it is answered with 503, and normally afterwards', async () => {
    const database = await openPostgres({ url: await postgres.server.createDatabase() });
    const app = await Publisher.on(await startServer({ database }));
    const releaseId = await app.publish('1.0.0');
    const upload = await app.promise('2.0.0', bytesOf('2.0.0').length);
    const download = await app.downloadPath(releaseId);
    const ask = async () => [
      await app.check('0.9.0'),
      await app.get('/api/sync/ota/unknown/linux/x86_64/1.0.0'),
      await app.get(download),
      await app.send('GET', '/releases'),
      await app.send('POST', '/releases', { body: { version: '3.0.0', signature: 's' } }),
      await app.send('DELETE', `/releases/${releaseId}`),
      await app.put(upload, bytesOf('2.0.0')),
    ];
    await postgres.server.pause();
    const replies = await ask();
    await postgres.server.resume();
    expect(replies.map(({ statusCode }) => statusCode)).toEqual(replies.map(() => 503));
    for (const reply of replies) {
      expect(reply.json()).toMatchObject({ code: 'unavailable' });
      expect(reply.headers['retry-after']).toBe('5');
      expect(reply.body).not.toContain('postgres');
    }
    await vi.waitFor(async () => expect(await app.offered(LINUX)).toBe('1.0.0'), {
      timeout: 10_000,
      interval: 50,
    });
    const after = await ask();
    expect(after.map(({ statusCode }) => statusCode)).toEqual([200, 404, 200, 200, 201, 204, 200]);
  });
});
