import { describe, expect, test } from 'vitest';
import { RawConnection } from '../../../support/network/raw-connection.ts';
import { Publisher, startServer } from '../../../support/publish/publisher.ts';

async function listening() {
  const server = await startServer();
  const { url } = await server.listen();
  const app = await Publisher.on(server);
  await app.publish('1.0.0');
  return { connection: await RawConnection.to(url), app };
}

function requireProblem(reply: string, status: number): void {
  expect(reply).toMatch(new RegExp(`^HTTP/1\\.1 ${status} [A-Z]`));
  const [head = '', body = ''] = reply.split('\r\n\r\n');
  for (const header of [
    /^content-type: application\/problem\+json/im,
    /^x-content-type-options: nosniff/im,
    /^content-security-policy: default-src 'none'; frame-ancestors 'none'/im,
    /^referrer-policy: no-referrer/im,
    /^cache-control: no-store/im,
    /^date: /im,
  ]) {
    expect(head).toMatch(header);
  }
  expect(Number(/^content-length: (\d+)/im.exec(head)?.[1])).toBe(Buffer.byteLength(body));
  expect(JSON.parse(body)).toMatchObject({ status });
}

const HOST = 'Host: localhost\r\n';

describe('attack C01: what cannot be read as a request is answered with a problem, and its connection closed', () => {
  test.each([
    ['no HTTP', 'hello\r\n\r\n', 400],
    ['HTTP/0.9', 'GET /\r\n\r\n', 400],
    ['a version that there is not', `GET / HTTP/9.1\r\n${HOST}\r\n`, 400],
    ['a header without a name', `GET / HTTP/1.1\r\n${HOST}: x\r\n\r\n`, 400],
    ['a NUL', `GET / HTTP/1.1\r\n${HOST}X: a\0b\r\n\r\n`, 400],
    ['a head that is too large', `GET / HTTP/1.1\r\n${HOST}X: ${'a'.repeat(20_000)}\r\n\r\n`, 431],
    [
      'a length and chunks',
      `POST / HTTP/1.1\r\n${HOST}Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n`,
      400,
    ],
    ['CONNECT', 'CONNECT example.com:443 HTTP/1.1\r\nHost: example.com:443\r\n\r\n', 400],
  ])('%s', async (_what, text, status) => {
    const { connection } = await listening();
    connection.send(text);
    requireProblem(await connection.untilClosed(), status);
  });

  test('after a request that was answered', async () => {
    const { connection } = await listening();
    connection.sendHead('GET /livez HTTP/1.1');
    await connection.until(/alive"\}/);
    connection.send('hello\r\n\r\n');
    const replies = (await connection.untilClosed()).split(/(?=HTTP\/1\.1 \d)/);
    expect(replies).toHaveLength(2);
    requireProblem(replies[1] ?? '', 400);
  });

  test('a chunk that is too large, in a body that is being read', async () => {
    const { connection, app } = await listening();
    connection.sendHead(
      `POST /api/sync/ota/apps/${app.id}/releases HTTP/1.1`,
      'Content-Type: application/json',
      `Authorization: Bearer ${app.token}`,
      'Transfer-Encoding: chunked',
    );
    await new Promise((resolve) => setTimeout(resolve, 50));
    connection.send('fffffffffffffffff\r\n');
    requireProblem(await connection.untilClosed(), 400);
  });
});

describe('attack C01: the head of a request', () => {
  const get = async (...lines: string[]) => {
    const { connection } = await listening();
    connection.send([...lines, 'Connection: close', '', ''].join('\r\n'));
    return connection.untilClosed();
  };
  const CHECK = '/api/sync/ota/my-app/linux/x86_64/0.1.0';

  test('with two headers Host, or none, is refused', async () => {
    requireProblem(await get(`GET ${CHECK} HTTP/1.1`, 'Host: a', 'host: b'), 400);
    requireProblem(await get(`GET ${CHECK} HTTP/1.1`, 'Host: a', 'Host: a'), 400);
    requireProblem(await get(`GET ${CHECK} HTTP/1.1`), 400);
    expect(await get(`GET ${CHECK} HTTP/1.0`)).toMatch(/^HTTP\/1\.1 200 /);
  });

  test('with two headers Host is refused also where the response is known', async () => {
    const { connection } = await listening();
    for (let i = 1; i <= 2; i++) {
      connection.sendHead(`GET ${CHECK} HTTP/1.1`);
      await connection.until(new RegExp(`(HTTP/1\\.1 200 [\\s\\S]*){${i}}\\}$`));
    }
    connection.sendHead(`GET ${CHECK} HTTP/1.1`, 'HOST: evil.example', 'Connection: close');
    expect(await connection.untilClosed()).toMatch(/HTTP\/1\.1 400 /);
  });

  test('may have a target in absolute form, also one that is signed', async () => {
    const { connection, app } = await listening();
    const { pathname, search } = new URL((await app.check('0.1.0')).json().url);
    const redirect = await app.get(pathname + search);
    const signed = new URL(String(redirect.headers.location));
    connection.sendHead(
      `GET http://localhost${signed.pathname}${signed.search} HTTP/1.1`,
      'Connection: close',
    );
    expect(await connection.untilClosed()).toMatch(/^HTTP\/1\.1 200 /);
    expect(await get(`GET HTTP://localhost${CHECK} HTTP/1.1`, 'Host: localhost')).toMatch(/^HTTP\/1\.1 200 /);
    for (const target of ['http://localhost', 'http://localhost?x', 'ftp://localhost/', 'nope']) {
      requireProblem(await get(`GET ${target} HTTP/1.1`, 'Host: localhost'), target === 'nope' ? 400 : 404);
    }
  });

  test('that expects something else than to be invited is refused', async () => {
    requireProblem(await get(`GET ${CHECK} HTTP/1.1`, 'Host: a', 'Expect: magic'), 417);
  });
});

test('a connection that never sends anything is closed without an answer', async () => {
  const { answerParserError } = await import('../../../../src/server/limits/parser-errors.ts');
  const { Connections } = await import('../../../../src/server/limits/connections.ts');
  const { limitsFor } = await import('../../../../src/server/limits/server-limits.ts');
  const { Socket } = await import('node:net');
  const { default: pino } = await import('pino');
  const connections = new Connections({
    limits: limitsFor(16),
    isTrusted: () => false,
    logger: pino({ level: 'silent' }),
  });
  const socket = new Socket();
  answerParserError(Object.assign(new Error('x'), { code: 'ERR_HTTP_REQUEST_TIMEOUT' }), socket, connections);
  expect(socket.destroyed).toBe(true);
});
