import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test, vi } from 'vitest';
import type { Services } from '../../../../src/server/services.ts';
import { RawConnection } from '../../../support/network/raw-connection.ts';
import { passTime } from '../../../support/process/pass-time.ts';
import { tempFolder } from '../../../support/process/temp-folder.ts';
import { Publisher, startServer } from '../../../support/publish/publisher.ts';

const BYTES = Buffer.from('bytes');

async function listening(overrides: Partial<Services> = {}) {
  const dataDir = await tempFolder();
  const server = await startServer(overrides, dataDir);
  const { url } = await server.listen();
  const app = await Publisher.on(server);
  const uploadUrl = new URL(await app.promise('1.0.0', BYTES.length));
  const connection = await RawConnection.to(url);
  return { server, app, url, connection, uploadPath: uploadUrl.pathname + uploadUrl.search, dataDir };
}

const EXPECT = 'Expect: 100-continue';

describe('a request with Expect: 100-continue', () => {
  test('is invited to send its body if its upload URL and length are valid', async () => {
    const { app, connection, uploadPath } = await listening();
    connection.sendHead(`PUT ${uploadPath} HTTP/1.1`, EXPECT, `Content-Length: ${BYTES.length}`);
    expect(await connection.until(/\r\n\r\n/)).toBe('HTTP/1.1 100 Continue\r\n\r\n');
    connection.send(BYTES);
    expect(await connection.until(/HTTP\/1\.1 [2-5]\d\d/)).toMatch(/HTTP\/1\.1 200 /);
    expect(await app.fetchOffer()).toEqual(BYTES);
  });

  test.each([
    ['the URL is altered', (path: string) => `${path}x`, BYTES.length, 403],
    ['the length is another', (path: string) => path, BYTES.length + 1, 422],
  ])('is refused without being invited to send its body if %s', async (_why, alter, length, status) => {
    const { connection, uploadPath } = await listening();
    connection.sendHead(`PUT ${alter(uploadPath)} HTTP/1.1`, EXPECT, `Content-Length: ${length}`);
    expect(await connection.untilClosed()).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
  });

  test('is refused without being invited to send its body if its URL was already used', async () => {
    const { app, connection, uploadPath } = await listening();
    expect((await app.put(`http://localhost${uploadPath}`, BYTES)).statusCode).toBe(200);
    connection.sendHead(`PUT ${uploadPath} HTTP/1.1`, EXPECT, `Content-Length: ${BYTES.length}`);
    expect(await connection.untilClosed()).toMatch(/^HTTP\/1\.1 409 /);
  });

  test('is refused without being invited to send its body if the disk has no room', async () => {
    const { app, connection } = await listening({ maxArtifactSize: Number.MAX_SAFE_INTEGER });
    const { pathname, search } = new URL(await app.promise('2.0.0', 2 ** 52));
    connection.sendHead(`PUT ${pathname}${search} HTTP/1.1`, EXPECT, `Content-Length: ${2 ** 52}`);
    expect(await connection.untilClosed()).toMatch(/^HTTP\/1\.1 507 /);
  });

  test('is refused without being invited to send its body if its token is invalid', async () => {
    const { app, connection } = await listening();
    const path = `/api/sync/ota/apps/${app.id}/releases`;
    const type = 'Content-Type: application/json';
    connection.sendHead(
      `POST ${path} HTTP/1.1`,
      EXPECT,
      type,
      'Authorization: Bearer bad',
      'Content-Length: 19',
    );
    expect(await connection.until(/\r\n\r\n/)).toMatch(/^HTTP\/1\.1 401 /);
  });

  test('is invited to send its body if its token is valid', async () => {
    const { app, connection } = await listening();
    const body = JSON.stringify({ version: '2.0.0', signature: 's' });
    connection.sendHead(
      `POST /api/sync/ota/apps/${app.id}/releases HTTP/1.1`,
      EXPECT,
      'Content-Type: application/json',
      `Authorization: Bearer ${app.token}`,
      `Content-Length: ${body.length}`,
    );
    expect(await connection.until(/\r\n\r\n/)).toBe('HTTP/1.1 100 Continue\r\n\r\n');
    connection.send(body);
    expect(await connection.until(/HTTP\/1\.1 [2-5]\d\d/)).toMatch(/HTTP\/1\.1 201 /);
  });
});

describe('R11: an upload', () => {
  test.each([
    ['of another length', 'Content-Length: 4', 422],
    ['that is chunked', 'Transfer-Encoding: chunked', 411],
    ['of a length and chunked', 'Content-Length: 5\r\nTransfer-Encoding: chunked', 400],
    ['of two lengths', 'Content-Length: 5\r\nContent-Length: 6', 400],
    ['of a length that is no number', 'Content-Length: 5x', 400],
    ['of a negative length', 'Content-Length: -5', 400],
  ])(
    '%s is refused before its body is sent, and the connection is closed',
    async (_what, framing, status) => {
      const { app, connection, uploadPath } = await listening();
      const reply = await passTime(() => {
        connection.sendHead(`PUT ${uploadPath} HTTP/1.1`, framing);
        return connection.untilClosed();
      });
      expect(reply).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
      expect(await app.offered()).toBeUndefined();
    },
  );
});

test('an upload without length and body is refused', async () => {
  const { app, connection, uploadPath } = await listening();
  connection.sendHead(`PUT ${uploadPath} HTTP/1.1`);
  expect(await connection.until(/\r\n\r\n/)).toMatch(/^HTTP\/1\.1 411 /);
  expect(await app.offered()).toBeUndefined();
});

test('an interrupted upload leaves nothing, and its URL stays valid', async () => {
  const { app, connection, uploadPath, dataDir } = await listening();
  connection.sendHead(`PUT ${uploadPath} HTTP/1.1`, `Content-Length: ${BYTES.length}`);
  connection.send(BYTES.subarray(0, 3));
  await vi.waitFor(async () => expect(await readdir(join(dataDir, 'staging'))).toHaveLength(1));
  connection.destroy();
  await vi.waitFor(async () => expect(await readdir(join(dataDir, 'staging'))).toEqual([]));
  expect(await app.offered()).toBeUndefined();
  expect((await app.put(`http://localhost${uploadPath}`, BYTES)).statusCode).toBe(200);
  expect(await app.fetchOffer()).toEqual(BYTES);
});

describe('absolute URLs are built from the public URL only', () => {
  const requests: [string, (path: string) => string][] = [
    ['another Host', (path) => `GET ${path} HTTP/1.1\r\nHost: evil.example\r\n`],
    [
      'an absolute-form target',
      (path) => `GET http://evil.example${path} HTTP/1.1\r\nHost: evil.example\r\n`,
    ],
    ['two Host headers', (path) => `GET ${path} HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n`],
    [
      'X-Forwarded-Host',
      (path) => `GET ${path} HTTP/1.1\r\nHost: localhost\r\nX-Forwarded-Host: evil.example\r\n`,
    ],
  ];
  test.each(requests)('even with %s', async (_what, request) => {
    const { app, url, connection } = await listening();
    await app.publish('2.0.0');
    connection.send(`${request('/api/sync/ota/my-app/linux/x86_64/1.0.0')}Connection: close\r\n\r\n`);
    const reply = await connection.untilClosed();
    expect(reply).not.toContain('evil.example');
    if (reply.startsWith('HTTP/1.1 200 ')) expect(reply).toContain(`"url":"${url}/api/sync/ota/`);
    else expect(reply).toMatch(/^HTTP\/1\.1 4\d\d /);
  });
});

describe('field 13: a second PUT to an upload URL', () => {
  const half = BYTES.subarray(0, 2);
  const rest = BYTES.subarray(2);
  const problemIn = (text: string) => JSON.parse(text.split('\r\n\r\n')[1] ?? '');

  async function halfSent() {
    const world = await listening();
    const put = [`PUT ${world.uploadPath} HTTP/1.1`, `Content-Length: ${BYTES.length}`, 'Connection: close'];
    world.connection.sendHead(...put);
    world.connection.send(half);
    const staging = join(world.dataDir, 'staging');
    await vi.waitFor(async () => expect(await readdir(staging)).toHaveLength(1));
    const again = async (...lines: string[]) => {
      const connection = await RawConnection.to(world.url);
      connection.sendHead(...put, ...lines);
      return connection;
    };
    return { ...world, again };
  }

  test('while the first is under way gets a 409 at once, and the first is not disturbed', async () => {
    const { app, connection, again } = await halfSent();
    const second = await again();
    second.send(Buffer.from('other'));
    const reply = await second.untilClosed();
    expect(reply).toMatch(/^HTTP\/1\.1 409 /);
    expect(reply).toMatch(/content-type: application\/problem\+json/i);
    expect(reply).toMatch(/retry-after: 5/i);
    expect(problemIn(reply)).toMatchObject({
      code: 'upload_in_progress',
      detail: expect.stringContaining('Another request is uploading to this URL.'),
    });
    expect(await (await again(EXPECT)).untilClosed()).toMatch(/^HTTP\/1\.1 409 /); // without sending its bytes
    connection.send(rest);
    expect(await connection.untilClosed()).toMatch(/^HTTP\/1\.1 200 /);
    expect(await app.fetchOffer()).toEqual(BYTES);
  });

  test('after the first is complete gets a 409, and the file stays', async () => {
    const { app, connection, again } = await halfSent();
    connection.send(rest);
    expect(await connection.untilClosed()).toMatch(/^HTTP\/1\.1 200 /);
    const reply = await (await again(EXPECT)).untilClosed();
    expect(problemIn(reply)).toMatchObject({
      status: 409,
      code: 'immutable',
      detail: 'This URL was already used: its upload is complete.',
    });
    expect(await app.fetchOffer()).toEqual(BYTES);
  });

  test('after the first was broken off or refused is accepted', async () => {
    const { app, connection, again } = await halfSent();
    connection.destroy();
    const short = await vi.waitFor(async () => {
      const second = await again(EXPECT);
      expect(await second.until(/HTTP\/1\.1 \d+ .*\r\n\r\n/s)).toMatch(/^HTTP\/1\.1 100 /);
      return second;
    });
    short.send(BYTES);
    expect(await short.until(/HTTP\/1\.1 [2-5]\d\d/)).toMatch(/HTTP\/1\.1 200 /);
    expect(await app.fetchOffer()).toEqual(BYTES);
  });

  test('takes over from one that does not move any more', async () => {
    const { app, connection, again } = await halfSent();
    const now = performance.now();
    const clock = vi.spyOn(performance, 'now').mockImplementation(() => now + 6000);
    const second = await again();
    second.send(BYTES);
    expect(await second.untilClosed()).toMatch(/^HTTP\/1\.1 200 /);
    clock.mockRestore();
    expect(await connection.untilClosed()).toBe('');
    expect(await app.fetchOffer()).toEqual(BYTES);
  });
});

describe('a request without a body, and without a length', () => {
  test.each(['POST', 'PATCH', 'DELETE', 'PUT', 'GET'])(
    'is answered if it is a %s of JSON',
    async (method) => {
      const { app, connection } = await listening();
      const path = `/api/sync/ota/apps/${app.id}/releases/none${method === 'PUT' ? '/manifest' : ''}`;
      connection.sendHead(
        `${method} ${path} HTTP/1.1`,
        'Content-Type: application/json',
        `Authorization: Bearer ${app.token}`,
        'Connection: close',
      );
      expect(await connection.untilClosed()).toMatch(/^HTTP\/1\.1 4\d\d /);
    },
  );

  test('is answered if it is an upload', async () => {
    const { connection, uploadPath } = await listening();
    connection.sendHead(`PUT ${uploadPath} HTTP/1.1`, 'Connection: close');
    expect(await connection.untilClosed()).toMatch(/^HTTP\/1\.1 4\d\d /);
  });
});
