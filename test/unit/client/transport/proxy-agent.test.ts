import type { Socket } from 'node:net';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { ProxySettings } from '../../../../src/client/transport/proxy-settings.ts';
import { type TransportRequest, UndiciTransport } from '../../../../src/client/transport/transport.ts';
import { OtaError } from '../../../../src/errors.ts';
import { startForwardProxy } from '../../../support/network/forward-proxy.ts';
import { deadUrl, listenHttp, listenRaw } from '../../../support/network/loopback-server.ts';

function openTransport(proxies: ProxySettings): UndiciTransport {
  const transport = new UndiciTransport(proxies);
  onTestFinished(() => transport.close());
  return transport;
}

function get(url: string, options: Partial<TransportRequest> = {}): TransportRequest {
  return { method: 'GET', url: new URL(url), headers: {}, idleTimeoutMs: 5_000, ...options };
}

/** What a request through that proxy fails of. */
async function failureThrough(proxy: URL, url: string): Promise<OtaError> {
  const transport = openTransport({ http: proxy, https: proxy, bypass: [] });
  const error = await transport.send(get(url)).catch((reason) => reason);
  expect(error).toBeInstanceOf(OtaError);
  return error;
}

function withCredentials(url: URL, username: string, password: string): URL {
  return Object.assign(new URL(url), { username, password });
}

describe('through a proxy', () => {
  async function startWorld() {
    const server = await listenHttp((request, response) => {
      const { host, 'content-length': length, 'proxy-authorization': leaked = null } = request.headers;
      let body = '';
      request.setEncoding('utf8').on('data', (text) => {
        body += text;
      });
      request.on('end', () => {
        response.end(JSON.stringify({ path: request.url, host, length, body, leaked }));
      });
    });
    const proxy = await startForwardProxy();
    proxy.hosts.set('updates.example', server.port);
    return { server, proxy };
  }

  async function jsonOf(body: AsyncIterable<Uint8Array>) {
    const chunks: Uint8Array[] = [];
    for await (const chunk of body) chunks.push(chunk);
    return JSON.parse(Buffer.concat(chunks).toString());
  }

  test('a stream reaches an http server completely, as a request for the full URL', async () => {
    const { proxy } = await startWorld();
    async function* body() {
      yield Buffer.from('abc');
      yield Buffer.from('de');
    }
    const headers = { 'content-length': '5' };
    const response = await openTransport({ http: proxy.url, bypass: [] }).send(
      get('http://updates.example:4680/a?b=c', { method: 'PUT', headers, body: body() }),
    );
    expect(await jsonOf(response.body)).toEqual({
      path: '/a?b=c',
      host: 'updates.example:4680',
      length: '5',
      body: 'abcde',
      leaked: null,
    });
    expect(proxy.asked).toEqual(['PUT http://updates.example:4680/a?b=c']);
    expect(response.proxy).toBe(`the proxy ${proxy.url.origin}`);
  });

  test('that requires credentials, they are sent to the proxy only', async () => {
    const { proxy } = await startWorld();
    for (const [username, password] of [
      ['us@er', 'p:a/s%s'],
      ['token', ''],
    ] as const) {
      proxy.credentials = `${username}:${password}`;
      const url = withCredentials(proxy.url, encodeURIComponent(username), encodeURIComponent(password));
      const transport = openTransport({ http: url, bypass: [] });
      const response = await transport.send(get('http://updates.example/'));
      expect(await jsonOf(response.body)).toMatchObject({ path: '/', leaked: null });
    }
  });

  test('no request is sent for a host that is excluded', async () => {
    const { proxy, server } = await startWorld();
    const transport = openTransport({ http: proxy.url, https: proxy.url, bypass: ['updates.example'] });
    const response = await transport.send(get(server.href));
    expect(response).toMatchObject({ status: 200, proxy: undefined });
    await expect(transport.send(get('http://updates.example/'))).rejects.toThrow(
      /^http:\/\/updates\.example /,
    );
    expect(proxy.asked).toEqual([]);
  });
});

test('headers for the server are not shown to a proxy that opens a tunnel', async () => {
  let heard = '';
  const url = await listenRaw((socket) =>
    socket.on('data', (bytes) => {
      heard += bytes;
      socket.end('HTTP/1.1 403 Forbidden\r\n\r\n');
    }),
  );
  const proxy = withCredentials(url, 'user', 'secret');
  const request = get('https://updates.example/a', { headers: { authorization: 'Bearer sko_canary' } });
  await expect(openTransport({ https: proxy, bypass: [] }).send(request)).rejects.toThrow('(403)');
  expect(heard).toMatch(/^CONNECT updates\.example:443 HTTP\/1\.1\r\n/);
  expect(heard).toContain(`proxy-authorization: Basic ${Buffer.from('user:secret').toString('base64')}`);
  expect(heard).not.toContain('sko_canary');
});

/** A proxy that answers the first bytes so and hangs up. */
function saying(text: string) {
  return () => listenRaw((socket) => socket.once('data', () => socket.end(text)));
}

const PAGE = 'content-type: text/html\r\n\r\n<!doctype html><title>Log in</title>';
const resetting = () => listenRaw((socket: Socket) => socket.once('data', () => socket.resetAndDestroy()));

/** Proxies that are in the way of any request: how they are started, and what is said of them. */
const BROKEN = [
  ['it is down', deadUrl, 'network', 'did not answer: connection refused'],
  ['it resets', resetting, 'network', 'did not answer: connection reset'],
  ['it hangs up', saying(''), 'network', 'did not answer: it closed the connection'],
  ['it is no proxy', saying('SSH-2.0-OpenSSH_9.6\r\n'), 'usage', 'does not speak HTTP at this port'],
  [
    'it wants a password',
    saying(`HTTP/1.1 407 No\r\n${PAGE}`),
    'not_the_api',
    'refuses its user and password (407)',
  ],
] as const;

describe('an error names the proxy without its credentials when, to an https server,', () => {
  test.each([
    ...BROKEN,
    [
      'it denies the connection',
      saying(`HTTP/1.1 403 Forbidden\r\n${PAGE}`),
      'not_the_api',
      'does not connect to updates.example:443 (403)',
    ],
    [
      'it cannot reach it',
      saying(`HTTP/1.1 503 Unavailable\r\n${PAGE}`),
      'network',
      'does not connect to updates.example:443 (503)',
    ],
    [
      'it answers with a page',
      saying(`HTTP/1.1 200 OK\r\n${PAGE}`),
      'not_the_api',
      'answered with a page (200) instead of connecting to updates.example:443',
    ],
    [
      'it redirects',
      saying('HTTP/1.1 302 Found\r\nlocation: http://login.example\r\n\r\n'),
      'not_the_api',
      'answered with a page (302) instead of connecting to updates.example:443',
    ],
  ] as const)('%s', async (_, start, code, words) => {
    const proxy = withCredentials(await start(), 'user', 'secret');
    const error = await failureThrough(proxy, 'https://updates.example/');
    expect(error.code).toBe(code);
    expect(error.message).toContain(`the proxy ${proxy.origin} ${words}`);
    expect(error.hint).toMatch(/proxy|HTTPS_PROXY/);
    expect(`${error.message}${error.hint}`).not.toContain('secret');
  });

  test.each([
    ['with a page', 'HTTP/1.1 200 OK\r\n\r\n<!doctype html>'],
    ['at once', 'HTTP/1.1 200 OK\r\n\r\n'],
  ])('the tunnel ends %s', async (_, text) => {
    const proxy = await saying(text)();
    const error = await failureThrough(proxy, 'https://updates.example/');
    expect(error.code).toBe('network');
    expect(error.message).toMatch(
      new RegExp(`^https://updates.example, through the proxy ${proxy.origin}, did not answer: .`),
    );
  });
});

describe('an error names the proxy without its credentials when, to an http server,', () => {
  test.each(BROKEN)('%s', async (_, start, code, words) => {
    const proxy = withCredentials(await start(), 'user', 'secret');
    const error = await failureThrough(proxy, 'http://updates.example:4680/');
    expect(error.code).toBe(code);
    expect(error.message).toContain(`the proxy ${proxy.origin} ${words}`);
    expect(error.message).not.toContain('secret');
  });

  test('it requires a password and gets none', async () => {
    const proxy = await startForwardProxy();
    proxy.credentials = 'user:secret';
    for (const url of ['http://updates.example/', 'https://updates.example/']) {
      const error = await failureThrough(proxy.url, url);
      expect(error).toMatchObject({
        code: 'not_the_api',
        message: `the proxy ${proxy.url.origin} asks for a user and password (407)`,
      });
    }
  });
});

test('an aborted request does not wait for a proxy that does not respond', async () => {
  for (const url of ['https://updates.example/', 'http://updates.example/']) {
    const abort = new AbortController();
    const proxy = await listenRaw((socket) => socket.once('data', () => abort.abort()));
    const transport = new UndiciTransport({ http: proxy, https: proxy, bypass: [] });
    await expect(transport.send(get(url, { signal: abort.signal }))).rejects.toMatchObject({
      name: 'AbortError',
    });
    await transport.close();
  }
});
