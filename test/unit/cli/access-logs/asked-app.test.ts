import { expect, test } from 'vitest';
import { askedIn } from '../../../../src/cli/access-logs/asked-app.ts';

const ROOT = '/api/sync/ota/my-app';
const app = { slug: 'my-app', platform: 'linux-x86_64', cohort: undefined };

test.each([
  [`${ROOT}/linux/x86_64/1.0.0`, 204, { ...app, version: '1.0.0' }],
  [`/prefix${ROOT}/linux/x86_64/1.0.0?cohort=7`, 200, { ...app, version: '1.0.0', cohort: 7 }],
  [`${ROOT}/linux/x86_64/1.0.0%2B7`, 304, { ...app, version: '1.0.0' }],
  [`${ROOT}/linux-x64/x64/1.0.0`, 204, { ...app, version: '1.0.0' }],
  [`${ROOT}/macos/arm64/1.0.0`, 204, { ...app, platform: 'darwin-aarch64', version: '1.0.0' }],
  [
    `${ROOT}/windows-portable/x86_64/1.0.0`,
    204,
    { ...app, platform: 'windows-portable@x86_64', version: '1.0.0' },
  ],
  [`${ROOT}/download/an-id/linux/x86_64`, 302, { ...app, releaseId: 'an-id' }],
  [`${ROOT}/download/an-id/linux/x86_64?bundle_type=deb`, 200, { ...app, releaseId: 'an-id' }],
])('%s with %i asks for %j', (path, status, asked) => {
  expect(askedIn({ path, status })).toEqual(asked);
});

test.each([
  [`${ROOT}/linux/x86_64/1.0.0`, 404],
  [`${ROOT}/linux/x86_64/1.0.0`, 503],
  [`${ROOT}/linux/x86_64/not-a-version`, 204],
  [`${ROOT}/linux/x86_64/%E0%A4%A`, 204],
  [`${ROOT}/atari/x86_64/1.0.0`, 204],
  [`${ROOT}/linux/z80/1.0.0`, 204],
  [`${ROOT}/latest/linux/x86_64`, 302],
  [`${ROOT}/latest.json`, 200],
  [`${ROOT}/download/an-id/linux/x86_64`, 404],
  ['/', 200],
  ['//', 200],
])('%s with %i is no update check or download', (path, status) => {
  expect(askedIn({ path, status })).toBeUndefined();
});
