import { describe, expect, test } from 'vitest';
import { parseBundleName } from '../../../../src/protocol/bundle/bundle-name.ts';

describe('the name of a bundle', () => {
  test.each([
    ['App_1.2.0_amd64.AppImage', { kind: 'appimage', product: 'App', version: '1.2.0', arch: 'x86_64' }],
    ['App_1.2.0_aarch64.AppImage.tar.gz', { kind: 'appimage', arch: 'aarch64', archive: true }],
    ['My App_1.2.0_amd64.deb', { kind: 'deb', product: 'My App', version: '1.2.0', arch: 'x86_64' }],
    ['my_app_1.2.0-beta.1_arm64.deb', { product: 'my_app', version: '1.2.0-beta.1', arch: 'aarch64' }],
    ['App_1.2.0+7_armhf.deb', { version: '1.2.0+7', arch: 'armv7' }],
    ['App-1.2.0-1.x86_64.rpm', { kind: 'rpm', product: 'App', version: '1.2.0', arch: 'x86_64' }],
    ['My-App-1.2.0-rc.1-2.fc40.aarch64.rpm', { product: 'My-App', version: '1.2.0-rc.1', arch: 'aarch64' }],
    ['My App.app.tar.gz', { kind: 'app', product: 'My App', archive: false }],
    ['App_1.2.0_x64-setup.exe', { kind: 'nsis', product: 'App', version: '1.2.0', arch: 'x86_64' }],
    ['App_1.2.0_arm64-setup.nsis.zip', { kind: 'nsis', arch: 'aarch64', archive: true }],
    ['App_1.2.0_x86_en-US.msi', { kind: 'msi', version: '1.2.0', arch: 'i686', language: 'en-US' }],
    ['App_1.2.0.7_x64_de-DE.msi.zip', { kind: 'msi', version: '1.2.0.7', language: 'de-DE', archive: true }],
    ['App_1.2.0_aarch64.dmg', { kind: 'dmg', product: 'App', version: '1.2.0', arch: 'aarch64' }],
  ])('%s is read', (fileName, parts) => {
    expect(parseBundleName(fileName)).toMatchObject({ archive: false, ...parts });
  });

  test('keeps a word that is not an arch', () => {
    expect(parseBundleName('App_1.2.0_all.deb')).toMatchObject({ archWord: 'all', arch: undefined });
  });

  test.each([
    'App_1.2.0_amd64.AppImage.sig',
    'App.app.tar.gz.sig',
    'App.exe',
    'App.AppImage',
    'App.tar.gz',
    'build_appimage.sh',
    'latest.json',
    '',
  ])('is not found in "%s"', (fileName) => {
    expect(parseBundleName(fileName)).toBeUndefined();
  });
});
