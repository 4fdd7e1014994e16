import { createHash, randomBytes } from 'node:crypto';
import { HttpResponse, http } from 'msw';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { download } from '../../../../src/client/transfer/download.ts';
import { UndiciTransport } from '../../../../src/client/transport/transport.ts';
import { listenHttp } from '../../../support/network/loopback-server.ts';
import { ScriptedTransport } from '../../../support/network/scripted-transport.ts';

const START = new URL('https://ota.example/api/sync/ota/my-app/download/r1/linux/x86_64');

function redirect(location: string | undefined, status = 302) {
  return () => new HttpResponse(null, { status, headers: location === undefined ? {} : { location } });
}

/** Answers `/hop/N` with a redirect to the next, and the last one with bytes. */
function hops(count: number): ScriptedTransport {
  return new ScriptedTransport(
    http.get('https://cdn.example/hop/:n', ({ params }) => {
      const n = Number(params.n);
      return n === count ? HttpResponse.text('bytes') : redirect(`/hop/${n + 1}`)();
    }),
  );
}

describe('a download', () => {
  test('is measured and hashed piece by piece', async () => {
    const bytes = randomBytes(300_000);
    const url = await listenHttp((_, response) => response.end(bytes));
    const transport = new UndiciTransport();
    const pieces: Uint8Array[] = [];
    const downloaded = await download(transport, {
      url,
      onChunk: (chunk) => pieces.push(Buffer.from(chunk)),
    });
    await transport.close();
    expect(downloaded).toEqual({
      kind: 'downloaded',
      size: bytes.length,
      sha256: createHash('sha256').update(bytes).digest('hex'),
      blake2b512: createHash('blake2b512').update(bytes).digest(),
      announcedSha256: undefined,
    });
    expect(Buffer.concat(pieces).equals(bytes)).toBe(true);
  });

  test('is requested as Tauri requests it, without a token', async () => {
    const transport = new ScriptedTransport(http.get(START.href, () => HttpResponse.text('x')));
    await download(transport, { url: START });
    expect(transport.requests[0]?.headers).toEqual({ accept: 'application/octet-stream' });
  });

  test.each([301, 302, 303, 307, 308])('follows a redirect (%i) to the storage', async (status) => {
    const signed = 'https://s3.example/bucket/key?X-Amz-Signature=abc';
    const transport = new ScriptedTransport(
      http.get(START.href, redirect(signed, status)),
      http.get('https://s3.example/bucket/key', () => HttpResponse.text('bytes')),
    );
    expect(await download(transport, { url: START })).toMatchObject({ size: 5 });
    expect(transport.requests.map(({ url }) => url.href)).toEqual([START.href, signed]);
  });

  test('resolves a relative Location against the URL of the redirect', async () => {
    const transport = new ScriptedTransport(
      http.get(START.href, redirect('../../file?sig=1')),
      http.get('https://ota.example/api/sync/ota/my-app/download/file', () => HttpResponse.text('bytes')),
    );
    expect(await download(transport, { url: START })).toMatchObject({ size: 5 });
  });

  test('follows up to 10 redirects', async () => {
    const transport = hops(10);
    expect(await download(transport, { url: new URL('https://cdn.example/hop/0') })).toMatchObject({
      size: 5,
    });
    expect(transport.requests).toHaveLength(11);
  });

  test('gives up at the eleventh redirect', async () => {
    const transport = hops(11);
    await expect(download(transport, { url: new URL('https://cdn.example/hop/0') })).rejects.toMatchObject({
      code: 'not_the_api',
      message: 'https://cdn.example/hop/0 redirects more than 10 times',
    });
    expect(transport.requests).toHaveLength(11);
  });

  test('gives up in a loop of redirects', async () => {
    const transport = new ScriptedTransport(http.get(START.href, redirect(START.pathname)));
    await expect(download(transport, { url: START })).rejects.toMatchObject({ code: 'not_the_api' });
  });

  test.each([
    ['no Location', undefined],
    ['a Location that is no URL', 'http://['],
    ['a file on this machine', 'file:///etc/hostname'],
    ['another protocol', 'ftp://ota.example/file'],
  ])('refuses a redirect with %s', async (_, location) => {
    const transport = new ScriptedTransport(http.get(START.href, redirect(location)));
    await expect(download(transport, { url: START })).rejects.toMatchObject({ code: 'not_the_api' });
    expect(transport.requests).toHaveLength(1);
  });

  test.each([
    [400, 'preflight_refused'],
    [500, 'network'],
    [503, 'network'],
  ])('reports %i as %s, without the signature in the URL', async (status, code) => {
    const transport = new ScriptedTransport(
      http.get(START.href, redirect('https://s3.example/key?sig=secret')),
      http.get('https://s3.example/key', () => HttpResponse.xml('<Error/>', { status })),
    );
    const error = await download(transport, { url: START }).catch((reason: Error) => reason);
    expect(error).toMatchObject({ code, message: `https://s3.example/key: status ${status}` });
  });

  test.each([403, 404, 410])('reports a missing file (%i) as such, not as a failure', async (status) => {
    const transport = new ScriptedTransport(http.get(START.href, () => new HttpResponse(null, { status })));
    expect(await download(transport, { url: START })).toEqual({ kind: 'not_served' });
  });

  test('is aborted when it is larger than the limit', async () => {
    const transport = new ScriptedTransport(http.get(START.href, () => HttpResponse.text('four')));
    await expect(download(transport, { url: START, maxBytes: 3 })).rejects.toMatchObject({
      code: 'not_the_api',
    });
  });

  test('returns the SHA-256 that the server announces', async () => {
    const digest = createHash('sha256').update('bytes').digest();
    const headers = { 'repr-digest': `sha-512=:AAAA:, sha-256=:${digest.toString('base64')}:` };
    const transport = new ScriptedTransport(
      http.get(START.href, () => HttpResponse.text('bytes', { headers })),
    );
    expect(await download(transport, { url: START })).toMatchObject({
      announcedSha256: digest.toString('hex'),
    });
  });

  test('that is cut off is a network error, not a shorter file', async () => {
    const url = await listenHttp((_, response) => {
      response.writeHead(200, { 'content-length': 1000 });
      response.write('abc', () => response.destroy());
    });
    const transport = new UndiciTransport();
    await expect(download(transport, { url })).rejects.toMatchObject({ code: 'network' });
    await transport.close();
  });
});

describe('R57 a download that receives, every 15 seconds,', () => {
  afterEach(() => {
    vi.useRealTimers();
  });

  /** That number of pieces, of that number of bytes. */
  function slowly(pieceSize: number, pieces: number): ScriptedTransport {
    vi.useFakeTimers({ toFake: ['performance'] });
    let sent = 0;
    const body = new ReadableStream({
      pull(controller) {
        if (sent++ < pieces) controller.enqueue(new Uint8Array(pieceSize));
        else controller.close();
        vi.advanceTimersByTime(15_000);
      },
    });
    return new ScriptedTransport(http.get(START.href, () => new HttpResponse(body)));
  }

  test.each([1, 1000, 96 * 1024])('%i bytes is aborted', async (size) => {
    const transport = slowly(size, Number.POSITIVE_INFINITY);
    await expect(download(transport, { url: START })).rejects.toMatchObject({
      code: 'network',
      message: expect.stringContaining('too slow'),
    });
  });

  test('128 KiB is slow, but completes', async () => {
    const transport = slowly(128 * 1024, 100);
    expect(await download(transport, { url: START })).toMatchObject({ size: 100 * 128 * 1024 });
  });
});
