import { Writable } from 'node:stream';
import pino from 'pino';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { generateToken } from '../../../src/protocol/token.ts';
import { createApp } from '../../../src/server/app.ts';
import { loggedPath } from '../../../src/server/request-log.ts';
import { Publisher, startServer } from '../../support/publish/publisher.ts';

afterEach(() => {
  vi.useRealTimers();
});

/** The server with its log. */
async function logging() {
  const server = await startServer();
  const app = await Publisher.on(server);
  const lines: string[] = [];
  const stream = new Writable({
    write(chunk, _encoding, done) {
      lines.push(String(chunk));
      done();
    },
  });
  const logged = createApp(server.services, pino({ base: null }, stream));
  const get = (url: string, headers = {}) => logged.inject({ url, headers });
  const size = () => lines.reduce((total, line) => total + line.length, 0);
  return { app, get, lines, size, close: () => logged.close() };
}

describe('attack L7: the log', () => {
  test('of 4,000 requests of 15 KB without a token is small, and has their number', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
    const { get, lines, size, close } = await logging();
    for (let i = 0; i < 4000; i++) await get(`/api/sync/ota/apps/${'a'.repeat(15_000)}/releases`);
    await vi.advanceTimersByTimeAsync(10_000);
    const counts = lines.map((line) => JSON.parse(line)).filter(({ requests }) => requests !== undefined);
    expect(counts).toMatchObject([{ requests: 4000 - (lines.length - 1) }]);
    expect(lines.length).toBeLessThan(30);
    expect(size()).toBeLessThan(20_000);
    await close();
  });

  test('has a line for each request with a valid token', async () => {
    const { app, get, lines, close } = await logging();
    for (let i = 0; i < 100; i++) {
      await get(`/api/sync/ota/apps/${app.id}/releases?release=${i}`, {
        authorization: `Bearer ${app.token}`,
      });
    }
    expect(lines).toHaveLength(100);
    await close();
  });

  test('goes on to have some lines a second', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
    const { get, lines, close } = await logging();
    for (let i = 0; i < 100; i++) await get('/nope');
    const before = lines.length;
    await vi.advanceTimersByTimeAsync(5000);
    for (let i = 0; i < 100; i++) await get('/nope');
    expect(lines.length - before).toBe(10);
    await close();
  });
});

describe('attack T05: a path in the log', () => {
  const token = generateToken();
  const jwt = 'eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJ4In0.c2lnbmF0dXJl';
  const encode = (text: string) =>
    [...text].map((char) => `%${char.charCodeAt(0).toString(16).padStart(2, '0')}`).join('');

  test.each([
    ['a token', `/api/sync/ota/apps/${token}/releases`],
    ['two tokens', `/${token}/${token}`],
    ['a part of a token', `/${token.slice(0, 12)}`],
    ['an encoded token', `/x/${encode(token)}`],
    ['a token of which one letter is encoded', `/x/${token.replace('k', '%6B')}`],
    ['a token that is encoded twice', `/x/${token.replace('k', '%256b')}`],
    ['a token among what is not encoded correctly', `/%zz/%/${token.replace('_', '%5F')}`],
    ['a JSON Web Token', `/x/${jwt}`],
    ['a token behind much else', `/${'a'.repeat(180)}${token}`],
  ])('does not have %s', (_what, url) => {
    const path = loggedPath(url);
    for (const secret of [token.slice(6), encode(token.slice(6)), jwt.slice(10)])
      expect(path).not.toContain(secret);
  });

  test('has what else is in it, without the query', () => {
    expect(loggedPath('/api/sync/ota/my-app/linux/x86_64/1.0.0%2B7?signature=x')).toBe(
      '/api/sync/ota/my-app/linux/x86_64/1.0.0%2B7',
    );
  });

  test('is not longer than 200 characters, and has nothing but printable ones', () => {
    expect(loggedPath(`/${'a'.repeat(1000)}`)).toBe(`/${'a'.repeat(199)}…`);
    expect(loggedPath('/\u009b31m\u0001é')).toBe('/?31m??');
  });
});
