import { describe, expect, test } from 'vitest';
import { readArtifacts, readExpected, readPlatform } from '../../../../src/cli/options/platform-options.ts';
import { collectProblems } from '../../../support/process/collect-problems.ts';

describe('--artifact', () => {
  test.each([
    ['linux-x86_64=a.AppImage', [{ target: 'linux', arch: 'x86_64', file: 'a.AppImage' }]],
    ['darwin-aarch64=My App=1.tar.gz', [{ target: 'darwin', arch: 'aarch64', file: 'My App=1.tar.gz' }]],
    [
      'darwin-universal=a.tar.gz',
      [
        { target: 'darwin', arch: 'x86_64', file: 'a.tar.gz' },
        { target: 'darwin', arch: 'aarch64', file: 'a.tar.gz' },
      ],
    ],
  ])('%s is accepted', (value, expected) => {
    expect(collectProblems((problems) => readArtifacts([value], problems))).toEqual({
      value: expected,
      found: '',
    });
  });

  test.each([
    ['a.AppImage', 'is not TARGET-ARCH=FILE'],
    ['=a.AppImage', 'is not TARGET-ARCH=FILE'],
    ['linux-x86_64=', 'is not TARGET-ARCH=FILE'],
    ['', 'is not TARGET-ARCH=FILE'],
  ])('%j is rejected', (value, words) => {
    const { found } = collectProblems((problems) => readArtifacts([value], problems));
    expect(found).toContain(`--artifact ${value}`);
    expect(found).toContain(words);
  });

  test.each([
    ['linux-amd64', 'did you mean linux-x86_64?'],
    ['linux-x86_64-dmg', 'did you mean linux-x86_64?'],
    ['darwin-universal-deb', 'did you mean darwin-universal?'],
    ['macos-aarch64', 'did you mean darwin-aarch64?'],
    ['Linux-x86_64', 'did you mean linux-x86_64?'],
    ['linux', 'use linux, darwin, windows with x86_64, '],
    ['beos-x86_64', 'for one bundle type like linux-x86_64-deb'],
  ])('with the unknown platform %s is rejected, with a remedy', (name, remedy) => {
    const { found } = collectProblems((problems) => readArtifacts([`${name}=a`], problems));
    expect(found).toContain(`--artifact: unknown platform "${name}"; `);
    expect(found).toContain(remedy);
  });

  test('for one platform twice is rejected, also through a universal bundle', () => {
    const values = ['darwin-universal=a', 'darwin-aarch64=b', 'linux-x86_64=c', 'linux-x86_64=d'];
    const { found } = collectProblems((problems) => readArtifacts(values, problems));
    expect(found).toContain('--artifact names darwin-aarch64 more than once');
    expect(found).toContain('--artifact names linux-x86_64 more than once');
    expect(found).not.toContain('darwin-x86_64 more');
  });
});

describe('--expect', () => {
  test.each<[string | undefined, string[] | undefined]>([
    [undefined, undefined],
    ['darwin-aarch64', ['darwin-aarch64']],
    [
      'darwin-aarch64, linux-x86_64-deb\nwindows-i686',
      ['darwin-aarch64', 'linux-x86_64-deb', 'windows-i686'],
    ],
    ['darwin-universal', ['darwin-x86_64', 'darwin-aarch64']],
  ])('%j names %j', (list, value) => {
    expect(collectProblems((problems) => readExpected(list, problems))).toEqual({ value, found: '' });
  });

  test.each([
    ['', '--expect is empty'],
    ['linux-x86_64,mac', '--expect: unknown platform "mac"'],
    ['darwin-aarch64,darwin-universal', '--expect names darwin-aarch64 more than once'],
  ])('%j is rejected', (list, words) => {
    expect(collectProblems((problems) => readExpected(list, problems)).found).toContain(words);
  });

  test('overrides the config file, which accepts the same names', () => {
    const read = (list: string | undefined, configured: string[]) =>
      collectProblems((problems) => readExpected(list, problems, configured));
    expect(read('linux-x86_64', ['mac'])).toEqual({ value: ['linux-x86_64'], found: '' });
    expect(read(undefined, ['linux-x86_64-deb', 'darwin-universal'])).toEqual({
      value: ['linux-x86_64-deb', 'darwin-x86_64', 'darwin-aarch64'],
      found: '',
    });
    const { found } = read(undefined, ['mac', 'darwin-universal', 'darwin-aarch64']);
    expect(found).toContain('expect in synckit-ota.config.json: unknown platform "mac"; use linux,');
    expect(found).toContain('expect in synckit-ota.config.json names darwin-aarch64 more than once');
  });
});

describe('--target and --arch', () => {
  test('name a platform', () => {
    const read = collectProblems((problems) =>
      readPlatform({ target: 'windows', arch: 'aarch64' }, problems),
    );
    expect(read).toEqual({ value: { target: 'windows', arch: 'aarch64' }, found: '' });
  });

  test('name a bundle type with --bundle-type, if the system has it', () => {
    const deb = { target: 'linux', arch: 'x86_64', bundleType: 'deb' };
    expect(collectProblems((problems) => readPlatform(deb, problems))).toEqual({ value: deb, found: '' });
    const { found } = collectProblems((problems) => readPlatform({ ...deb, target: 'windows' }, problems));
    expect(found).toContain('--bundle-type deb must be one of nsis, msi for windows');
  });

  test.each([
    [{}, ['--target is missing', '--arch is missing']],
    [{ target: 'mac', arch: 'x86_64' }, ['--target mac must be one of linux, darwin, windows']],
    [{ target: 'linux', arch: 'amd64' }, ['--arch amd64 must be one of x86_64, aarch64']],
    [{ target: 'linux-x86_64' }, ['--target linux-x86_64', '--arch is missing']],
  ])('%j is rejected', (options, words) => {
    const { value, found } = collectProblems((problems) => readPlatform(options, problems));
    expect(value).toBeUndefined();
    for (const word of words) expect(found).toContain(word);
  });
});
