import { once } from 'node:events';
import type { Socket } from 'node:net';
import { describe, expect, onTestFinished, test } from 'vitest';
import {
  displayUrl,
  type TransportRequest,
  UndiciTransport,
} from '../../../../src/client/transport/transport.ts';
import { OtaError } from '../../../../src/errors.ts';
import { deadUrl, listenHttp, listenRaw } from '../../../support/network/loopback-server.ts';

function openTransport(): UndiciTransport {
  const transport = new UndiciTransport();
  onTestFinished(() => transport.close());
  return transport;
}

function get(url: URL, options: Partial<TransportRequest> = {}): TransportRequest {
  return { method: 'GET', url, headers: {}, idleTimeoutMs: 10_000, ...options };
}

async function textOf(body: AsyncIterable<Uint8Array>): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of body) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

/** Answers every connection's first bytes with this text, then does what is asked. */
function answering(text: string, then: (socket: Socket) => void = () => {}) {
  return listenRaw((socket) => socket.once('data', () => socket.write(text, () => then(socket))));
}

describe('a real transport', () => {
  test('returns status, headers and body', async () => {
    const url = await listenHttp((request, response) => {
      response.setHeader('x-agent', request.headers['user-agent'] ?? '');
      response.writeHead(201).end(`${request.method} ${request.url}`);
    });
    const response = await openTransport().send(get(new URL('/a?b=c', url)));
    expect(response.status).toBe(201);
    expect(response.header('x-agent')).toBe('synckit-ota');
    expect(response.header('x-absent')).toBeUndefined();
    expect(await textOf(response.body)).toBe('GET /a?b=c');
  });

  test('sends a stream with the given length, not in chunks', async () => {
    const url = await listenHttp((request, response) => {
      const { 'content-length': length, 'transfer-encoding': encoding } = request.headers;
      request.resume().on('end', () => response.end(JSON.stringify({ length, encoding })));
    });
    async function* body() {
      yield Buffer.from('abc');
      yield Buffer.from('de');
    }
    const response = await openTransport().send(
      get(url, { method: 'PUT', headers: { 'content-length': '5' }, body: body() }),
    );
    expect(JSON.parse(await textOf(response.body))).toEqual({ length: '5' });
  });

  test('does not follow a redirect', async () => {
    const paths: (string | undefined)[] = [];
    const url = await listenHttp((request, response) => {
      paths.push(request.url);
      response.writeHead(302, { location: '/elsewhere' }).end();
    });
    const response = await openTransport().send(get(url));
    expect(response.status).toBe(302);
    expect(response.header('location')).toBe('/elsewhere');
    expect(paths).toEqual(['/']);
  });

  test.each([
    ['nothing listens', deadUrl, 'connection refused'],
    [
      'the connection is closed at once',
      () => listenRaw((socket) => socket.end()),
      'it closed the connection',
    ],
    [
      'the connection is reset',
      () => listenRaw((socket) => socket.once('data', () => socket.resetAndDestroy())),
      'connection reset',
    ],
  ])('reports a network error if %s', async (_, server, words) => {
    const url = await server();
    const outcome = openTransport().send(get(url));
    await expect(outcome).rejects.toThrow(OtaError);
    await expect(outcome).rejects.toMatchObject({
      code: 'network',
      message: expect.stringMatching(new RegExp(`^${url.origin} did not answer: .*`)),
      hint: expect.stringContaining('again'),
    });
    await expect(outcome).rejects.toThrow(words);
  });

  test.each([
    ['cut off', 'HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nabc', (socket: Socket) => socket.end()],
    [
      'cut off between chunks',
      'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n',
      (socket: Socket) => socket.end(),
    ],
    [
      'reset',
      'HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nabc',
      (socket: Socket) => socket.resetAndDestroy(),
    ],
  ])('reports a network error if the body is %s', async (_, text, then) => {
    const response = await openTransport().send(get(await answering(text, then)));
    expect(response.status).toBe(200);
    await expect(textOf(response.body)).rejects.toMatchObject({ code: 'network' });
  });

  test.each([
    ['no response comes', ''],
    ['the body stalls', 'HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nabc'],
  ])('reports a network error if %s until the timeout', async (_, text) => {
    const url = await answering(text);
    const outcome = openTransport()
      .send(get(url, { idleTimeoutMs: 100 }))
      .then(({ body }) => textOf(body));
    await expect(outcome).rejects.toMatchObject({
      code: 'network',
      message: expect.stringContaining('timeout'),
    });
  });

  test.each([
    ['lines of a head that never ends', 'HTTP/1.1 200 OK\r\n', 'x-a: b\r\n'],
    ['bytes of a line that never ends', 'HTTP/1.1 200 OK\r\nx-a: ', 'b'],
    ['endless "Early Hints"', '', 'HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n'],
  ])('R57 reports a network error if the response consists of %s', async (_, first, drip) => {
    const url = await answering(first, (socket) => {
      const dripping = setInterval(() => socket.write(drip), 10);
      socket.once('close', () => clearInterval(dripping));
    });
    await expect(openTransport().send(get(url, { idleTimeoutMs: 100 }))).rejects.toMatchObject({
      code: 'network',
      message: expect.stringContaining('timeout'),
    });
  });

  test.each([
    ['a head of a megabyte', `HTTP/1.1 200 OK\r\n${'x-a: b\r\n'.repeat(150_000)}\r\n`],
    ['a header of a megabyte', `HTTP/1.1 200 OK\r\nx-a: ${'b'.repeat(1_000_000)}\r\n\r\n`],
    ['an unexpected 100 Continue', 'HTTP/1.1 100 Continue\r\n\r\n'],
  ])('R57 reports a network error if the response is %s', async (_, text) => {
    const outcome = openTransport().send(get(await answering(text)));
    await expect(outcome).rejects.toMatchObject({ code: 'network' });
  });

  test('accepts a response after "Early Hints"', async () => {
    const hints = 'HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n'.repeat(3);
    const url = await answering(`${hints}HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nabc`);
    const response = await openTransport().send(get(url));
    expect([response.status, await textOf(response.body)]).toEqual([200, 'abc']);
  });

  test('stops when it is aborted, which is not a network error', async () => {
    const abort = new AbortController();
    const url = await listenRaw((socket) => socket.once('data', () => abort.abort()));
    await expect(openTransport().send(get(url, { signal: abort.signal }))).rejects.toMatchObject({
      name: 'AbortError',
    });
  });

  test("passes on an error thrown by the request's body", async () => {
    const url = await listenHttp((request) => request.resume());
    const changed = new OtaError('preflight_refused', 'the file changed');
    async function* body() {
      yield Buffer.from('abc');
      throw changed;
    }
    const outcome = openTransport().send(
      get(url, { method: 'PUT', headers: { 'content-length': '100' }, body: body() }),
    );
    await expect(outcome).rejects.toBe(changed);
  });

  test('closes its idle connections', async () => {
    const sockets: Socket[] = [];
    const url = await listenHttp((request, response) => {
      sockets.push(request.socket);
      response.end('ok');
    });
    const transport = new UndiciTransport();
    await textOf((await transport.send(get(url))).body);
    const closed = sockets.map((socket) => once(socket, 'close'));
    await transport.close();
    expect(await Promise.all(closed)).toHaveLength(1);
  });
});

test('an address is shown without credentials, query and fragment', () => {
  expect(displayUrl(new URL('https://me:secret@s3.example:8443/a/b?sig=secret#secret'))).toBe(
    'https://s3.example:8443/a/b',
  );
});
