import { describe, expect, test } from 'vitest';
import { nearestWord, suggestPlatform } from '../../../../src/cli/options/near-misses.ts';

describe('for a platform by another name, the right platform is suggested', () => {
  test.each([
    ['linux-x64', 'linux-x86_64'],
    ['linux-amd64-deb', 'linux-x86_64-deb'],
    ['macos-arm64', 'darwin-aarch64'],
    ['osx_universal', 'darwin-universal'],
    ['win32-ia32-nsis', 'windows-i686-nsis'],
    ['Windows-X86_64', 'windows-x86_64'],
    ['x86_64-pc-windows-msvc', 'windows-x86_64'],
    ['aarch64-apple-darwin', 'darwin-aarch64'],
    ['armv7-unknown-linux-gnueabihf', 'linux-armv7'],
    ['riscv64gc-unknown-linux-gnu', 'linux-riscv64'],
    ['linux-x86_64-msi', 'linux-x86_64'],
    ['linux-x64-apimage', 'linux-x86_64-appimage'],
    ['windows-x64-nsi', 'windows-x86_64-nsis'],
    ['linux-x64-snap', 'linux-x86_64'],
  ])('%s: %s', (text, platform) => {
    expect(suggestPlatform(text)).toBe(platform);
  });
});

describe('there is no suggestion', () => {
  test.each(['', 'linux', 'x86_64', 'beos-x86_64', 'linux-sparc', 'constructor-toString'])(
    'for %j',
    (text) => {
      expect(suggestPlatform(text)).toBeUndefined();
    },
  );
});

describe('the nearest word', () => {
  test.each([
    ['stabel', 'stable'],
    ['beta1', 'beta'],
    ['stable', 'stable'],
    ['nightly', undefined],
    ['b', undefined],
    ['', undefined],
  ])('for %j is %s', (text, word) => {
    expect(nearestWord(text, ['stable', 'beta'])).toBe(word);
  });

  test('of none is none', () => {
    expect(nearestWord('beta', [])).toBeUndefined();
  });
});
