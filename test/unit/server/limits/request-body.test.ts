import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { RawConnection } from '../../../support/network/raw-connection.ts';
import { passTime } from '../../../support/process/pass-time.ts';
import { Publisher, startServer } from '../../../support/publish/publisher.ts';

async function listening() {
  const server = await startServer();
  const { url } = await server.listen();
  const app = await Publisher.on(server);
  const upload = new URL(await app.promise('1.0.0', 100_000));
  const connection = await RawConnection.to(url);
  return { app, connection, uploadPath: upload.pathname + upload.search, url };
}

const JSON_TYPE = 'Content-Type: application/json';

/** Sends a byte now and then for as long as the connection is open. */
async function sendSlowly(connection: RawConnection): Promise<string> {
  const timer = setInterval(() => connection.send('x'), 20);
  try {
    return await connection.untilClosed();
  } finally {
    clearInterval(timer);
  }
}

describe('attack M10: a body that never ends', () => {
  test.each([
    ['of a request without a token', 'POST', (id: string) => `/api/sync/ota/apps/${id}/releases`, 401],
    ['to a path that does not exist', 'POST', () => '/nope', 404],
    ['to a path without that method', 'DELETE', (id: string) => `/api/sync/ota/apps/${id}/releases`, 405],
    ['of a request that needs none', 'GET', () => '/api/sync/ota', 200],
    ['of an update check', 'GET', () => '/api/sync/ota/my-app/linux/x86_64/0.1.0', 204],
    ['of a health check', 'GET', () => '/livez', 200],
    ['of a URL that is not encoded correctly', 'POST', () => '/%zz', 400],
  ])('%s delays no answer, and its connection is closed soon after', async (_what, method, path, status) => {
    for (const framing of ['Content-Length: 60000', 'Transfer-Encoding: chunked']) {
      const { app, connection } = await listening();
      const reply = await passTime(async () => {
        connection.sendHead(`${method} ${path(app.id)} HTTP/1.1`, JSON_TYPE, framing);
        if (framing.startsWith('Transfer')) connection.send('ffff\r\n');
        expect(await connection.until(/\r\n\r\n/)).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
        return sendSlowly(connection);
      });
      expect(reply.match(/HTTP\/1\.1/g)).toHaveLength(1);
    }
  });

  test('of a request with a token is answered with 408 after a while, whether or not something arrives', async () => {
    for (const send of [sendSlowly, (connection: RawConnection) => connection.untilClosed()]) {
      const { app, connection } = await listening();
      const reply = await passTime(async () => {
        connection.sendHead(
          `POST /api/sync/ota/apps/${app.id}/releases HTTP/1.1`,
          JSON_TYPE,
          `Authorization: Bearer ${app.token}`,
          'Content-Length: 60000',
        );
        return send(connection);
      });
      expect(reply).toMatch(/^HTTP\/1\.1 408 /);
      expect(reply).toMatch(/content-type: application\/problem\+json/i);
      expect(reply).toContain('"code":"request_timeout"');
    }
  });

  test('of a refused upload is read for a while only', async () => {
    const { connection, uploadPath } = await listening();
    const reply = await passTime(async () => {
      connection.sendHead(`PUT ${uploadPath}x HTTP/1.1`, 'Content-Length: 2000000000');
      return sendSlowly(connection);
    });
    expect(reply).toMatch(/^HTTP\/1\.1 403 /);
  });
});

test('a refused body that arrives keeps its connection open for the next request', async () => {
  const { app, connection } = await listening();
  for (let i = 1; i <= 3; i++) {
    connection.sendHead(
      `POST /api/sync/ota/apps/${app.id}/releases HTTP/1.1`,
      JSON_TYPE,
      'Content-Length: 19',
    );
    await sleep(20);
    connection.send('{"version":"1.0.0"}');
    await connection.until(new RegExp(`(HTTP/1\\.1 401 [\\s\\S]*){${i}}\\}$`));
  }
});
