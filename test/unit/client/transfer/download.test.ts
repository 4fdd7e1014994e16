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

describe('field 12: a page in place of a file', () => {
  const login = '<!DOCTYPE html>\n<html><title>Sign in - Cloudflare Access</title></html>';

  test('is one of something in front, which is named where it is known', async () => {
    const transport = new ScriptedTransport(
      http.get(START.href, redirect('https://team.cloudflareaccess.com/login')),
      http.get('https://team.cloudflareaccess.com/login', () => HttpResponse.html(login)),
    );
    await expect(download(transport, { url: START })).rejects.toMatchObject({
      code: 'not_the_api',
      message: expect.stringMatching(
        /^https:\/\/team\.cloudflareaccess\.com\/login answered .* asks for a login$/,
      ),
      hint: expect.stringContaining('CF-Access-Client-Id'),
    });
  });

  test.each<[string, () => Response]>([
    ['HTML that is sent as a file', () => HttpResponse.text(login)],
    ['bytes that are sent as HTML', () => HttpResponse.html('\u007fELF')],
    ['an empty file that is sent as HTML', () => HttpResponse.html('')],
  ])('is not %s', async (_, respond) => {
    const transport = new ScriptedTransport(http.get(START.href, respond));
    expect(await download(transport, { url: START })).toMatchObject({ kind: 'downloaded' });
  });
});

describe('attack: a download without end', () => {
  const piece = Buffer.alloc(64 * 1024);
  const endless = (headers: Record<string, string> = {}) =>
    listenHttp((_, response) => {
      response.writeHead(200, headers);
      const send = () => {
        while (response.write(piece));
      };
      response.on('drain', send);
      send();
    });

  test('is read no further than it was announced, however large that is', async () => {
    const size = 40 * piece.length;
    const url = await listenHttp((_, response) => {
      response.writeHead(200, { 'content-length': String(size) });
      for (let sent = 0; sent < size; sent += piece.length) response.write(piece);
      response.end();
    });
    const totals: number[] = [];
    const transport = new UndiciTransport();
    expect(await download(transport, { url, onTotal: (total) => totals.push(total) })).toMatchObject({
      size,
    });
    expect(totals).toEqual([size]);
    await transport.close();
  });

  test.each<[string, Record<string, string>]>([
    ['announces more', { 'content-length': String(2 ** 50) }],
    ['announces nothing', {}],
  ])('that %s than was signed is refused with its first pieces', async (_, headers) => {
    const url = await endless(headers);
    const transport = new UndiciTransport();
    let received = 0;
    const onChunk = (chunk: Uint8Array) => {
      received += chunk.length;
    };
    await expect(download(transport, { url, maxBytes: 100_000, onChunk })).rejects.toMatchObject({
      code: 'not_the_api',
      message: expect.stringMatching(/ answered with more than 100 kB$/),
    });
    expect(received).toBeLessThan(1_000_000);
    await transport.close();
  });
});

describe('a download', () => {
  test.each([true, false])('is measured and hashed piece by piece, with BLAKE2b: %s', async (isAsked) => {
    const bytes = randomBytes(300_000);
    const url = await listenHttp((_, response) => response.end(bytes));
    const transport = new UndiciTransport();
    const pieces: Uint8Array[] = [];
    const downloaded = await download(transport, {
      url,
      onChunk: (chunk) => pieces.push(Buffer.from(chunk)),
      blake2b512: isAsked,
    });
    await transport.close();
    expect(downloaded).toEqual({
      kind: 'downloaded',
      size: bytes.length,
      sha256: createHash('sha256').update(bytes).digest('hex'),
      blake2b512: isAsked ? createHash('blake2b512').update(bytes).digest() : undefined,
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

  test('field 12: names the setting where the storage that a redirect leads to cannot be reached', async () => {
    const transport = new ScriptedTransport(
      http.get(START.href, redirect('https://storage.example:7480/bucket/key?sig=1')),
      http.get('https://storage.example:7480/bucket/key', () => HttpResponse.error()),
    );
    const error = await download(transport, { url: START }).catch((reason) => reason);
    expect(error).toMatchObject({ code: 'network', hint: expect.stringContaining('--s3-public-endpoint') });
    expect(error.message).toContain(`${START.origin} handed out this address`);
  });

  test.each([
    ['http://ota.example/file', 'unencrypted'],
    ['http://s3.example/file', 'unencrypted'],
    ['https://10.0.0.1/file', 'internal'],
    ['https://169.254.169.254/file', 'internal'],
    ['https://minio:9000/file', 'internal'],
    ['https://127.0.0.1/file', 'only_local'],
  ])('attack G09, G19: refuses a redirect to %s before anything is sent', async (location, place) => {
    const transport = new ScriptedTransport(http.get(START.href, redirect(location)));
    await expect(download(transport, { url: START })).rejects.toMatchObject({
      code: 'not_the_api',
      issueIds: [`server.${place}_url`],
      hint: expect.stringContaining('--public-url'),
    });
    expect(transport.requests).toHaveLength(1);
  });

  test('attack G19: refuses the second redirect, too', async () => {
    const transport = new ScriptedTransport(
      http.get(START.href, redirect('https://cdn.example/file')),
      http.get('https://cdn.example/file', redirect('http://cdn.example/file')),
    );
    await expect(download(transport, { url: START })).rejects.toMatchObject({ code: 'not_the_api' });
    expect(transport.requests).toHaveLength(2);
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
