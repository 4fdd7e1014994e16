import { describe, expect, test } from 'vitest';
import { allows, describeScope, isGrant, SCOPES } from '../../../../src/protocol/access/scope.ts';

describe('a grant', () => {
  test.each([...SCOPES, 'release:write', 'release:publish@beta', 'release:yank@stable,beta-2'])(
    'is %s',
    (text) => {
      expect(isGrant(text)).toBe(true);
    },
  );

  test.each([
    '',
    'all',
    'release',
    'release:publish@',
    'release:publish@Beta',
    'release:publish@beta,',
    'release:publish@beta nightly',
    'release:publish@beta@nightly',
    'release:publish ',
    ' release:publish',
    'release:publish\n',
    'RELEASE:PUBLISH',
    'release:*',
    'app:admin@beta',
    'release:read@beta',
    `release:publish@${'a'.repeat(41)}`,
  ])('is not %j', (text) => {
    expect(isGrant(text)).toBe(false);
    for (const scope of SCOPES) expect(allows([text], { scope })).toBe(false);
  });
});

test('release:write is release:upload and release:publish, and nothing else', () => {
  const allowed = SCOPES.filter((scope) => allows(['release:write'], { scope, channel: 'stable' }));
  expect(allowed).toEqual(['release:upload', 'release:publish']);
  expect(allows(['release:write@beta'], { scope: 'release:publish', channel: 'stable' })).toBe(false);
});

test('a scope counts in the channels that any of its grants names', () => {
  const grants = ['release:publish@beta', 'release:publish@nightly', 'release:upload'];
  const inChannel = (scope: 'release:publish' | 'release:upload', channel?: string) =>
    allows(grants, { scope, channel });
  expect(inChannel('release:publish', 'beta')).toBe(true);
  expect(inChannel('release:publish', 'nightly')).toBe(true);
  expect(inChannel('release:publish', 'stable')).toBe(false);
  expect(inChannel('release:publish', 'bet')).toBe(false);
  expect(inChannel('release:publish')).toBe(true);
  expect(inChannel('release:upload', 'stable')).toBe(true);
});

test('a message names the channel where the scope is there for others', () => {
  const needed = { scope: 'release:publish', channel: 'stable' } as const;
  expect(describeScope(['release:publish@beta'], needed)).toBe('release:publish for the channel stable');
  expect(describeScope(['release:read'], needed)).toBe('release:publish');
});
