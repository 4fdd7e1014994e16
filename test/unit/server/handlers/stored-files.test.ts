import { createHash, randomBytes } from 'node:crypto';
import { cp, readdir, utimes } from 'node:fs/promises';
import net from 'node:net';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { describe, expect, onTestFinished, test } from 'vitest';
import { tempFolder } from '../../../support/process/temp-folder.ts';
import { bytesOf, Publisher, requireStatus, startServer } from '../../../support/publish/publisher.ts';

const BYTES = bytesOf('1.0.0');
const SHA256 = createHash('sha256').update(BYTES).digest('hex');
const ETAG = `"${SHA256}"`;
const RANGE = { range: 'bytes=4-6' };
const OLD = 'Thu, 01 Jan 2015 00:00:00 GMT';

async function published() {
  const dataDir = await tempFolder();
  const server = await startServer({}, dataDir);
  const app = await Publisher.on(server);
  const releaseId = await app.publish('1.0.0');
  const url = await app.downloadPath(releaseId);
  const ask = (headers = {}, method: 'GET' | 'HEAD' = 'GET') => server.app.inject({ method, url, headers });
  return { dataDir, app, releaseId, url, ask };
}

describe('field 13: a download with conditions', () => {
  test.each(['GET', 'HEAD'] as const)(
    '%s is refused with 412, and never 500, if they do not hold',
    async (method) => {
      const { ask } = await published();
      for (const condition of [
        { 'if-match': '"other"' },
        { 'if-match': `W/${ETAG}` },
        { 'if-match': `W/"${SHA256}-gzip"` },
        { 'if-unmodified-since': OLD },
      ]) {
        for (const range of [{}, RANGE, { range: 'bytes=100000-' }]) {
          const reply = await ask({ ...condition, ...range }, method);
          expect(reply.statusCode).toBe(412);
          expect(reply.headers).toMatchObject({ 'cache-control': 'no-store' });
          expect(reply.headers['content-type']).toMatch(/^application\/problem\+json/);
          if (method === 'GET') expect(reply.json()).toMatchObject({ code: 'precondition_failed' });
          expect(reply.headers['content-disposition']).toBeUndefined();
        }
      }
    },
  );

  test('is answered with 304 if the client has the file', async () => {
    const { ask } = await published();
    const first = await ask();
    const lastModified = String(first.headers['last-modified']);
    for (const condition of [
      { 'if-none-match': ETAG },
      { 'if-none-match': `W/${ETAG}, "x"` },
      { 'if-none-match': '*' },
      { 'if-modified-since': lastModified },
    ]) {
      for (const method of ['GET', 'HEAD'] as const) {
        const reply = await ask({ ...condition, ...RANGE }, method);
        expect(reply.statusCode).toBe(304);
        expect(reply.body).toBe('');
        const { etag, 'cache-control': caching, 'last-modified': modified } = first.headers;
        expect(reply.headers).toMatchObject({ etag, 'cache-control': caching, 'last-modified': modified });
      }
    }
  });

  test('resumes where they hold, and starts over where If-Range names another file', async () => {
    const { ask } = await published();
    const lastModified = String((await ask()).headers['last-modified']);
    for (const condition of [
      { 'if-match': ETAG },
      { 'if-match': '*' },
      { 'if-unmodified-since': lastModified },
      { 'if-range': ETAG },
      { 'if-range': lastModified },
    ]) {
      const reply = await ask({ ...condition, ...RANGE });
      expect(reply.statusCode).toBe(206);
      expect(reply.rawPayload).toEqual(BYTES.subarray(4, 7));
      expect(reply.headers).toMatchObject({ etag: ETAG, 'content-length': '3' });
    }
    for (const ifRange of ['"other"', `W/${ETAG}`, OLD]) {
      const reply = await ask({ 'if-range': ifRange, ...RANGE });
      expect(reply.statusCode).toBe(200);
      expect(reply.rawPayload).toEqual(BYTES);
    }
  });

  test('has a strong ETag of its bytes, a digest of all of them also for a range, and is not transformed', async () => {
    const { ask } = await published();
    const digest = `sha-256=:${Buffer.from(SHA256, 'hex').toString('base64')}:`;
    for (const headers of [{}, RANGE]) {
      const reply = await ask(headers);
      expect(reply.headers).toMatchObject({ etag: ETAG, 'repr-digest': digest, 'accept-ranges': 'bytes' });
      expect(reply.headers['cache-control']).toContain('no-transform');
    }
  });

  test('a range beyond the file gets 416, which no cache keeps', async () => {
    const { ask } = await published();
    const reply = await ask({ range: 'bytes=100000-' });
    expect(reply.statusCode).toBe(416);
    expect(reply.headers).toMatchObject({
      'cache-control': 'no-store',
      'content-range': `bytes */${BYTES.length}`,
    });
    expect(reply.headers.etag).toBeUndefined();
  });

  test('HEAD has the headers of GET, and no ranges, which only GET has', async () => {
    const { ask } = await published();
    const { date: _, ...get } = (await ask()).headers;
    for (const headers of [{}, RANGE, { range: 'bytes=100000-' }]) {
      const reply = await ask(headers, 'HEAD');
      expect(reply.statusCode).toBe(200);
      expect(reply.body).toBe('');
      expect(reply.headers).toMatchObject(get);
    }
  });

  test('a copied store has the same validators, whatever the times of its files', async () => {
    const { dataDir, app, releaseId, ask } = await published();
    const { etag, 'last-modified': lastModified } = (await ask()).headers;
    await app.server.close();
    const copied = await tempFolder();
    await cp(dataDir, copied, { recursive: true });
    for (const name of await readdir(join(copied, 'artifacts'))) {
      await utimes(join(copied, 'artifacts', name), new Date(0), new Date('2030-01-01'));
    }
    const server = await startServer({}, copied);
    const redirect = await server.app.inject({
      url: `/api/sync/ota/${app.slug}/download/${releaseId}/linux/x86_64`,
    });
    const { pathname, search } = new URL(requireStatus(redirect, 302).headers.location ?? '');
    const headers = { 'if-match': String(etag), 'if-range': String(lastModified), ...RANGE };
    const resumed = await server.app.inject({ url: pathname + search, headers });
    expect(resumed.statusCode).toBe(206);
    expect(resumed.headers).toMatchObject({ etag, 'last-modified': lastModified });
  });
});

describe('field 13: the URL of a file', () => {
  test('ends in its name, which the signature covers', async () => {
    const { app, url } = await published();
    expect(new URL(url, 'http://localhost').pathname).toMatch(/\/my-app-1\.0\.0-linux-x86_64$/);
    for (const changed of [
      url.replace('my-app', 'evil'),
      url.replace('?', '/?'),
      url.replace('/downloads', '//downloads'),
    ]) {
      const reply = await app.get(changed);
      expect(reply.statusCode).toBe(403);
      expect(reply.json()).toMatchObject({ code: 'url_refused' });
    }
  });
});

describe('field 13: a range of a download', () => {
  const last = BYTES.length - 1;

  test.each([
    ['bytes=-4', 206, BYTES.subarray(-4)],
    [`bytes=-${BYTES.length}`, 206, BYTES],
    [`bytes=-${BYTES.length + 1}`, 206, BYTES],
    ['bytes=-999999999999999', 206, BYTES],
    ['bytes=0-', 206, BYTES],
    ['Bytes= 4-6', 206, BYTES.subarray(4, 7)],
    ['bytes=4-999999', 206, BYTES.subarray(4)],
    [`bytes=${last}-${last}`, 206, BYTES.subarray(-1)],
    [`bytes=${BYTES.length}-`, 416, undefined],
    ['bytes=-0', 416, undefined],
    ['bytes=6-4', 200, BYTES],
    ['bytes=0-1,4-5', 200, BYTES],
    ['bytes=-', 200, BYTES],
    ['bytes=', 200, BYTES],
    ['bytes=a-b', 200, BYTES],
    ['bytes=1-2x', 200, BYTES],
    ['lines=1-2', 200, BYTES],
    [`bytes=${'0,'.repeat(30_000)}`, 200, BYTES],
  ])('%s', async (range, status, bytes) => {
    const { ask } = await published();
    const reply = await ask({ range });
    expect(reply.statusCode).toBe(status);
    if (bytes !== undefined) expect(reply.rawPayload.equals(bytes)).toBe(true);
    else expect(reply.headers['content-range']).toBe(`bytes */${BYTES.length}`);
    for (const ifRange of ['"other"', `W/${ETAG}`, OLD]) {
      expect((await ask({ range, 'if-range': ifRange })).statusCode).toBe(200);
    }
    expect((await ask({ range, 'if-range': ETAG })).statusCode).toBe(status);
  });
});

test('a download arrives whole however slowly it is read, also before another on the same connection', async () => {
  const server = await startServer({}, await tempFolder());
  const { url, drain } = await server.listen();
  onTestFinished(() => drain());
  const app = await Publisher.on(server);
  const bytes = randomBytes(5_000_000);
  const releaseId = await app.createRelease('1.0.0');
  requireStatus(await app.upload(releaseId, await app.requestUpload(releaseId, bytes.length), bytes), 200);
  const path = await app.downloadPath(releaseId);

  const socket = net.connect(Number(new URL(url).port), '127.0.0.1').pause();
  onTestFinished(() => void socket.destroy());
  const requests = ['keep-alive', 'close'].map((connection) =>
    [`GET ${path} HTTP/1.1`, 'Host: localhost', `Connection: ${connection}`, '', ''].join('\r\n'),
  );
  socket.write(requests.join(''));
  const chunks: Buffer[] = [];
  for await (const chunk of socket) {
    chunks.push(chunk);
    if (chunks.length % 20 === 0) await setImmediate(); // the server's buffers are full by then
  }
  const received = Buffer.concat(chunks);
  const first = received.indexOf(bytes);
  expect(first).toBeGreaterThan(0);
  expect(received.subarray(-bytes.length).equals(bytes)).toBe(true);
  expect(received.length).toBeGreaterThan(first + 2 * bytes.length);
});
