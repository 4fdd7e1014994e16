import net from 'node:net';
import { describe, expect, test } from 'vitest';
import type { Answer, Fault } from './fault.ts';
import { startFaultProxy } from './fault-proxy.ts';
import { listenHttp } from './loopback-server.ts';

/** A proxy in front of a server that echoes the body; what the server saw is kept. */
async function startEcho(fault?: Fault) {
  const seen: { bytes: number; whole: boolean }[] = [];
  const target = await listenHttp((request, response) => {
    const entry = { bytes: 0, whole: false };
    seen.push(entry);
    const chunks: Buffer[] = [];
    request
      .on('data', (chunk) => {
        chunks.push(chunk);
        entry.bytes += chunk.length;
      })
      .on('end', () => {
        entry.whole = true;
        response.setHeader('x-kept', 'yes').end(Buffer.concat(chunks));
      });
  });
  const proxy = await startFaultProxy(target.href);
  proxy.inject = () => fault;
  return { proxy, seen };
}

/** Sends a PUT of these bytes. @returns what came back, to the last byte, and how the connection ended */
async function put(url: URL, body: string): Promise<{ text: string; end: string }> {
  const socket = net.connect(Number(url.port), url.hostname);
  let text = '';
  socket.setEncoding('latin1').on('data', (chunk) => {
    text += chunk;
  });
  const ended = new Promise<string>((resolve) => {
    socket
      .once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? ''))
      .once('end', () => resolve('FIN'));
  });
  const head = `PUT /path HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: ${body.length}\r\n\r\n`;
  socket.write(head + body);
  const end = await ended;
  socket.destroy();
  return { text, end };
}

const BODY = '0123456789'.repeat(10);
const LATER: Answer = { status: 429, headers: { 'retry-after': '7' }, body: Buffer.from('later') };

describe('the fault proxy', () => {
  test('passes everything on, and back, as it is', async () => {
    const { proxy, seen } = await startEcho();
    const { text, end } = await put(proxy.url, BODY);
    expect(text).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
    expect(text).toContain('x-kept: yes\r\n');
    expect(text.split('\r\n\r\n')[1]).toBe(BODY);
    expect(end).toBe('FIN');
    expect(seen).toEqual([{ bytes: 100, whole: true }]);
    expect(proxy.requests).toMatchObject([
      { number: 1, method: 'PUT', url: '/path', passedBytes: 100, answer: { status: 200 }, struck: false },
    ]);
  });

  test.each([
    ['reset', 'ECONNRESET'],
    ['close', 'FIN'],
  ] as const)('ends a connection by %s before the server saw anything', async (outcome, end) => {
    const { proxy, seen } = await startEcho({ at: 'before', outcome });
    expect(await put(proxy.url, BODY)).toEqual({ text: '', end });
    expect(seen).toEqual([]);
    expect(proxy.requests).toMatchObject([{ passedBytes: 0, struck: true }]);
  });

  test.each([0, 1, 57, 99])('cuts a body at byte %i', async (requestByte) => {
    const { proxy, seen } = await startEcho({ at: { requestByte }, outcome: 'reset' });
    expect(await put(proxy.url, BODY)).toEqual({ text: '', end: 'ECONNRESET' });
    await proxy.settled();
    await expect.poll(() => seen).toEqual([{ bytes: requestByte, whole: false }]);
    expect(proxy.requests[0]?.passedBytes).toBe(requestByte);
  });

  test('loses an answer once the server has applied the request', async () => {
    const { proxy, seen } = await startEcho({ at: 'applied', outcome: 'reset' });
    expect(await put(proxy.url, BODY)).toEqual({ text: '', end: 'ECONNRESET' });
    expect(seen).toEqual([{ bytes: 100, whole: true }]);
  });

  test.each([0, 1, 20, -57, -1])('cuts an answer at byte %i', async (at) => {
    const { proxy } = await startEcho({ at: { answerByte: Number.MAX_SAFE_INTEGER } });
    const { text: whole } = await put(proxy.url, BODY);
    expect(proxy.requests[0]?.answer).toMatchObject({ size: whole.length, headSize: whole.length - 100 });
    const answerByte = at < 0 ? whole.length + at : at;
    proxy.inject = () => ({ at: { answerByte }, outcome: 'close' });
    const { text, end } = await put(proxy.url, BODY);
    const withoutSeconds = (answer: string) => answer.replace(/\d\d GMT/, '');
    expect(withoutSeconds(text)).toBe(withoutSeconds(whole.slice(0, answerByte)));
    expect(end).toBe('FIN');
  });

  test.each([
    ['instead of the server', 'before', 0],
    ['in the middle of the body', { requestByte: 57 }, 57],
    ['after the server applied the request', 'applied', 100],
  ] as const)('answers %s', async (_, at, bytes) => {
    const { proxy, seen } = await startEcho({ at, outcome: LATER });
    const { text } = await put(proxy.url, BODY);
    expect(text).toMatch(/^HTTP\/1\.1 429 Too Many Requests\r\nretry-after: 7\r\n.*\r\n\r\nlater$/s);
    await proxy.settled();
    await expect.poll(() => seen.map((entry) => entry.bytes)).toEqual(bytes === 0 ? [] : [bytes]);
  });

  test('makes another answer of the one there is', async () => {
    const { proxy } = await startEcho({
      at: 'applied',
      outcome: (answer) => ({ ...answer, body: answer.body.subarray(0, 5) }),
    });
    expect((await put(proxy.url, BODY)).text).toMatch(/content-length: 5\r\n.*\r\n\r\n01234$/s);
  });

  test('passes on late what the client has given up', async () => {
    let release = () => {};
    const released = new Promise<void>((resolve) => {
      release = resolve;
    });
    const { proxy, seen } = await startEcho({ at: 'before', action: () => released, outcome: 'late' });
    expect(await put(proxy.url, BODY)).toEqual({ text: '', end: 'ECONNRESET' });
    expect(seen).toEqual([]);
    release();
    await proxy.settled();
    expect(seen).toEqual([{ bytes: 100, whole: true }]);
  });

  test.each(['before', { requestByte: 57 }, 'applied', { answerByte: 30 }] as const)(
    'goes on as if nothing had been after what is waited for at %j',
    async (at) => {
      const { proxy, seen } = await startEcho();
      let bytesSeen: number | undefined;
      const action = async () => {
        await new Promise((resolve) => setTimeout(resolve, 20));
        bytesSeen = seen[0]?.bytes;
      };
      proxy.inject = () => ({ at, action });
      const { text } = await put(proxy.url, BODY);
      expect(text.split('\r\n\r\n')[1]).toBe(BODY);
      expect(bytesSeen).toBe(
        at === 'before' ? undefined : typeof at === 'object' && 'requestByte' in at ? 57 : 100,
      );
      expect(seen).toEqual([{ bytes: 100, whole: true }]);
    },
  );

  test('ends the connection as the server did', async () => {
    const proxy = await startFaultProxy((await listenHttp((request) => request.socket.destroy())).href);
    expect(await put(proxy.url, BODY)).toMatchObject({ text: '' });
    expect(proxy.requests[0]?.answer).toBeUndefined();
  });
});
