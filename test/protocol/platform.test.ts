import { describe, expect, test } from 'vitest';
import { ARCHS, parsePlatform, platformName, TARGETS } from '../../src/protocol/platform.ts';

// api.md, "Upload Artifacts": the last part of a documented `s3_key`.
const DOCUMENTED = [
  { name: 'linux-x86_64', platform: { target: 'linux', arch: 'x86_64' } },
  { name: 'linux-aarch64', platform: { target: 'linux', arch: 'aarch64' } },
  { name: 'darwin-x86_64', platform: { target: 'darwin', arch: 'x86_64' } },
  { name: 'darwin-aarch64', platform: { target: 'darwin', arch: 'aarch64' } },
  { name: 'windows-x86_64', platform: { target: 'windows', arch: 'x86_64' } },
  { name: 'windows-aarch64', platform: { target: 'windows', arch: 'aarch64' } },
] as const;

test('the documented platforms are all there are', () => {
  const all = TARGETS.flatMap((target) => ARCHS.map((arch) => platformName({ target, arch })));
  expect(all.sort()).toEqual(DOCUMENTED.map(({ name }) => name).sort());
});

describe('parsePlatform', () => {
  test.each(DOCUMENTED)('reads $name, and platformName writes it', ({ name, platform }) => {
    expect(parsePlatform(name)).toEqual(platform);
    expect(platformName(platform)).toBe(name);
  });

  test.each([
    ['nothing', ''],
    ['a target alone', 'darwin'],
    ['an arch alone', 'aarch64'],
    ['an empty arch', 'darwin-'],
    ['an unknown target', 'freebsd-x86_64'],
    ['the name of another system for a target', 'macos-aarch64'],
    ['the name of another system for an arch', 'darwin-arm64'],
    ['both archs in one', 'darwin-universal'],
    ['upper case', 'Linux-x86_64'],
    ['another separator', 'linux/x86_64'],
    ['the two parts swapped', 'x86_64-linux'],
    ['something after it', 'linux-x86_64-deb'],
    ['space around it', ' linux-x86_64 '],
    ['a Rust triple', 'x86_64-unknown-linux-gnu'],
  ])('refuses %s', (_, name) => {
    expect(parsePlatform(name)).toBeUndefined();
  });
});
