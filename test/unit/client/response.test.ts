import { HttpResponse, http } from 'msw';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { OtaClient } from '../../../src/client/ota-client.ts';
import { Retry } from '../../../src/client/retry.ts';
import { OtaError } from '../../../src/errors.ts';
import { inOrder, ScriptedTransport } from '../../support/network/scripted-transport.ts';

const SERVER = 'https://ota.example';
const RELEASES = `${SERVER}/api/sync/ota/apps/a1/releases`;
const RELEASE = { id: 'r1', version: '1.2.0' };
/** The client may ask what kind of server refused. */
const BASE_SERVER = http.get(`${SERVER}/api/sync/ota`, () => new HttpResponse(null, { status: 404 }));

function clientOf(transport: ScriptedTransport) {
  const clock = () => new Date('2026-03-13T12:00:00Z');
  return new OtaClient({ server: new URL(SERVER), token: 'secret', transport, clock });
}

/** Creates a release at a server that answers so, with all the retries. */
async function create(...answers: (() => Response)[]) {
  const waits: number[] = [];
  const retry = new Retry({ sleep: async (ms) => waits.push(ms), random: () => 1 });
  const transport = new ScriptedTransport(http.post(RELEASES, inOrder(...answers)), BASE_SERVER);
  const outcome = retry.run(() => clientOf(transport).createRelease('a1', { version: '1.2.0' }));
  const error = await outcome.then(
    () => undefined,
    (reason: unknown) => reason as OtaError,
  );
  return {
    outcome,
    error,
    waits,
    transport,
    posts: transport.requests.filter(({ method }) => method === 'POST'),
  };
}

const created = () => HttpResponse.json(RELEASE, { status: 201 });
const status =
  (code: number, headers: Record<string, string> = {}) =>
  () =>
    new HttpResponse('nope', { status: code, headers });

describe('a server with a problem', () => {
  test('answers 500 twice, then 201: the release is created', async () => {
    const { outcome, transport, waits } = await create(status(500), status(500), created);
    expect(await outcome).toEqual(RELEASE);
    expect(transport.requests).toHaveLength(3);
    expect(waits).toEqual([500, 1000]);
  });

  test.each([
    ['seconds', '7', 7000],
    ['a date', 'Fri, 13 Mar 2026 12:00:30 GMT', 30_000],
    ['an hour', '3600', 60_000],
    ['nothing readable', 'later', 500],
  ])('answers 429 with Retry-After in %s: the client waits that long', async (_, value, expected) => {
    const { outcome, waits } = await create(status(429, { 'retry-after': value }), created);
    expect(await outcome).toEqual(RELEASE);
    expect(waits).toEqual([expected]);
  });

  test.each([408, 429, 500, 502, 503, 504, 507])(
    'keeps answering %i: 6 requests, then the error network',
    async (code) => {
      const { error, posts } = await create(...Array.from({ length: 6 }, () => status(code)));
      expect(error).toMatchObject({ code: 'network', status: code, retryable: true });
      expect(posts).toHaveLength(6);
    },
  );

  test.each([
    [400, 'preflight_refused'],
    [412, 'preflight_refused'],
    [401, 'unauthorized'],
    [403, 'unauthorized'],
    [404, 'usage'],
    [409, 'conflict'],
    [413, 'preflight_refused'],
    [422, 'preflight_refused'],
  ])('answers %i: one request, then the error %s', async (code, expected) => {
    const { error, posts } = await create(status(code, { 'retry-after': '1' }));
    expect(error).toMatchObject({ code: expected, status: code, retryable: false });
    expect(posts).toHaveLength(1);
  });
});

describe('a server that is not the API', () => {
  test.each([
    [
      'an HTML page with 200',
      () => HttpResponse.html('<!doctype html><title>Log in</title>'),
      'an HTML page',
    ],
    ['nothing with 200', () => new HttpResponse(null, { status: 200 }), 'an empty response'],
    ['text with 200', () => HttpResponse.text('ok'), 'something else'],
    ['a reply without id', () => HttpResponse.json({ version: '1.2.0' }), 'id is required'],
    ['an id that is a number', () => HttpResponse.json({ id: 7, version: '1.2.0' }), 'id must be string'],
    ['null', () => HttpResponse.json(null), 'unexpected JSON'],
  ])('answers %s: the error says so, without a retry', async (_, answer, words) => {
    const { error, transport } = await create(answer);
    expect(error).toBeInstanceOf(OtaError);
    expect(error).toMatchObject({ code: 'not_the_api', hint: expect.stringContaining('--server') });
    expect(error?.message).toContain(RELEASES);
    expect(error?.message).toContain(words);
    expect(transport.requests).toHaveLength(1);
  });

  test.each([
    ['PUT …/slug', (api: OtaClient) => api.setSlug('a1', 'my-app')],
    ['DELETE …/releases/{id}', (api: OtaClient) => api.deleteRelease('a1', 'r1')],
  ])('answers a page with 200 to %s: an error', async (_, call) => {
    const transport = new ScriptedTransport(http.all('*', () => HttpResponse.html('<html>Log in</html>')));
    await expect(call(clientOf(transport))).rejects.toMatchObject({ code: 'not_the_api' });
  });

  test('answers without end: only a limited size is read', async () => {
    let sent = 0;
    const endless = () =>
      new HttpResponse(
        new ReadableStream({
          pull(controller) {
            sent += 1024 * 1024;
            controller.enqueue(new Uint8Array(1024 * 1024));
          },
        }),
      );
    const { error } = await create(endless);
    expect(error).toMatchObject({
      code: 'not_the_api',
      message: expect.stringContaining('is larger than 16 MiB'),
    });
    expect(sent).toBeLessThan(32 * 1024 * 1024);
  });

  describe('R57 sends its response slowly', () => {
    afterEach(() => {
      vi.useRealTimers();
    });

    /** The release, after as many blanks as asked for, one each quarter of a minute. */
    const slowly = (blanks: number) => () => {
      let sent = 0;
      const body = new ReadableStream({
        pull(controller) {
          if (sent++ < blanks) controller.enqueue(Buffer.from(' '));
          else {
            controller.enqueue(Buffer.from(JSON.stringify(RELEASE)));
            controller.close();
          }
          vi.advanceTimersByTime(15_000);
        },
      });
      return new HttpResponse(body);
    };

    test('and never ends: the client waits for a minute, and then retries', async () => {
      vi.useFakeTimers({ toFake: ['performance'] });
      const { outcome, transport } = await create(slowly(Number.POSITIVE_INFINITY), created);
      expect(await outcome).toEqual(RELEASE);
      expect(transport.requests).toHaveLength(2);
    });

    test('and ends within a minute: the response is accepted', async () => {
      vi.useFakeTimers({ toFake: ['performance'] });
      const { outcome, transport } = await create(slowly(2));
      expect(await outcome).toEqual(RELEASE);
      expect(transport.requests).toHaveLength(1);
    });
  });

  test.each([301, 302, 303, 307, 308])(
    'redirects (%i) to collect the token: the client does not follow',
    async (code) => {
      const evil = 'https://evil.example/collect';
      const { error, transport } = await create(status(code, { location: evil }));
      expect(error).toMatchObject({
        code: 'not_the_api',
        message: expect.stringContaining(`redirect (${code})`),
      });
      expect(transport.requests.map(({ url }) => url.origin)).toEqual([SERVER]);
    },
  );
});

describe('an error response', () => {
  const problem = { type: 'about:blank', title: 'version taken', status: 409, code: 'version_taken' };

  test.each([
    [
      'a problem: its detail is shown',
      HttpResponse.json({ ...problem, detail: 'Gone already.' }),
      'Gone already',
    ],
    ['a problem without detail: its title is shown', HttpResponse.json(problem), 'version taken'],
    ['an error as a word', HttpResponse.json({ error: 'conflict' }), 'status 409'],
    ['an error as an object', HttpResponse.json({ error: { message: 'x' } }), 'status 409'],
    ['a detail that is no text', HttpResponse.json({ detail: { a: 1 } }), 'status 409'],
    ['an array', HttpResponse.json(['a']), 'status 409'],
    ['broken JSON', HttpResponse.text('{"detail": '), 'status 409'],
    ['no body', new HttpResponse(null), 'status 409'],
  ])('may be %s', async (_, { headers, body }, words) => {
    const { error } = await create(() => new HttpResponse(body, { status: 409, headers }));
    expect(error).toMatchObject({ code: 'conflict', message: `${RELEASES}: ${words}` });
  });

  test('R57 is shown without control characters, and limited to a few lines', async () => {
    const detail = `\u001b[2J\r\n::error::no\u202e\u009b31m${'x'.repeat(100_000)}`;
    const { error } = await create(() => HttpResponse.json({ detail }, { status: 409 }));
    expect(error?.message).toMatch(/: {2}\[2J ::error::no 31mx+$/);
    expect(error?.message.length).toBeLessThan(700);
  });

  test('is classified by its status, never by its text', async () => {
    const misleading = HttpResponse.json({ detail: 'unauthorized', code: 'unauthorized' }, { status: 422 });
    const { error } = await create(() => misleading);
    expect(error).toMatchObject({ code: 'preflight_refused' });
  });

  test.each([
    [401, /SYNCKIT_OTA_TOKEN/],
    [403, /scope/],
    [404, /--server/],
  ])('with status %i comes with a hint', async (code, hint) => {
    expect((await create(status(code))).error?.hint).toMatch(hint);
  });
});
