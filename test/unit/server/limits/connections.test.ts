import { platform } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { limitsFor } from '../../../../src/server/limits/server-limits.ts';
import type { Services } from '../../../../src/server/services.ts';
import { RawConnection } from '../../../support/network/raw-connection.ts';
import { Publisher, startServer } from '../../../support/publish/publisher.ts';

const CLIENT = '127.0.0.1';
const OTHER = '127.0.0.2';
const CHECK = 'GET /api/sync/ota/my-app/linux/x86_64/0.1.0 HTTP/1.1';

async function listening(connections: number, perClient: number, overrides: Partial<Services> = {}) {
  const server = await startServer({ limits: limitsFor(connections, perClient), ...overrides });
  const { url } = await server.listen();
  const app = await Publisher.on(server);
  await app.publish('1.0.0');
  const connect = async (address = CLIENT) => {
    const connection = await RawConnection.to(url, address);
    await sleep(20); // accepted
    return connection;
  };
  /** With a request that is answered only when its body has arrived. */
  const busy = async (address = CLIENT) => {
    const connection = await connect(address);
    connection.sendHead(
      `POST /api/sync/ota/apps/${app.id}/releases HTTP/1.1`,
      'Content-Type: application/json',
      `Authorization: Bearer ${app.token}`,
      'Expect: 100-continue',
      'Content-Length: 100',
    );
    await connection.until(/100 Continue/);
    return connection;
  };
  const check = async (connection: RawConnection) => {
    connection.sendHead(CHECK, 'Connection: close');
    return connection.untilClosed();
  };
  return { app, url, connect, busy, check };
}

test('a connection that stops in the middle of a request is closed after two minutes', async () => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'performance'] });
  onTestFinished(() => void vi.useRealTimers());
  const { connect, busy } = await listening(16, 8);
  const [stopped, moving] = [await busy(), await busy()];
  const idle = await connect();
  for (let seconds = 0; seconds < 115; seconds += 5) {
    moving.send(' ');
    await sleep(5);
    vi.advanceTimersByTime(5000);
  }
  expect(stopped.isClosed).toBe(false);
  vi.advanceTimersByTime(10_000);
  expect(await stopped.untilClosed()).not.toContain('HTTP/1.1 4');
  await idle.untilClosed();
  expect(moving.isClosed).toBe(false);
});

function problemIn(text: string): object {
  return JSON.parse(text.split('\r\n\r\n').at(-1) ?? '');
}

describe.skipIf(platform() !== 'linux')('attack M10: of one client with too many connections', () => {
  test('the next is refused with 429, and another client is not', async () => {
    const { connect, busy, check } = await listening(16, 2);
    for (let i = 0; i < 2; i++) await busy();
    const reply = await (await connect()).untilClosed();
    expect(reply).toMatch(/^HTTP\/1\.1 429 Too Many Requests\r\n/);
    expect(reply).toMatch(/retry-after: 5\r\n/i);
    expect(reply).toMatch(/content-type: application\/problem\+json\r\n/i);
    expect(reply).toMatch(/x-content-type-options: nosniff\r\n/i);
    expect(problemIn(reply)).toMatchObject({ status: 429, code: 'too_many_requests' });
    expect(await check(await connect(OTHER))).toMatch(/^HTTP\/1\.1 200 /);
  });

  test('an idle one is closed for the next', async () => {
    const { connect, busy, check } = await listening(16, 2);
    const idle = await connect();
    await busy();
    expect(await check(await connect())).toMatch(/^HTTP\/1\.1 200 /);
    expect(await idle.untilClosed()).toBe('');
  });

  test('the one that was used is kept before those that were not', async () => {
    const { connect, check } = await listening(16, 2);
    const used = await connect();
    used.sendHead(CHECK);
    await used.until(/"version":"1.0.0"/);
    const unused = await connect();
    expect(await check(await connect())).toMatch(/^HTTP\/1\.1 200 /);
    expect(unused.isClosed).toBe(true);
    expect(used.isClosed).toBe(false);
  });

  test('it may open another once one is closed', async () => {
    const { connect, busy, check } = await listening(16, 2);
    const [first] = [await busy(), await busy()];
    first?.destroy();
    await vi.waitFor(async () => expect(await check(await connect())).toMatch(/^HTTP\/1\.1 200 /));
  });

  test('none is refused if it is a proxy that is trusted', async () => {
    const { connect, busy, check } = await listening(16, 2, { trustProxy: ['127.0.0.1'] });
    for (let i = 0; i < 5; i++) await busy();
    expect(await check(await connect())).toMatch(/^HTTP\/1\.1 200 /);
  });
});

describe.skipIf(platform() !== 'linux')('attack M10: of too many connections in all', () => {
  test('the next is refused with 503 if none is idle', async () => {
    const { connect, busy } = await listening(3, 2);
    for (const address of [CLIENT, CLIENT, OTHER]) await busy(address);
    const reply = await (await connect('127.0.0.3')).untilClosed();
    expect(reply).toMatch(/^HTTP\/1\.1 503 Service Unavailable\r\n/);
    expect(reply).toMatch(/retry-after: 5\r\n/i);
    expect(problemIn(reply)).toMatchObject({ status: 503, code: 'unavailable' });
  });

  test('1,000 that send no request, or only the beginning of one, keep no other out', async () => {
    const { connect, check, url } = await listening(20, 10);
    for (let i = 0; i < 1000; i++) {
      const connection = await RawConnection.to(url, `127.0.1.${(i % 200) + 1}`);
      if (i % 2 === 0) connection.send('GET / HTTP/1.1\r\nX-Slow: ');
    }
    expect(await check(await connect())).toMatch(/^HTTP\/1\.1 200 /);
  });
});
