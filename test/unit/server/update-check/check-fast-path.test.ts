import { createServer, type Server } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { expect, onTestFinished, test } from 'vitest';
import { CheckFastPath } from '../../../../src/server/update-check/check-fast-path.ts';

const RESPONSE = {
  status: 200,
  headers: { etag: '"one"', 'cache-control': 'no-store', 'content-type': 'application/json' },
  body: '{"version":"1.2.0","notes":"Größer"}',
} as const;

/**
 * A server with the fast path, and a framework that answers 418 and stores `RESPONSE`.
 * @returns what one connection receives for the request, byte for byte but for the date
 */
async function world(maxBytes = 1_000_000) {
  let state: object | undefined = {};
  const fastPath = new CheckFastPath({ clock: () => new Date(), apps: { peek: () => state }, maxBytes });
  const server: Server = createServer((request, response) => {
    if (fastPath.answer(request, response)) return;
    fastPath.store(request, { slug: 'my-app', state }, RESPONSE);
    response.writeHead(418).end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  const ask = async (lines: readonly string[], path = '/check') => {
    const { port } = server.address() as AddressInfo;
    const socket = connect(port, '127.0.0.1');
    socket.write(`GET ${path} HTTP/1.1\r\nHost: here\r\nConnection: close\r\n${lines.join('')}\r\n`);
    return (await text(socket)).replace(/Date: .*\r\n/, '');
  };
  const status = async (...lines: string[]) => Number((await ask(lines)).split(' ')[1]);
  const change = (to: object | undefined) => {
    state = to;
  };
  return { ask, status, change };
}

test('field 14: a repeated check is answered with the stored bytes, their length and their headers', async () => {
  const { ask } = await world();
  await ask([]);
  expect(await ask([])).toBe(
    'HTTP/1.1 200 OK\r\netag: "one"\r\ncache-control: no-store\r\ncontent-type: application/json\r\n' +
      `content-length: 38\r\nConnection: close\r\n\r\n${RESPONSE.body}`,
  );
});

test.each([
  ['the entity tag', '"one"', 304],
  ['the entity tag made weak by a proxy', 'W/"one"', 304],
  ['another entity tag', '"two"', 200],
  ['a list', '"two", "one"', 418],
  ['any', '*', 418],
])('field 14: If-None-Match with %s', async (_what, value, expected) => {
  const { status } = await world();
  await status();
  expect(await status(`If-None-Match: ${value}\r\n`)).toBe(expected);
});

test('field 14: a 304 has the validators, and no body', async () => {
  const { ask } = await world();
  await ask([]);
  expect(await ask(['If-None-Match: "one"\r\n'])).toBe(
    'HTTP/1.1 304 Not Modified\r\netag: "one"\r\ncache-control: no-store\r\nConnection: close\r\n\r\n',
  );
});

test.each([
  ['Content-Length: 0\r\n'],
  ['Transfer-Encoding: chunked\r\n\r\n0\r\n'],
  ['X-Ota-Channel: beta\r\nX-Ota-Channel: stable\r\n'],
  ['If-None-Match: "one"\r\nIf-None-Match: "two"\r\n'],
])('field 14: a request with %j is left to the framework', async (lines) => {
  const { status } = await world();
  await status();
  expect(await status(lines)).toBe(418);
});

test('field 14: the responses to many URLs make room for each other', async () => {
  const { ask } = await world(10 * 1024);
  const isStored = async (path: string) => (await ask([], path)).startsWith('HTTP/1.1 200');
  const paths = Array.from({ length: 40 }, (_, index) => `/check?from=${index}`);
  for (const path of paths) await ask([], path);
  expect(await isStored('/check?from=39')).toBe(true);
  expect(await isStored('/check?from=0')).toBe(false);
});

test('field 14: each channel header has a response of its own', async () => {
  const { status } = await world();
  await status('X-Ota-Channel: beta\r\n');
  expect(await status('x-ota-channel: beta\r\n')).toBe(200);
  expect(await status('X-Ota-Channel: nightly\r\n')).toBe(418);
  expect(await status()).toBe(418);
});

test('field 14: a response is not sent again once its app has changed, or may have', async () => {
  const { status, change } = await world();
  await status();
  expect(await status()).toBe(200);
  change({});
  expect(await status()).toBe(418);
  expect(await status()).toBe(200);
  change(undefined);
  expect(await status()).toBe(418);
});

test('field 14: a response that was computed before a change is not kept', async () => {
  let state = {};
  const fastPath = new CheckFastPath({
    clock: () => new Date(),
    apps: { peek: () => state },
    maxBytes: 1_000_000,
  });
  const server = createServer(async (request, response) => {
    if (fastPath.answer(request, response)) return;
    const before = state;
    state = {};
    fastPath.store(request, { slug: 'my-app', state: before }, RESPONSE);
    response.writeHead(418).end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  const { port } = server.address() as AddressInfo;
  for (let i = 0; i < 2; i++) expect((await fetch(`http://127.0.0.1:${port}/`)).status).toBe(418);
});

test('field 14: a very long URL is answered and not kept', async () => {
  const { ask } = await world();
  const path = `/${'a'.repeat(600)}`;
  for (let i = 0; i < 2; i++) expect(await ask([], path)).toContain('418');
});
