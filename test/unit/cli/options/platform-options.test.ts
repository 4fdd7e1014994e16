import { describe, expect, test } from 'vitest';
import {
  inOwnNames,
  readArtifacts,
  readExpected,
  readPlatform,
} from '../../../../src/cli/options/platform-options.ts';
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

describe('field 13: a target that the app sets itself', () => {
  const artifact = (value: string) => collectProblems((problems) => readArtifacts([`${value}=a`], problems));

  test.each([
    ['windows-portable@x86_64', 'windows-portable', 'x86_64'],
    ['windows-x86_64-fixed-webview2@x86_64', 'windows-x86_64-fixed-webview2', 'x86_64'],
    ['windows-x86_64-fixed-webview2', 'windows-x86_64-fixed-webview2', 'x86_64'],
    ['win-arm64-fixed-webview2', 'win-arm64-fixed-webview2', 'aarch64'],
    ['linux-x86_64-deb-kiosk@aarch64', 'linux-x86_64-deb-kiosk', 'aarch64'],
  ])('%s is accepted', (value, target, arch) => {
    expect(artifact(value)).toEqual({ value: [{ target, arch, file: 'a' }], found: '' });
    const expected = collectProblems((problems) => readExpected(value, problems));
    expect(expected).toEqual({ value: [`${target}@${arch}`], found: '' });
  });

  test.each([
    ['linux-x86_46', 'did you mean linux-x86_64?'],
    ['linux-x86_46@x86_64', 'did you mean linux-x86_64?'],
    ['linux-x86_64@x86_64', 'did you mean linux-x86_64?'],
    [
      'windows-x86_64-nsi',
      'did you mean windows-x86_64-nsis?; for an app that sets this target itself: windows-x86_64-nsi@x86_64',
    ],
    ['windows-portable', 'windows-portable@x86_64'],
    ['windows-portable@x64', 'did you mean windows-portable@x86_64?'],
    ['windows-portable@mips', 'use one of x86_64, '],
    ['windows-Portable@x86_64', 'did you mean windows-portable@x86_64?'],
  ])('%s is refused, with a remedy', (value, remedy) => {
    const { value: read, found } = artifact(value);
    expect(read).toEqual([]);
    expect(found).toContain(`--artifact: unknown platform "${value}"; ${remedy.includes('@') ? '' : remedy}`);
    expect(found).toContain(remedy);
  });

  test('is a --target beside an --arch, and has no bundle types', () => {
    const custom = { target: 'windows-portable', arch: 'x86_64' };
    const read = (options: object) => collectProblems((problems) => readPlatform(options, problems));
    expect(read(custom)).toEqual({ value: custom, found: '' });
    expect(read({ ...custom, bundleType: 'nsis' }).found).toContain('--bundle-type cannot be used');
    expect(read({ target: 'windows-portable' }).found).toMatch(/^(?!.*--target).*--arch is missing/s);
    expect(read({ target: 'linux-x86_46', arch: 'x86_64' }).found).toContain('--target linux-x86_46');
  });
});

describe('field 12: a check', () => {
  test.each([
    ['macos', 'arm64', { target: 'darwin', arch: 'aarch64' }],
    ['win32', 'x64', { target: 'windows', arch: 'x86_64' }],
    ['linux', 'x86_64', { target: 'linux', arch: 'x86_64' }],
    ['my-own', 'amd64', { target: 'my-own', arch: 'x86_64' }],
  ])('for %s on %s uses the names of the API', (target, arch, expected) => {
    expect(inOwnNames({ target, arch })).toEqual(expected);
  });
});
