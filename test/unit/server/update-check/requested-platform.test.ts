import { expect, test } from 'vitest';
import { requestedPlatform } from '../../../../src/server/update-check/requested-platform.ts';

const CHECK = { slug: 'my-app', target: 'linux', arch: 'x86_64', current_version: '1.0.0' } as const;

test.each([undefined, 'unknown', '{{bundle_type}}'] as const)(
  'an app that reports the bundle type %s asks for its platform without one',
  (bundle_type) => {
    const query = bundle_type === undefined ? {} : { bundle_type };
    expect(requestedPlatform(CHECK, query)).toEqual({ target: 'linux', arch: 'x86_64' });
  },
);

test('an app that knows its bundle type asks for that', () => {
  expect(requestedPlatform(CHECK, { bundle_type: 'deb' })).toEqual({
    target: 'linux',
    arch: 'x86_64',
    bundleType: 'deb',
  });
});
