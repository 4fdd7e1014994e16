import { describe, expect, test } from 'vitest';
import type { Platform } from '../../../../src/protocol/platform.ts';
import { pickFile, visitorSystem } from '../../../../src/server/download-page/visitor-system.ts';

const AGENTS = {
  chromeOnWindows:
    'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/143.0.0.0 Safari/537.36',
  safariOnMac:
    'Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/26.0 Safari/605.1.15',
  firefoxOnUbuntu: 'Mozilla/5.0 (X11; Ubuntu; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0',
  firefoxOnFedora: 'Mozilla/5.0 (X11; Fedora; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0',
  firefoxOnArm: 'Mozilla/5.0 (X11; Linux aarch64; rv:145.0) Gecko/20100101 Firefox/145.0',
  firefoxOn32: 'Mozilla/5.0 (X11; Linux i686; rv:145.0) Gecko/20100101 Firefox/145.0',
  iPhone: 'Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 Mobile/15E148',
  android: 'Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 Chrome/143.0.0.0 Mobile Safari/537.36',
  chromeOs: 'Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) AppleWebKit/537.36 Chrome/143.0.0.0 Safari/537.36',
  curl: 'curl/8.14.1',
};

const system = (agent: string, headers = {}) => visitorSystem({ 'user-agent': agent, ...headers });

describe('the visitor’s system', () => {
  test.each([
    ['chromeOnWindows', { target: 'windows', arch: 'x86_64', bundleType: undefined }],
    ['safariOnMac', { target: 'darwin', arch: undefined, bundleType: undefined }],
    ['firefoxOnUbuntu', { target: 'linux', arch: 'x86_64', bundleType: 'deb' }],
    ['firefoxOnFedora', { target: 'linux', arch: 'x86_64', bundleType: 'rpm' }],
    ['firefoxOnArm', { target: 'linux', arch: 'aarch64', bundleType: undefined }],
    ['firefoxOn32', { target: 'linux', arch: 'i686', bundleType: undefined }],
    ['iPhone', undefined],
    ['android', undefined],
    ['chromeOs', undefined],
    ['curl', undefined],
  ] as const)('is read from the user agent of %s', (name, expected) => {
    expect(system(AGENTS[name])).toEqual(expected);
  });

  test('is what client hints say, where a browser sends them', () => {
    const hints = { 'sec-ch-ua-platform': '"macOS"', 'sec-ch-ua-arch': '"arm"', 'sec-ch-ua-bitness': '"64"' };
    expect(system(AGENTS.chromeOnWindows, hints)).toMatchObject({ target: 'darwin', arch: 'aarch64' });
    expect(system(AGENTS.chromeOnWindows, { 'sec-ch-ua-arch': '"arm"' })).toMatchObject({ arch: 'aarch64' });
    expect(system(AGENTS.firefoxOnUbuntu, { 'sec-ch-ua-platform': '"Android"' })).toBeUndefined();
    expect(system(AGENTS.chromeOnWindows, { 'sec-ch-ua-arch': '<script>' })).toMatchObject({
      arch: 'x86_64',
    });
  });

  test('is unknown where no browser says it', () => {
    expect(visitorSystem({})).toBeUndefined();
  });
});

describe('the file that is offered first', () => {
  const files: Platform[] = [
    { target: 'windows', arch: 'x86_64', bundleType: 'msi' },
    { target: 'windows', arch: 'x86_64', bundleType: 'nsis' },
    { target: 'darwin', arch: 'x86_64' },
    { target: 'darwin', arch: 'aarch64' },
    { target: 'linux', arch: 'x86_64', bundleType: 'rpm' },
    { target: 'linux', arch: 'x86_64', bundleType: 'deb' },
    { target: 'linux', arch: 'x86_64', bundleType: 'appimage' },
  ];
  const picked = (agent: string, headers = {}) => pickFile(files, system(agent, headers));

  test('is the preferred kind, or the package of the distribution', () => {
    expect(picked(AGENTS.chromeOnWindows)?.file).toMatchObject({ target: 'windows', bundleType: 'nsis' });
    expect(picked(AGENTS.firefoxOnUbuntu)?.file).toMatchObject({ target: 'linux', bundleType: 'deb' });
    expect(picked(AGENTS.firefoxOnFedora)?.file).toMatchObject({ target: 'linux', bundleType: 'rpm' });
    const hints = { 'sec-ch-ua-platform': '"Linux"', 'sec-ch-ua-arch': '"x86"' };
    expect(picked('', hints)?.file).toMatchObject({ target: 'linux', bundleType: 'appimage' });
  });

  test('is a guess on a Mac that does not say its processor', () => {
    expect(picked(AGENTS.safariOnMac)).toEqual({ file: files[3], isSure: false });
    const hints = { 'sec-ch-ua-platform': '"macOS"', 'sec-ch-ua-arch': '"x86"' };
    expect(picked('', hints)).toEqual({ file: files[2], isSure: true });
  });

  test('is one that also runs there, or none', () => {
    const hints = { 'sec-ch-ua-platform': '"Windows"', 'sec-ch-ua-arch': '"arm"' };
    expect(picked('', hints)?.file).toMatchObject({ target: 'windows', arch: 'x86_64' });
    expect(picked(AGENTS.firefoxOnArm)).toBeUndefined();
    expect(picked(AGENTS.iPhone)).toBeUndefined();
  });
});
