import { HttpResponse, http } from 'msw';
import { describe, expect, test } from 'vitest';
import { ensureRelease } from '../../../../src/publish/execute/ensure-release.ts';
import { inOrder, ScriptedTransport } from '../../../support/network/scripted-transport.ts';
import { APP_ID, SERVER } from '../../../support/publish/base-server.ts';
import { publisherOver } from '../../../support/publish/test-publisher.ts';

const URL_OF_RELEASES = `${SERVER}/api/sync/ota/apps/${APP_ID}/releases`;
const BODY = { version: '1.2.0', notes: 'Fixes.', signature: 'sig' };
const RELEASE = { id: 'r1', ...BODY };
const OTHER = { id: 'r0', version: '1.1.0', signature: 'old' };

const created = () => HttpResponse.json(RELEASE, { status: 201 });
const failed = () => new HttpResponse(null, { status: 500 });
const noAnswer = () => HttpResponse.error();
const taken = () => HttpResponse.json({ code: 'version_taken' }, { status: 409 });

/** Ensures the release at a server that answers POST and GET so, in turn. */
async function ensure(posts: (() => Response)[], lists: unknown[][]) {
  const transport = new ScriptedTransport(
    http.post(URL_OF_RELEASES, inOrder(...posts)),
    http.get(URL_OF_RELEASES, inOrder(...lists.map((list) => () => HttpResponse.json(list)))),
  );
  const outcome = await ensureRelease(publisherOver(transport), BODY).catch((error: unknown) => error);
  return { outcome, methods: transport.requests.map(({ method }) => method) };
}

describe('a release is created', () => {
  test('with one request if nothing goes wrong', async () => {
    const { outcome, methods } = await ensure([created], []);
    expect(outcome).toEqual({ release: RELEASE, created: true });
    expect(methods).toEqual(['POST']);
  });

  test.each([
    ['a missing response', noAnswer],
    ['a 500', failed],
  ])('without a second POST if %s hid that it was applied', async (_, answer) => {
    const { outcome, methods } = await ensure([answer], [[OTHER, RELEASE]]);
    expect(outcome).toEqual({ release: RELEASE, created: false });
    expect(methods).toEqual(['POST', 'GET']);
  });

  test('with a second POST if the first was not applied', async () => {
    const { outcome, methods } = await ensure([failed, failed, created], [[OTHER], []]);
    expect(outcome).toEqual({ release: RELEASE, created: true });
    expect(methods).toEqual(['POST', 'GET', 'POST', 'GET', 'POST']);
  });

  test('by adopting the same release if another job created it first', async () => {
    const { outcome, methods } = await ensure([taken], [[RELEASE]]);
    expect(outcome).toEqual({ release: RELEASE, created: false });
    expect(methods).toEqual(['POST', 'GET']);
  });
});

describe('a release is a conflict', () => {
  test.each([
    ['another signature', { ...RELEASE, signature: 'other' }],
    ['no signature', { ...RELEASE, signature: null }],
    ['other build metadata', { ...RELEASE, version: '1.2.0+2' }],
  ])('if it exists with %s', async (_, existing) => {
    const { outcome, methods } = await ensure([taken], [[existing]]);
    expect(outcome).toMatchObject({
      code: 'conflict',
      message: expect.stringMatching(`^${existing.version.replace('+', '\\+')} already exists`),
    });
    expect(methods).toEqual(['POST', 'GET']);
  });

  test('if another job created different content during a failure', async () => {
    const { outcome } = await ensure([failed], [[{ ...RELEASE, signature: 'other' }]]);
    expect(outcome).toMatchObject({ code: 'conflict' });
  });

  test('if the server says so but does not list it', async () => {
    const { outcome } = await ensure([taken], [[OTHER]]);
    expect(outcome).toMatchObject({ code: 'conflict' });
  });
});
