import { describe, expect, test } from 'vitest';
import { highestLive, liveBefore, orderIssues } from '../../../../src/publish/plan/previous-release.ts';
import type { ReleaseRequest } from '../../../../src/publish/release-request.ts';
import { REQUEST, release } from '../../../support/publish/plan-inputs.ts';

const RELEASES = [
  release('1.0.0', { status: 'published', channel: 'stable' }),
  release('1.10.0', { status: 'published', channel: 'stable' }),
  release('1.9.0', { status: 'published', channel: 'stable' }),
  release('1.11.0', { status: 'yanked', channel: 'stable' }),
  release('1.12.0', { status: 'draft', channel: 'stable' }),
  release('1.13.0-beta.1', { status: 'published', channel: 'beta' }),
  release('1.14.0', { status: 'published', channel: 'nightly' }),
  release('latest', { status: 'published', channel: 'stable' }),
];

describe('the live release', () => {
  test.each([
    ['for everyone: no draft, yanked release, other channel or invalid version', {}, '1.10.0'],
    ['for a channel: its own releases too', { channel: 'beta' }, '1.13.0-beta.1'],
    ['for a channel without releases: that for everyone', { channel: 'none-yet' }, '1.10.0'],
    ['except the version itself', { version: '1.10.0' }, '1.9.0'],
    ['except the version itself, whatever its build metadata', { version: '1.10.0+2' }, '1.9.0'],
  ])('with the highest version %s', (_, request, expected) => {
    expect(highestLive(RELEASES, { version: '2.0.0', ...request })?.version).toBe(expected);
  });

  test.each([
    ['1.9.5', {}, '1.9.0'],
    ['1.10.0', {}, '1.9.0'],
    ['2.0.0', {}, '1.10.0'],
    ['2.0.0', { channel: 'beta' }, '1.13.0-beta.1'],
    ['1.13.0-alpha', { channel: 'beta' }, '1.10.0'],
    ['1.0.0', {}, undefined],
    ['0.9.0', {}, undefined],
  ])('before %s, for %j, is %s', (version, request, expected) => {
    expect(liveBefore(RELEASES, { version, ...request })?.version).toBe(expected);
  });

  test('can be any on a server that lists neither status nor channel', () => {
    expect(highestLive([release('1.0.0'), release('1.1.0')], { version: '2.0.0' })?.version).toBe('1.1.0');
    expect(liveBefore([], { version: '2.0.0' })).toBeUndefined();
  });
});

describe('a version', () => {
  const faults = (request: Partial<ReleaseRequest>) => orderIssues({ ...REQUEST, ...request }, RELEASES);

  test.each([
    ['1.10.1', {}],
    ['1.11.0', {}],
    ['1.13.0-beta.2', { channel: 'beta' }],
    ['1.13.0', { channel: 'beta' }],
    ['1.9.5', { allowLower: true }],
  ])('%s, for %j, is higher than the live release, or allowed to be lower', (version, request) => {
    expect(faults({ version, ...request })).toEqual([]);
  });

  test.each([
    ['1.9.5', {}, '1.10.0'],
    ['1.10.0-rc.1', {}, '1.10.0'],
    ['1.12.0', { channel: 'beta' }, '1.13.0-beta.1'],
    ['1.9.5', { channel: 'beta' }, '1.13.0-beta.1'],
    ['1.10.0-rc.1', { channel: 'none-yet' }, '1.10.0'],
  ])('%s, for %j, is refused if %s is live', (version, request, live) => {
    expect(faults({ version, ...request })).toEqual([
      {
        id: 'release.lower_version',
        code: 'preflight_refused',
        message: expect.stringMatching(`${live}.* ${version}`),
        hint: expect.stringContaining('--allow-lower'),
      },
    ]);
  });

  test('is accepted as the first of an app', () => {
    expect(orderIssues(REQUEST, [release('9.0.0', { status: 'draft' })])).toEqual([]);
  });
});
