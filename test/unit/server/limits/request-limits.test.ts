import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { DEFAULT_LIMITS } from '../../../../src/server/limits/server-limits.ts';
import { RawConnection } from '../../../support/network/raw-connection.ts';
import { passTime } from '../../../support/process/pass-time.ts';
import { Publisher, requireStatus, startServer } from '../../../support/publish/publisher.ts';

const FEW = { total: 2, each: 1, waiting: 0 };

/** A server that takes few requests at once, with two apps. */
async function listening(limits: Partial<typeof DEFAULT_LIMITS>) {
  const server = await startServer({ limits: { ...DEFAULT_LIMITS, ...limits } });
  const { url } = await server.listen();
  const [app, other] = [await Publisher.on(server), await Publisher.on(server, { slug: 'other' })];
  /** A request with a body that does not arrive. */
  const open = async (target: string, ...lines: string[]) => {
    const connection = await RawConnection.to(url);
    connection.sendHead(target, 'Content-Length: 100', 'Expect: 100-continue', ...lines);
    return connection;
  };
  const create = ({ id, token }: Publisher) =>
    open(
      `POST /api/sync/ota/apps/${id}/releases HTTP/1.1`,
      `Authorization: Bearer ${token}`,
      'Content-Type: application/json',
    );
  const upload = async (by: Publisher, version: string) => {
    const { pathname, search } = new URL(await by.promise(version, 100));
    return open(`PUT ${pathname}${search} HTTP/1.1`);
  };
  return { server, app, other, create, upload };
}

const INVITED = /^HTTP\/1\.1 100 /;
const answerOf = async (connection: RawConnection) => connection.until(/\r\n\r\n/);

function requireRefusal(reply: string, status: number, code: string): void {
  expect(reply).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
  expect(reply).toMatch(/retry-after: 5\r\n/i);
  expect(reply).toContain(`"code":"${code}"`);
}

describe('attack M10: requests at once', () => {
  test('of one token are limited, without keeping others out, and then those of all', async () => {
    const { app, other, create } = await listening({ writes: FEW });
    const first = await create(app);
    expect(await answerOf(first)).toMatch(INVITED);
    requireRefusal(await answerOf(await create(app)), 429, 'too_many_requests');
    expect(await answerOf(await create(other))).toMatch(INVITED);
    const third = await Publisher.on(app.server, { slug: 'third' });
    requireRefusal(await answerOf(await create(third)), 503, 'unavailable');
    first.destroy();
    await sleep(50);
    expect(await answerOf(await create(third))).toMatch(INVITED);
  });

  test('that read have a limit of their own, and update checks none', async () => {
    const { app, create } = await listening({ writes: FEW, reads: FEW });
    await answerOf(await create(app));
    requireStatus(await app.send('GET', '/releases'), 200);
    const replies = await Promise.all(Array.from({ length: 50 }, () => app.check('0.1.0')));
    expect(replies.every(({ statusCode }) => statusCode === 204)).toBe(true);
  });

  test('that are over a limit wait, and are refused if it takes too long', async () => {
    const { app, create } = await listening({ writes: { total: 1, each: 1, waiting: 2 } });
    const first = await create(app);
    await answerOf(first);
    const waiting = [await create(app), await create(app)];
    await sleep(50);
    requireRefusal(await answerOf(await create(app)), 429, 'too_many_requests');
    first.destroy();
    const replies = await passTime(() => Promise.all(waiting.map(answerOf)));
    expect(replies[0]).toMatch(INVITED);
  });

  test('that upload are limited by app, in one request and in parts', async () => {
    const { app, other, upload } = await listening({ uploads: FEW });
    const first = await upload(app, '1.0.0');
    expect(await answerOf(first)).toMatch(INVITED);
    requireRefusal(await answerOf(await upload(app, '2.0.0')), 429, 'too_many_requests');
    expect(await answerOf(await upload(other, '1.0.0'))).toMatch(INVITED);
    first.destroy();
    await sleep(50);
    expect(await answerOf(await upload(app, '3.0.0'))).toMatch(INVITED);
  });

  test('that download are limited by client', async () => {
    const { server, app } = await listening({ downloads: FEW });
    const releaseId = await app.publish('1.0.0', Buffer.alloc(30_000_000));
    const path = await app.downloadPath(releaseId);
    const url = server.services.publicUrl();
    const download = async () => {
      const connection = await RawConnection.to(url);
      connection.pause();
      connection.sendHead(`GET ${path} HTTP/1.1`);
      await sleep(100);
      return connection;
    };
    const slow = await download();
    const refused = await fetch(url + path);
    expect(refused.status).toBe(429);
    expect(refused.headers.get('retry-after')).toBe('5');
    slow.destroy();
    await sleep(100);
    expect((await fetch(url + path)).status).toBe(200);
  });
});
