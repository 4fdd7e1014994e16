import { createHash, randomBytes } from 'node:crypto';
import { appendFile, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { HttpResponse, http } from 'msw';
import { afterEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import { SourceFile } from '../../../../src/client/transfer/source-file.ts';
import { type UploadRequest, uploadFile } from '../../../../src/client/transfer/upload-file.ts';
import {
  type Transport,
  type TransportRequest,
  UndiciTransport,
} from '../../../../src/client/transport/transport.ts';
import { OtaError } from '../../../../src/errors.ts';
import { listenHttp, listenRaw } from '../../../support/network/loopback-server.ts';
import { ScriptedTransport } from '../../../support/network/scripted-transport.ts';
import { tempFolder } from '../../../support/process/temp-folder.ts';

const SIGNED = 'https://s3.example/bucket/key?X-Amz-Signature=secret';
const KIB = 1024;
const MIB = 1024 * KIB;

/** A file on disk, and the request to upload it as it is now. */
async function fileToUpload(size: number): Promise<UploadRequest & { file: string; bytes: Buffer }> {
  const bytes = randomBytes(size);
  const file = join(await tempFolder(), 'bundle.bin');
  await writeFile(file, bytes);
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  return { url: SIGNED, source: new SourceFile({ file, size, sha256 }), file, bytes };
}

function openTransport(): UndiciTransport {
  const transport = new UndiciTransport();
  onTestFinished(() => transport.close());
  return transport;
}

describe('an upload', () => {
  test.each([1, 256 * KIB - 1, 256 * KIB, 256 * KIB + 1, MIB, MIB + 1, 3 * MIB - 1])(
    'of %i bytes is one PUT of exactly the file, with its length and no token',
    async (size) => {
      const request = await fileToUpload(size);
      const transport = new ScriptedTransport(
        http.put('https://s3.example/bucket/key', () => new HttpResponse()),
      );
      const progress: number[] = [];
      const onProgress = (sent: number) => progress.push(sent);
      expect(await uploadFile(transport, { ...request, onProgress })).toEqual({
        kind: 'uploaded',
        wentLive: undefined,
      });
      const [sent, ...others] = transport.requests;
      expect(others).toEqual([]);
      expect(sent?.url.href).toBe(SIGNED);
      expect(sent?.body.equals(request.bytes)).toBe(true);
      expect(sent?.headers).toEqual({
        'content-length': String(size),
        'content-type': 'application/octet-stream',
      });
      expect(progress.at(-1)).toBe(size);
      expect(progress).toEqual([...progress].sort((a, b) => a - b));
    },
  );

  test.each([
    ['true', { status: 'complete', size: 10, sha256: 'ab', went_live: true }, true],
    ['false', { status: 'complete', size: 10, sha256: 'ab', went_live: false }, false],
    ['nothing', { status: 'complete', size: 10, sha256: 'ab' }, undefined],
    ['something else', { ok: true, went_live: true }, undefined],
  ])('reports %s for went_live, as the server does', async (_, answer, wentLive) => {
    const transport = new ScriptedTransport(http.put('*', () => HttpResponse.json(answer)));
    expect(await uploadFile(transport, await fileToUpload(10))).toEqual({ kind: 'uploaded', wentLive });
  });

  const OURS = 'https://ota.example/api/sync/ota/upload/u1';

  test.each<[string, () => Response]>([
    ['nothing', () => new HttpResponse(null, { status: 200 })],
    ['nothing and 204', () => new HttpResponse(null, { status: 204 })],
    ['text', () => new HttpResponse('OK')],
    ['other JSON', () => HttpResponse.json({ ok: true })],
    [
      'another hash',
      () => HttpResponse.json({ status: 'complete', size: 10, sha256: 'ab', went_live: true }),
    ],
  ])('field 12: to our server that is answered with %s was answered by something else', async (_, answer) => {
    const transport = new ScriptedTransport(http.put(OURS, answer));
    const request = { ...(await fileToUpload(10)), url: OURS, server: 'problems' } as const;
    expect(await uploadFile(transport, request)).toMatchObject({
      kind: 'unconfirmed',
      error: { code: 'not_the_api', hint: expect.stringContaining('in front of the server') },
    });
  });

  test('field 12: to our server counts once it names the hash', async () => {
    const request = { ...(await fileToUpload(10)), url: OURS, server: 'problems' } as const;
    const { sha256 } = request.source;
    const answer = { status: 'complete', size: 10, sha256, went_live: true };
    const transport = new ScriptedTransport(http.put(OURS, () => HttpResponse.json(answer)));
    expect(await uploadFile(transport, request)).toEqual({ kind: 'uploaded', wentLive: true });
  });

  test.each(['problems', 'api'] as const)('field 12: with 404 says what to do (%s)', async (server) => {
    const problem = { status: 404, headers: { 'content-type': 'application/problem+json' } };
    const answer = () => new HttpResponse('{"code":"not_found"}', problem);
    for (const url of [OURS, SIGNED]) {
      const transport = new ScriptedTransport(http.put('*', answer));
      const uploading = uploadFile(transport, { ...(await fileToUpload(10)), url, server });
      await expect(uploading).rejects.toMatchObject({ hint: expect.stringMatching(/again|administrator/) });
    }
  });

  test('with 403 means that the URL is not valid any more', async () => {
    const transport = new ScriptedTransport(http.put('*', () => new HttpResponse(null, { status: 403 })));
    expect(await uploadFile(transport, await fileToUpload(10))).toMatchObject({
      kind: 'url_refused',
      error: { code: 'store_unavailable', status: 403 },
    });
  });

  test.each([
    [409, 'conflict'],
    [413, 'preflight_refused'],
    [422, 'preflight_refused'],
    [302, 'not_the_api'],
    [500, 'network'],
    [503, 'network'],
  ])('with %i is the error %s, which shows no signature', async (status, code) => {
    const answer = () =>
      new HttpResponse('<Error/>', { status, headers: { location: 'https://evil.example/' } });
    const transport = new ScriptedTransport(http.put('https://s3.example/bucket/key', answer));
    const error = await uploadFile(transport, await fileToUpload(10)).catch((reason: Error) => reason);
    expect(error).toMatchObject({ code, message: expect.stringContaining('https://s3.example/bucket/key') });
    expect(JSON.stringify(error) + String(error)).not.toContain('secret');
  });

  test.each(['', '/uploads/1', 'file:///tmp/x', 'ftp://s3.example/x', 'not a url'])(
    'to the URL %j is rejected',
    async (url) => {
      const request = { ...(await fileToUpload(10)), url };
      await expect(uploadFile(new ScriptedTransport(), request)).rejects.toMatchObject({
        code: 'not_the_api',
      });
    },
  );
});

describe.each([
  ['smaller than one read', 1000 * KIB],
  ['of a whole number of reads', 2 * MIB],
  ['of several reads and a shorter one', 3 * MIB - 1],
])('R63 a file %s that changes before all of it was sent', (_, size) => {
  test.each<[string, (upload: { file: string; bytes: Buffer }) => Promise<void>]>([
    ['grows', ({ file }) => appendFile(file, 'more')],
    ['shrinks', ({ file }) => truncate(file, size - 1)],
    ['is emptied', ({ file }) => truncate(file, 0)],
    ['gets other bytes', ({ file }) => writeFile(file, randomBytes(size))],
    ['gets another last byte', ({ file, bytes }) => writeFile(file, bytes.with(-1, (bytes.at(-1) ?? 0) ^ 1))],
  ])('%s: the upload fails before its last bytes', async (__, change) => {
    const received: number[] = [];
    const url = await listenHttp((request) => request.on('data', (chunk) => received.push(chunk.length)));
    const request = await fileToUpload(size);
    await change(request);
    await expect(uploadFile(openTransport(), { ...request, url: url.href })).rejects.toMatchObject({
      code: 'preflight_refused',
      message: `${request.file} changed while it was being uploaded`,
    });
    expect(received.reduce((sum, length) => sum + length, 0)).toBeLessThan(size);
  });
});

test('R63 a file that grows after its last whole read is not sent up to its previous length', async () => {
  const size = 3 * MIB;
  const request = await fileToUpload(size);
  await appendFile(request.file, 'more');
  let taken = 0;
  const transport: Transport = {
    async send({ body }) {
      for await (const chunk of body as AsyncIterable<Uint8Array>) taken += chunk.length;
      throw new Error('the body came to its end');
    },
  };
  await expect(uploadFile(transport, request)).rejects.toMatchObject({ code: 'preflight_refused' });
  expect(taken).toBe(size - MIB);
});

describe('a response before the whole file was sent', () => {
  test.each([
    [409, 'conflict'],
    [413, 'preflight_refused'],
  ])('with %i is recognised', async (status, code) => {
    const url = await listenHttp((_, response) => response.writeHead(status).end('{}'));
    const request = { ...(await fileToUpload(8 * KIB * KIB)), url: url.href };
    await expect(uploadFile(openTransport(), request)).rejects.toMatchObject({ code });
  });

  test('with 403 is recognised', async () => {
    const url = await listenHttp((_, response) => response.writeHead(403).end());
    const request = { ...(await fileToUpload(8 * KIB * KIB)), url: url.href };
    expect(await uploadFile(openTransport(), request)).toMatchObject({
      kind: 'url_refused',
      error: { code: 'store_unavailable', status: 403 },
    });
  });

  test.each([
    ['a closed connection', (socket: { end(): void }) => socket.end()],
    ['a connection reset', (socket: { resetAndDestroy(): void }) => socket.resetAndDestroy()],
  ])('or %s instead is a network error', async (_, act) => {
    const url = await listenRaw((socket) => socket.once('data', () => act(socket)));
    const request = { ...(await fileToUpload(8 * KIB * KIB)), url: url.href };
    await expect(uploadFile(openTransport(), request)).rejects.toMatchObject({ code: 'network' });
  });
});

describe('R57 an upload that stalls', () => {
  afterEach(() => {
    vi.useRealTimers();
  });

  /** Takes that number of pieces of the body, or all of it, and then never answers. */
  class StalledTransport implements Transport {
    readonly stalled: Promise<void>;
    readonly #pieces: number;
    #onStall: () => void = () => {};

    constructor(pieces: number) {
      this.#pieces = pieces;
      this.stalled = new Promise((resolve) => {
        this.#onStall = resolve;
      });
    }

    async send({ body, signal }: TransportRequest): Promise<never> {
      const pieces = (body as AsyncIterable<Uint8Array>)[Symbol.asyncIterator]();
      for (let taken = 0; taken < this.#pieces && !(await pieces.next()).done; taken++);
      this.#onStall();
      await new Promise((resolve) => signal?.addEventListener('abort', resolve));
      await pieces.return?.(); // as undici ends a body
      throw signal?.reason;
    }
  }

  test.each([
    ['before the first byte', 0, 120_000],
    ['in the middle', 2, 120_000],
    ['after the last byte, while the server hashes and syncs,', Number.POSITIVE_INFINITY, 120_245],
  ])('%s is given up after the timeout', async (_, pieces, patienceMs) => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const transport = new StalledTransport(pieces);
    const outcome = uploadFile(transport, await fileToUpload(1000 * KIB)).catch((error: Error) => error);
    await transport.stalled;
    let ended = false;
    void outcome.then(() => {
      ended = true;
    });
    await vi.advanceTimersByTimeAsync(patienceMs - 1);
    expect(ended).toBe(false);
    await vi.advanceTimersByTimeAsync(1);
    expect(await outcome).toMatchObject({
      code: 'network',
      message: 'the upload to https://s3.example/bucket/key stalled',
    });
    expect(vi.getTimerCount()).toBe(0);
  });

  test('leaves no timer that keeps the process alive when its body is read after its end', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    let body: AsyncIterator<Uint8Array> | undefined;
    const transport: Transport = {
      async send(request) {
        body = (request.body as AsyncIterable<Uint8Array>)[Symbol.asyncIterator]();
        await body.next();
        throw new OtaError('network', 'cut');
      },
    };
    await expect(uploadFile(transport, await fileToUpload(1000 * KIB))).rejects.toThrow('cut');
    await body?.next();
    expect(vi.getTimerCount()).toBe(0);
    await body?.return?.();
  });

  test('and was aborted is an interruption, not a network error', async () => {
    const abort = new AbortController();
    const transport = new StalledTransport(1);
    const request = { ...(await fileToUpload(1000 * KIB)), signal: abort.signal };
    const outcome = uploadFile(transport, request).catch((error: Error) => error);
    await transport.stalled;
    abort.abort();
    expect(await outcome).toMatchObject({ name: 'AbortError' });
  });
});
