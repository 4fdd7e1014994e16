import { HttpResponse, http } from 'msw';
import { describe, expect, test } from 'vitest';
import { type ExpectedUpdate, verifyPlatform } from '../../../../src/publish/verify/verify-platform.ts';
import { ScriptedTransport } from '../../../support/network/scripted-transport.ts';
import { BYTES, CHECK, EXPECTED, FILE, OFFER } from '../../../support/publish/served-release.ts';
import { publisherOver } from '../../../support/publish/test-publisher.ts';
import { DEB } from '../../../support/tauri/local-file.ts';

/*
 * Installed apps ask from the version before, in their channel, with or without their kind of bundle.
 */

const FROM_1_1 = { kind: 'version', version: '1.1.0' } as const;
const DEB_OFFER = { version: '1.2.0', url: `${FILE}?bundle_type=deb`, signature: 'sig' };
/** Our server's response to an app that does not send its bundle type, where there are several. */
const BOTH = {
  version: '1.2.0',
  url: `${FILE}?bundle_type=appimage`,
  signature: 'sig of appimage',
  platforms: {
    'linux-x86_64-appimage': { url: `${FILE}?bundle_type=appimage`, signature: 'sig of appimage' },
    'linux-x86_64-deb': { url: `${FILE}?bundle_type=deb`, signature: 'sig' },
    'linux-x86_64': { url: `${FILE}?bundle_type=appimage`, signature: 'sig of appimage' },
  },
};

/**
 * Verifies against a server that answers checks by what stands after the platform, build metadata aside; anything else
 * is 204.
 */
async function verify(expected: Partial<ExpectedUpdate>, answers: Readonly<Record<string, object>>) {
  const transport = new ScriptedTransport(
    http.get(FILE, () => HttpResponse.arrayBuffer(new Uint8Array(BYTES).buffer)),
    http.get(`${CHECK}/:version`, ({ request }) => {
      const answer = answers[request.url.slice(CHECK.length + 1).replace(/\+[0-9a-f]+/, '')];
      return answer ? HttpResponse.json(answer) : new HttpResponse(null, { status: 204 });
    }),
  );
  const publisher = publisherOver(transport);
  const verdict = await verifyPlatform(publisher, { ...EXPECTED, ...expected });
  const asked = transport.requests
    .map(({ url }) => url.href)
    .filter((url) => url.startsWith(CHECK))
    .map((url) => url.slice(CHECK.length + 1));
  return { verdict, asked, waits: publisher.waits };
}

describe('the served update is verified', () => {
  test('from the version before, and from the version itself', async () => {
    const { verdict, asked } = await verify({ askAs: FROM_1_1 }, { '1.1.0': OFFER });
    expect(verdict).toEqual({ kind: 'verified', url: FILE, hiddenByCache: false });
    expect(asked).toEqual(['1.1.0', '1.2.0']);
  });

  test('from the lowest possible version, if nothing was live before', async () => {
    const { verdict, asked } = await verify({}, { '0.0.0-0': OFFER });
    expect(verdict).toMatchObject({ kind: 'verified' });
    expect(asked).toEqual(['0.0.0-0', '1.2.0']);
  });

  test('in its channel', async () => {
    const { verdict, asked } = await verify({ channel: 'beta' }, { '0.0.0-0?channel=beta': OFFER });
    expect(verdict).toMatchObject({ kind: 'verified' });
    expect(asked).toEqual(['0.0.0-0?channel=beta', '1.2.0?channel=beta']);
  });

  test.each([
    ['if several bundle types are offered', BOTH],
    ['if it is the only bundle type', DEB_OFFER],
    ['if a higher version is offered to others', { ...BOTH, version: '1.3.0', signature: 'x' }],
    [
      'if the entry is the platform’s own',
      { ...BOTH, platforms: { 'linux-x86_64': { url: DEB_OFFER.url, signature: 'sig' } } },
    ],
  ])('for a bundle type, with and without asking for it: %s', async (_, plain) => {
    const answers = { '1.1.0?bundle_type=deb': DEB_OFFER, '1.1.0': plain };
    const { verdict, asked } = await verify({ ...DEB, askAs: FROM_1_1, askWithoutTypeAs: FROM_1_1 }, answers);
    expect(verdict).toEqual({ kind: 'verified', url: DEB_OFFER.url, hiddenByCache: false });
    expect(asked).toEqual(['1.1.0?bundle_type=deb', '1.1.0', '1.2.0?bundle_type=deb']);
  });

  test('for a bundle type by its own address, if a higher version has that type', async () => {
    const answers = { '0.0.0-0?bundle_type=deb': { ...DEB_OFFER, version: '1.3.0', signature: 'new' } };
    const { verdict, asked } = await verify(DEB, answers);
    expect(verdict).toMatchObject({ kind: 'verified', url: `${FILE}?bundle_type=deb` });
    expect(asked).toEqual(['0.0.0-0?bundle_type=deb']);
  });

  test('field 1: from another version by apps that do not ask for their bundle type', async () => {
    const askWithoutTypeAs = { kind: 'version', version: '1.0.0' } as const;
    const answers = { '1.1.0?bundle_type=deb': DEB_OFFER, '1.0.0': DEB_OFFER };
    const { verdict, asked } = await verify({ ...DEB, askAs: FROM_1_1, askWithoutTypeAs }, answers);
    expect(verdict).toMatchObject({ kind: 'verified' });
    expect(asked).toEqual(['1.1.0?bundle_type=deb', '1.0.0', '1.2.0?bundle_type=deb']);
  });

  test('field 1: by its own address, if it is offered to no version', async () => {
    const { verdict, asked } = await verify({ askAs: { kind: 'no_version' } }, {});
    expect(verdict).toEqual({ kind: 'verified', url: FILE, hiddenByCache: false });
    expect(asked).toEqual([]);
  });

  test('if a higher version was published since and is offered to the version itself', async () => {
    const answers = { '0.0.0-0': OFFER, '1.2.0': { ...OFFER, version: '1.3.0' } };
    expect((await verify({}, answers)).verdict).toMatchObject({ kind: 'verified' });
  });
});

describe('the served file is not what was published', () => {
  test.each([
    ['to the version itself', '1.2.0'],
    ['lower to the version itself', '1.1.9'],
    ['with other build metadata to the version itself', '1.2.0+2'],
  ])('if it is offered %s, so that apps would loop', async (_, version) => {
    const { verdict } = await verify({}, { '0.0.0-0': OFFER, '1.2.0': { ...OFFER, version } });
    expect(verdict).toEqual({
      kind: 'broken',
      reason: `apps on 1.2.0 are offered ${version}, so they would update in a loop`,
    });
  });

  test.each([
    [
      'a different signature in the entry of their type',
      { ...BOTH, platforms: { ...BOTH.platforms, 'linux-x86_64-deb': { url: FILE, signature: 'other' } } },
    ],
    [
      'no entry for their type or platform',
      { ...BOTH, platforms: { 'darwin-aarch64': { url: FILE, signature: 'sig' } } },
    ],
    ['only a different bundle type', { ...OFFER, signature: 'sig of appimage' }],
  ])('if apps that do not ask for their bundle type are offered %s', async (_, plain) => {
    const { verdict } = await verify(DEB, { '0.0.0-0?bundle_type=deb': DEB_OFFER, '0.0.0-0': plain });
    expect(verdict).toEqual({
      kind: 'broken',
      reason: 'apps that do not ask for deb are offered a different signature',
    });
  });

  test('if an entry of platforms has no absolute URL, which makes every client fail', async () => {
    const platforms = { ...BOTH.platforms, 'linux-x86_64-rpm': { url: '/relative', signature: 'sig' } };
    const { verdict } = await verify(DEB, {
      '0.0.0-0?bundle_type=deb': DEB_OFFER,
      '0.0.0-0': { ...BOTH, platforms },
    });
    expect(verdict).toMatchObject({
      kind: 'broken',
      reason: expect.stringContaining('url "/relative" is not an absolute'),
    });
  });

  test.each([
    ['to apps of its channel', { channel: 'beta' }, { '0.0.0-0': OFFER }],
    ['to apps of its bundle type', DEB, { '0.0.0-0': DEB_OFFER }],
    ['to apps that do not ask for their bundle type', DEB, { '0.0.0-0?bundle_type=deb': DEB_OFFER }],
    ['to apps of the version before', { askAs: FROM_1_1 }, { '0.0.0-0': OFFER }],
  ])('if it is not offered %s for half a minute', async (_, expected, answers) => {
    const { verdict, waits } = await verify(expected, answers);
    expect(verdict).toEqual({ kind: 'not_yet', reason: 'no update is offered' });
    expect(waits).toEqual(Array(30).fill(1000));
  });
});
