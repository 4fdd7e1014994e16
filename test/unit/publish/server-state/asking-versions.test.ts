import { describe, expect, test } from 'vitest';
import type { ReleaseResponse } from '../../../../src/protocol/messages.ts';
import { appFilesOf } from '../../../../src/publish/server-state/app-files.ts';
import { askAlwaysAs, askingVersions } from '../../../../src/publish/server-state/asking-versions.ts';
import { listedRelease, testKey } from '../../../support/publish/routed-releases.ts';
import { DEB, LINUX, MAC } from '../../../support/tauri/local-file.ts';

const [K, K2] = [testKey(), testKey()];
const FIRST = listedRelease('1.0.0', { signed: K, carries: K });
const BRIDGE = listedRelease('1.1.0', { signed: K, carries: K2 });
const SECOND = listedRelease('1.2.0', { signed: K2, carries: K2 });
const YANKED = { ...BRIDGE, status: 'yanked' };

function asking(releases: readonly ReleaseResponse[], version: string, platform = LINUX, channel = 'stable') {
  const asked = askingVersions(appFilesOf({ releases }), { version, channel })(platform);
  return asked.kind === 'version' ? asked.version : asked.kind;
}

describe('field 1: the version to ask as', () => {
  test.each<[string, readonly ReleaseResponse[], string, string]>([
    ['is the highest that is offered it', [FIRST, BRIDGE, SECOND], '1.2.0', '1.1.0'],
    ['is not one that is led over another', [FIRST, BRIDGE, SECOND], '1.1.0', '1.0.0'],
    ['is the lowest of all for a first release', [FIRST], '1.0.0', '0.0.0-0'],
    ['may be yanked', [FIRST, YANKED, SECOND], '1.2.0', '1.1.0'],
    ['does not exist if all apps carry another key', [FIRST, SECOND], '1.2.0', 'no_version'],
    [
      'does not exist below a higher release',
      [FIRST, listedRelease('1.1.0', { signed: K })],
      '1.0.0',
      'no_version',
    ],
    [
      'is the required one, if no other is known',
      [FIRST, { ...listedRelease('1.2.0', { signed: K, carries: K }), requires: '1.1.0' }],
      '1.2.0',
      '1.1.0',
    ],
  ])('%s', (_, releases, version, expected) => {
    expect(asking(releases, version)).toBe(expected);
  });

  test('depends on the platform: without a kind of bundle there are the releases of all kinds', () => {
    const kinds = [FIRST, BRIDGE, listedRelease('1.2.0', { signed: K2, carries: K2, platforms: [DEB] })];
    expect([asking(kinds, '1.2.0', DEB), asking(kinds, '1.2.0', LINUX)]).toEqual(['1.1.0', '1.1.0']);
    const deb = listedRelease('1.0.0', { signed: K, carries: K2, platforms: [DEB] });
    const other = listedRelease('1.1.0', { signed: K, carries: K });
    const both = listedRelease('1.2.0', {
      signed: K,
      carries: K,
      platforms: [DEB, { ...LINUX, bundleType: 'appimage' }],
    });
    expect(asking([deb, other, both], '1.2.0', DEB)).toBe('1.1.0');
    expect(asking([FIRST], '1.0.0', MAC)).toBe('no_version');
  });

  test('is one of the channel', () => {
    const beta = { ...listedRelease('1.1.0-beta.1', { signed: K, carries: K }), channel: 'beta' };
    const stable = listedRelease('1.1.0', { signed: K, carries: K });
    expect(asking([FIRST, beta, stable], '1.1.0')).toBe('1.0.0');
    const next = { ...listedRelease('1.2.0-beta.1', { signed: K, carries: K }), channel: 'beta' };
    expect(asking([FIRST, beta, next], '1.2.0-beta.1', LINUX, 'beta')).toBe('1.1.0-beta.1');
  });

  test('is always the same for a server without routing', () => {
    expect(askAlwaysAs('1.1.0')(LINUX)).toEqual({ kind: 'version', version: '1.1.0' });
    expect(askAlwaysAs()(LINUX)).toEqual({ kind: 'version', version: '0.0.0-0' });
  });
});
