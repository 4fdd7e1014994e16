import { describe, expect, test } from 'vitest';
import {
  ARCHS,
  BUNDLE_TYPES,
  compareByPreference,
  DOCUMENTED_ARCHS,
  isBundleTypeOf,
  isCustomTarget,
  namesPlatform,
  PLATFORM_LIST_PATTERN,
  PLATFORM_NAME_PATTERN,
  type Platform,
  parsePlatform,
  platformCalled,
  platformName,
  platformOf,
  systemOf,
  TARGET_PATTERN,
  TARGETS,
} from '../../../src/protocol/platform.ts';

// api.md, "Upload Artifacts": the last part of a documented `s3_key`.
const DOCUMENTED = [
  { name: 'linux-x86_64', platform: { target: 'linux', arch: 'x86_64' } },
  { name: 'linux-aarch64', platform: { target: 'linux', arch: 'aarch64' } },
  { name: 'darwin-x86_64', platform: { target: 'darwin', arch: 'x86_64' } },
  { name: 'darwin-aarch64', platform: { target: 'darwin', arch: 'aarch64' } },
  { name: 'windows-x86_64', platform: { target: 'windows', arch: 'x86_64' } },
  { name: 'windows-aarch64', platform: { target: 'windows', arch: 'aarch64' } },
] as const;

test('the documented platforms have the documented names', () => {
  const all = TARGETS.flatMap((target) => DOCUMENTED_ARCHS.map((arch) => platformName({ target, arch })));
  expect(all.sort()).toEqual(DOCUMENTED.map(({ name }) => name).sort());
});

test('every platform that Tauri’s updater asks for has a name that can be read back', () => {
  const archs = ['x86_64', 'i686', 'aarch64', 'armv7', 'riscv64'] as const;
  expect(ARCHS.toSorted()).toEqual(archs.toSorted());
  for (const target of TARGETS) {
    for (const arch of archs) {
      for (const bundleType of BUNDLE_TYPES) {
        const platform = { target, arch, bundleType };
        const name = platformName(platform);
        expect(name).toBe(`${target}-${arch}-${bundleType}`);
        expect(parsePlatform(name), name).toEqual(isBundleTypeOf(target, bundleType) ? platform : undefined);
      }
    }
  }
});

test('each bundle type is for one system', () => {
  const systems = Object.fromEntries(
    BUNDLE_TYPES.map((type) => [type, TARGETS.filter((target) => isBundleTypeOf(target, type))]),
  );
  expect(systems).toEqual({
    appimage: ['linux'],
    deb: ['linux'],
    rpm: ['linux'],
    app: ['darwin'],
    nsis: ['windows'],
    msi: ['windows'],
  });
});

const DEB: Platform = { target: 'linux', arch: 'x86_64', bundleType: 'deb' };

test('a name without a bundle type covers all bundle types, one with a bundle type that alone', () => {
  expect(namesPlatform('linux-x86_64', DEB)).toBe(true);
  expect(namesPlatform('linux-x86_64-deb', DEB)).toBe(true);
  expect(namesPlatform('linux-x86_64-rpm', DEB)).toBe(false);
  expect(namesPlatform('linux-x86_64-deb', { target: 'linux', arch: 'x86_64' })).toBe(false);
  expect(namesPlatform('linux-aarch64', DEB)).toBe(false);
});

test('artifacts are sorted: for every bundle type first, then AppImage, deb, rpm', () => {
  const linux = (bundleType?: Platform['bundleType']) => platformOf({ ...DEB, bundle_type: bundleType });
  const sorted = [linux('rpm'), linux('deb'), linux(), linux('appimage')].sort(compareByPreference);
  expect(sorted.map(({ bundleType }) => bundleType)).toEqual([undefined, 'appimage', 'deb', 'rpm']);
});

test.each([undefined, null, ''] as const)('a field of %j is not a bundle type', (bundle_type) => {
  expect(platformOf({ target: 'linux', arch: 'x86_64', bundle_type })).toEqual({
    target: 'linux',
    arch: 'x86_64',
  });
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
    ['something after it', 'linux-x86_64-deb-'],
    ['a bundle type of another system', 'darwin-aarch64-deb'],
    ['a bundle type that is never an update', 'darwin-aarch64-dmg'],
    ['space around it', ' linux-x86_64 '],
    ['a Rust triple', 'x86_64-unknown-linux-gnu'],
  ])('refuses %s', (_, name) => {
    expect(parsePlatform(name)).toBeUndefined();
  });
});

describe('field 13: a custom target', () => {
  const CUSTOM = [
    'windows-x86_64-fixed-webview2',
    'windows-x64-portable',
    'windows-portable',
    'linux-flatpak',
    'linux-x11',
    'linux-arch',
    'mac-app.store',
    'acme_kiosk-2',
    'x86_64-pc-windows-msvc',
    `a-${'b'.repeat(62)}`,
  ];

  test.each(CUSTOM)('%s is one, and its platform has a name that can be read back', (target) => {
    expect(isCustomTarget(target)).toBe(true);
    expect(target).toMatch(new RegExp(TARGET_PATTERN));
    const name = platformName({ target, arch: 'aarch64' });
    expect(name).toBe(`${target}@aarch64`);
    expect(parsePlatform(name)).toEqual({ target, arch: 'aarch64' });
    expect(name).toMatch(new RegExp(PLATFORM_NAME_PATTERN));
    expect(`linux-x86_64,${name},${name}`).toMatch(new RegExp(PLATFORM_LIST_PATTERN));
    expect(platformCalled(target)).toBeUndefined();
    for (const type of BUNDLE_TYPES) expect(parsePlatform(`${name}-${type}`), type).toBeUndefined();
  });

  test.each([
    ['a single word', 'portable'],
    ['a platform', 'linux-x86_64'],
    ['a platform with a bundle type', 'linux-x86_64-deb'],
    ['a platform in the words of others', 'win32-x64'],
    ['a universal app', 'darwin-universal'],
    ['a mistyped platform', 'linux-x86_46'],
    ['a platform of an arch that no updater has', 'linux-sparc'],
    ['capitals', 'windows-Portable'],
    ['an empty word', 'windows--portable'],
    ['a hyphen at the end', 'windows-portable-'],
    ['a hyphen at the start', '-portable'],
    ['a dot at the start of a word', 'windows-..'],
    ['a slash', 'windows-a/b'],
    ['an @', 'windows-a@b'],
    ['a comma', 'windows-a,b'],
    ['a line break', 'windows-portable\n'],
    ['65 characters', `a-${'b'.repeat(63)}`],
    ['nothing', ''],
  ])('is not %s', (_, target) => {
    expect(isCustomTarget(target)).toBe(false);
    expect(parsePlatform(`${target}@x86_64`)).toBeUndefined();
    expect(`${target}@x86_64`).not.toMatch(new RegExp(PLATFORM_NAME_PATTERN));
  });

  test.each(['@x64', '@', '@x86_64@x86_64', '@x86_64-deb', '-x86_64', ''])('has no arch like %j', (end) => {
    expect(parsePlatform(`windows-portable${end}`)).toBeUndefined();
    expect(`windows-portable${end}`).not.toMatch(new RegExp(PLATFORM_NAME_PATTERN));
  });

  test('covers nothing but itself', () => {
    const custom = { target: 'linux-x86_64-kiosk-2', arch: 'x86_64' } as const;
    expect(namesPlatform('linux-x86_64', custom)).toBe(false);
    expect(namesPlatform('linux-x86_64-kiosk-2@aarch64', custom)).toBe(false);
    expect(namesPlatform('linux-x86_64-kiosk-2@x86_64', custom)).toBe(true);
    expect(namesPlatform(platformName(custom), DEB)).toBe(false);
  });

  test('belongs to the system that it begins with', () => {
    expect(systemOf('windows-portable')).toBe('windows');
    expect(systemOf('mac-app.store')).toBe('darwin');
    expect(systemOf('linux')).toBe('linux');
    expect(systemOf('acme-kiosk')).toBeUndefined();
  });
});

test.each([
  ['darwin-aarch64', { target: 'darwin', arch: 'aarch64' }],
  ['MacOS-arm64', { target: 'darwin', arch: 'aarch64' }],
  ['win32-x64', { target: 'windows', arch: 'x86_64' }],
  ['linux-x86-64-deb', { target: 'linux', arch: 'x86_64', bundleType: 'deb' }],
  ['darwin-universal', { target: 'darwin' }],
  ['darwin-aarch64-deb', undefined],
  ['linux-sparc', undefined],
  ['linux', undefined],
])('field 13: as a whole platform, %s is %j', (name, platform) => {
  expect(platformCalled(name)).toEqual(platform);
});
