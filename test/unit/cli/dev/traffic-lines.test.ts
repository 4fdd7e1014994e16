import { expect, test } from 'vitest';
import { describeTraffic } from '../../../../src/cli/dev/traffic-lines.ts';
import type { Traffic } from '../../../../src/server/traffic.ts';

const OFFERED = {
  version: '1.2.1',
  platforms: [
    { target: 'linux', arch: 'x86_64', bundleType: 'appimage' },
    { target: 'darwin', arch: 'aarch64' },
  ],
} as const;

const checkBy = (
  platform: (Traffic & { type: 'check' })['platform'],
  currentVersion: string,
  offered?: string,
) => ({ type: 'check', platform, currentVersion, offered }) as const;

test.each<[Traffic, string]>([
  [
    checkBy({ target: 'linux', arch: 'x86_64', bundleType: 'appimage' }, '1.2.0', '1.2.1'),
    'check by linux-x86_64-appimage at 1.2.0: offered 1.2.1',
  ],
  [
    checkBy({ target: 'linux', arch: 'x86_64' }, '1.3.0'),
    'check by linux-x86_64 at 1.3.0: no update, because 1.2.1 is not newer',
  ],
  [
    checkBy({ target: 'linux', arch: 'x86_64', bundleType: 'deb' }, '1.2.0'),
    'check by linux-x86_64-deb at 1.2.0: no update, because nothing was built for linux-x86_64-deb',
  ],
  [
    checkBy({ target: 'linux', arch: 'aarch64' }, '1.2.0'),
    'check by linux-aarch64 at 1.2.0: no update, because nothing was built for linux-aarch64',
  ],
  [
    checkBy({ target: 'darwin', arch: 'aarch64', bundleType: 'app' }, '1.2.0'),
    'check by darwin-aarch64-app at 1.2.0: no update, because nothing was built for darwin-aarch64-app',
  ],
  [
    { type: 'download', fileName: 'my-app-1.2.1-linux-x86_64', size: 52_428_800, complete: true },
    'download of my-app-1.2.1-linux-x86_64 (52.4 MB): complete',
  ],
  [
    { type: 'download', fileName: 'my-app-1.2.1-linux-x86_64', size: 7, complete: false },
    'download of my-app-1.2.1-linux-x86_64 (7 B): interrupted',
  ],
  [
    { type: 'refused', method: 'GET', path: '/latest.json', status: 404, reason: 'There is nothing.' },
    'GET /latest.json: refused with 404. There is nothing.',
  ],
])('%j is shown as one line', (traffic, line) => {
  expect(describeTraffic(traffic, OFFERED)).toBe(line);
});
