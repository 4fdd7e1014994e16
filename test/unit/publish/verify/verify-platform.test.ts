import { HttpResponse, http } from 'msw';
import { describe, expect, test } from 'vitest';
import { verificationError, verifyPlatform } from '../../../../src/publish/verify/verify-platform.ts';
import { ScriptedTransport } from '../../../support/network/scripted-transport.ts';
import { BUCKET, SERVER } from '../../../support/publish/base-server.ts';
import { BYTES, CHECK, EXPECTED, FILE, OFFER } from '../../../support/publish/served-release.ts';
import { publisherOver } from '../../../support/publish/test-publisher.ts';
import { LINUX, MAC } from '../../../support/tauri/local-file.ts';

type Offer = { version: string; url: string; signature: string } | undefined;

/** Verifies against a server that offers so (nth check from below, check from the version itself) and serves so. */
async function verify(
  script: {
    offers?: Offer[];
    toItself?: Offer;
    served?: () => Response;
    ready?: number;
    /** What a cache answers to whoever asks as others have. */
    cached?: Offer[];
  } = {},
) {
  const {
    offers = [OFFER],
    toItself,
    served = () => HttpResponse.arrayBuffer(new Uint8Array(BYTES).buffer),
  } = script;
  const left = [...offers];
  const leftInCache = [...(script.cached ?? [])];
  const answer = (offer: Offer) =>
    offer ? HttpResponse.json(offer) : new HttpResponse(null, { status: 204 });
  let downloads = 0;
  const transport = new ScriptedTransport(
    http.get(`${CHECK}/1.2.0`, () => answer(toItself)),
    http.get(`${CHECK}/0.0.0-0`, () =>
      answer(leftInCache.length > 0 ? leftInCache.shift() : left.length > 1 ? left.shift() : left[0]),
    ),
    http.get(`${CHECK}/:unseen`, ({ params }) => {
      expect(params.unseen).toMatch(/^0\.0\.0-0\+[0-9a-f]{8}$/);
      return answer(left.length > 1 ? left.shift() : left[0]);
    }),
    http.get(FILE, () => {
      downloads += 1;
      if (downloads < (script.ready ?? 0)) return new HttpResponse(null, { status: 404 });
      return new HttpResponse(null, { status: 302, headers: { location: `${BUCKET}/key?sig=1` } });
    }),
    http.get(`${BUCKET}/key`, served),
  );
  const publisher = publisherOver(transport);
  return { verdict: await verifyPlatform(publisher, EXPECTED), publisher, transport };
}

describe('the served update is verified', () => {
  test('if it is offered as signed, with these bytes, and not to itself', async () => {
    const { verdict, publisher, transport } = await verify();
    expect(verdict).toEqual({ kind: 'verified', url: FILE, hiddenByCache: false });
    expect(publisher.waits).toEqual([]);
    for (const { headers } of transport.requests) expect(headers).not.toHaveProperty('authorization');
  });

  test.each([
    ['not offered at first', { offers: [undefined, undefined, OFFER] }],
    [
      'hidden by the version before at first',
      { offers: [{ ...OFFER, version: '1.1.0' }, { ...OFFER, version: '1.1.0' }, OFFER] },
    ],
    ['not downloadable at first', { ready: 3 }],
  ])('if it is %s, by checking again every second', async (_, script) => {
    const { verdict, publisher } = await verify(script);
    expect(verdict).toMatchObject({ kind: 'verified' });
    expect(publisher.waits).toEqual([1000, 1000]);
  });

  test('if caches return the previous update, which are bypassed from the fourth check on and reported', async () => {
    const { verdict, publisher } = await verify({ cached: Array(5).fill(undefined) });
    expect(verdict).toEqual({ kind: 'verified', url: FILE, hiddenByCache: true });
    expect(publisher.waits).toEqual([1000, 1000, 1000]);
  });

  test('if a slow server did not show it yet, which is not a cache', async () => {
    const { verdict } = await verify({ offers: [undefined, undefined, undefined, OFFER] });
    expect(verdict).toEqual({ kind: 'verified', url: FILE, hiddenByCache: false });
  });

  test('by its own address if a higher version is offered', async () => {
    const { verdict } = await verify({
      offers: [{ version: '1.3.0', url: `${SERVER}/x`, signature: 'new' }],
    });
    expect(verdict).toEqual({ kind: 'verified', url: FILE, hiddenByCache: false });
  });

  test('after a temporary failure of the server', async () => {
    let failures = 2;
    const flaky = () =>
      failures-- > 0
        ? new HttpResponse(null, { status: 503 })
        : HttpResponse.arrayBuffer(new Uint8Array(BYTES).buffer);
    expect((await verify({ served: flaky })).verdict).toMatchObject({ kind: 'verified' });
  });
});

describe('the served update is not what was published', () => {
  test.each([
    ['another signature', { ...OFFER, signature: 'sig2' }, 'different signature'],
    ['other build metadata', { ...OFFER, version: '1.2.0+2' }, 'version text'],
    ['a version that is no semver', { ...OFFER, version: 'latest' }, '"latest" is not strict semver'],
    ['a URL that is not absolute', { ...OFFER, url: '/download' }, 'not an absolute'],
  ])('if the server offers %s', async (_, offer, reason) => {
    const { verdict, publisher } = await verify({ offers: [offer] });
    expect(verdict).toMatchObject({ kind: 'broken', reason: expect.stringContaining(reason) });
    expect(publisher.waits).toEqual([]);
  });

  test('but a higher version that was published in between is not a loop', async () => {
    const { verdict } = await verify({ toItself: { ...OFFER, version: '1.3.0' } });
    expect(verdict).toMatchObject({ kind: 'verified' });
  });

  test('if the version is offered to itself, so that apps would loop', async () => {
    const { verdict } = await verify({ toItself: OFFER });
    expect(verdict).toMatchObject({ kind: 'broken', reason: expect.stringContaining('loop') });
  });

  test.each([
    ['one byte less', BYTES.subarray(1)],
    ['the same number of different bytes', BYTES.with(0, 0)],
    ['nothing', Buffer.alloc(0)],
  ])('if the server serves %s', async (_, bytes) => {
    const served = () => HttpResponse.arrayBuffer(new Uint8Array(bytes).buffer);
    const { verdict } = await verify({ served });
    expect(verdict).toMatchObject({ kind: 'broken', reason: expect.stringContaining(EXPECTED.sha256) });
  });

  test.each([
    ['no update is offered', { offers: [undefined] }],
    ['a lower version is offered', { offers: [{ ...OFFER, version: '1.1.0' }] }],
    ['the download is not found', { ready: Number.POSITIVE_INFINITY }],
  ])('if %s for half a minute', async (_, script) => {
    const { verdict, publisher } = await verify(script);
    expect(verdict).toMatchObject({ kind: 'not_yet' });
    expect(publisher.waits).toHaveLength(30);
  });
});

test('the error names each platform and the reason', () => {
  const error = verificationError([
    { platform: LINUX, reason: 'no update is offered' },
    { platform: MAC, reason: 'the download is not found' },
  ]);
  expect(error).toMatchObject({ code: 'verification_failed', hint: expect.any(String) });
  expect(error.message).toContain(
    'linux-x86_64: no update is offered; darwin-aarch64: the download is not found',
  );
});
