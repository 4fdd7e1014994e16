import { describe, expect, test } from 'vitest';
import { isValidFor } from '../../../../src/server/http/register-route.ts';

describe('the path parameters of a check', () => {
  const check = { slug: 'my-app', target: 'linux', arch: 'x86_64', current_version: '1.0.0' };

  test('are valid if each is what its schema says', () => {
    expect(isValidFor('check', check)).toBe(true);
  });

  test.each([
    ['the target is unknown', { ...check, target: 'amiga' }],
    ['the version is not semver', { ...check, current_version: '1.0' }],
    ['the slug is missing', { ...check, slug: undefined }],
    ['they are not an object', 'my-app'],
  ])('are invalid if %s', (_, params) => {
    expect(isValidFor('check', params)).toBe(false);
  });
});
