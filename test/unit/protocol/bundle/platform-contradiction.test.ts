import { randomBytes } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { HEAD_BYTES } from '../../../../src/protocol/bundle/binary-header.ts';
import { platformContradiction } from '../../../../src/protocol/bundle/platform-contradiction.ts';
import { type Platform, parsePlatform } from '../../../../src/protocol/platform.ts';
import { appImage, fatMachO, machO, msi, windowsProgram } from '../../../support/process/executables.ts';
import { tarGz, zip } from '../../../support/tauri/archives.ts';
import { ar, debianPackage, rpmPackage } from '../../../support/tauri/packages.ts';

function platform(name: string): Platform {
  const parsed = parsePlatform(name);
  if (parsed === undefined) throw new Error(`${name} is no platform`);
  return parsed;
}

function contradiction(name: string, bytes: Buffer, signedName?: string): string | undefined {
  return platformContradiction(platform(name), { head: bytes.subarray(0, HEAD_BYTES), signedName });
}

const UNKNOWN: Buffer = randomBytes(5000);
const MAC_APP = tarGz({
  'Note Taker.app/Contents/Info.plist': '<plist/>',
  'Note Taker.app/Contents/MacOS/app': machO('aarch64'),
});
const PACKED_APP_IMAGE = tarGz({ 'Note Taker.AppImage': appImage('x86_64') });

describe('attack M13: the first bytes of a file contradict its platform', () => {
  test.each<[string, string, Buffer, string]>([
    ['an AppImage', 'windows-aarch64-msi', appImage('x86_64'), 'linux'],
    ['an AppImage', 'windows-x86_64', appImage('x86_64'), 'linux'],
    ['an AppImage', 'darwin-aarch64-app', appImage('aarch64'), 'linux'],
    ['an AppImage', 'linux-x86_64-deb', appImage('x86_64'), 'appimage'],
    ['an AppImage', 'linux-x86_64-rpm', appImage('x86_64'), 'appimage'],
    ['an AppImage', 'linux-aarch64-appimage', appImage('x86_64'), 'x86_64'],
    ['an AppImage', 'linux-x86_64', appImage('aarch64'), 'aarch64'],
    ['an AppImage', 'linux-i686', appImage('x86_64'), 'x86_64'],
    ['an AppImage', 'windows-portable@x86_64', appImage('x86_64'), 'linux'],
    ['a packed AppImage', 'darwin-x86_64', PACKED_APP_IMAGE, 'linux'],
    ['a packed AppImage', 'linux-aarch64-appimage', PACKED_APP_IMAGE, 'x86_64'],
    ['a deb', 'linux-x86_64-appimage', debianPackage(), 'deb'],
    ['a deb', 'windows-x86_64-nsis', debianPackage(), 'linux'],
    ['an rpm', 'linux-x86_64-deb', rpmPackage(), 'rpm'],
    ['an rpm', 'darwin-aarch64', rpmPackage(), 'linux'],
    ['a macOS app', 'linux-x86_64-appimage', MAC_APP, 'darwin'],
    ['a macOS app', 'windows-x86_64', MAC_APP, 'darwin'],
    ['a Mach-O program', 'linux-x86_64', machO('x86_64'), 'darwin'],
    ['a Mach-O program', 'darwin-x86_64', machO('aarch64'), 'aarch64'],
    ['a macOS package', 'windows-x86_64', Buffer.from('xar!\0\0'), 'darwin'],
    ['an MSI', 'linux-x86_64', msi(), 'windows'],
    ['an MSI', 'windows-x86_64-nsis', msi(), 'msi'],
    ['a Windows program', 'darwin-aarch64', windowsProgram('aarch64'), 'windows'],
    ['a Windows program', 'windows-x86_64-msi', windowsProgram('x86_64'), 'nsis'],
    ['a Windows program', 'windows-x86_64', windowsProgram('aarch64'), 'aarch64'],
  ])('%s for %s', (_, name, bytes, says) => {
    expect(contradiction(name, bytes)).toBe(`is not for ${name}: its first bytes say ${says}`);
  });

  test.each<[string, string, Buffer]>([
    ['an AppImage', 'linux-x86_64-appimage', appImage('x86_64')],
    ['an AppImage of 32 bits', 'linux-x86_64-appimage', appImage('i686')],
    ['a program of 32 bits', 'linux-aarch64', appImage('armv7')],
    ['a packed AppImage', 'linux-x86_64-appimage', PACKED_APP_IMAGE],
    ['a deb', 'linux-x86_64-deb', debianPackage()],
    ['a deb for every kind', 'linux-x86_64', debianPackage()],
    ['an rpm', 'linux-aarch64-rpm', rpmPackage()],
    ['a macOS app', 'darwin-x86_64-app', MAC_APP],
    ['a universal program', 'darwin-x86_64', fatMachO(['x86_64', 'aarch64'])],
    ['a program that Rosetta runs', 'darwin-aarch64', machO('x86_64')],
    ['an installer, which has 32 bits', 'windows-aarch64-nsis', windowsProgram('i686')],
    ['a program that Windows emulates', 'windows-aarch64', windowsProgram('x86_64')],
    ['an MSI', 'windows-aarch64-msi', msi()],
    ['a zip', 'windows-x86_64-msi', zip({ 'app.exe': windowsProgram('x86_64') })],
    ['a zip', 'linux-x86_64', zip({ 'app.exe': windowsProgram('x86_64') })],
    ['a tar of anything', 'linux-x86_64', tarGz({ 'app/app': appImage('x86_64') })],
    ['gzipped noise', 'windows-x86_64', gzipSync(UNKNOWN)],
    ['an archive of ar that is no deb', 'darwin-aarch64', ar({ 'lib.o': 'object' })],
    ['a target without a system', 'kiosk-x1@x86_64', appImage('aarch64')],
    ['unknown bytes', 'windows-aarch64-msi', UNKNOWN],
    ['a script', 'darwin-aarch64', Buffer.from('#!/bin/sh\n')],
    ['one byte', 'darwin-aarch64-app', Buffer.from('x')],
  ])('%s may be for %s', (_, name, bytes) => {
    expect(contradiction(name, bytes)).toBeUndefined();
  });
});

describe('attack M13: the name that a file was signed under contradicts its platform', () => {
  test.each([
    ['windows-aarch64-msi', 'App_1.2.0_amd64.AppImage', 'linux'],
    ['windows-x86_64', 'App_1.2.0_amd64.deb', 'linux'],
    ['linux-x86_64-appimage', 'App.app.tar.gz', 'darwin'],
    ['linux-x86_64', 'App_1.2.0_x64-setup.exe', 'windows'],
    ['windows-x86_64-nsis', 'App_1.2.0_x64_en-US.msi', 'msi'],
    ['windows-x86_64-msi', 'App_1.2.0_x64-setup.nsis.zip', 'nsis'],
    ['linux-x86_64-deb', 'app-1.2.0-1.x86_64.rpm', 'rpm'],
    ['linux-x86_64-appimage', 'App_1.2.0_aarch64.AppImage', 'aarch64'],
    ['linux-x86_64', 'app-linux-arm64.tar.gz', 'aarch64'],
    ['darwin-x86_64', 'App_aarch64.app.tar.gz', 'aarch64'],
    ['darwin-aarch64-app', 'App_1.2.0_aarch64.dmg', 'dmg'],
  ])('%s, signed as %s', (name, signedName, says) => {
    expect(contradiction(name, UNKNOWN, signedName)).toBe(
      `is not for ${name}: it was signed as ${signedName}, which says ${says}`,
    );
  });

  test.each([
    ['linux-x86_64', 'update.bin'],
    ['linux-x86_64', 'app-x64-and-arm64.zip'],
    ['darwin-aarch64', 'App.app.tar.gz'],
    ['darwin-aarch64', 'App_x64.app.tar.gz'],
    ['windows-x86_64-nsis', 'App_1.2.0_x86-setup.exe'],
    ['windows-portable@x86_64', 'App-portable-x64.zip'],
    ['windows-x86_64', ''],
  ])('%s may be signed as %s', (name, signedName) => {
    expect(contradiction(name, UNKNOWN, signedName)).toBeUndefined();
  });
});
