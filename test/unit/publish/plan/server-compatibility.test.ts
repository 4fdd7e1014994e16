import { describe, expect, test } from 'vitest';
import { type Platform, platformName } from '../../../../src/protocol/platform.ts';
import {
  checkServerCompatibility,
  checkStorable,
} from '../../../../src/publish/plan/server-compatibility.ts';
import { artifact, BASE, OURS } from '../../../support/publish/plan-inputs.ts';
import { DEB, LINUX, MAC } from '../../../support/tauri/local-file.ts';

const APPIMAGE: Platform = { ...LINUX, bundleType: 'appimage' };
const APP: Platform = { ...MAC, bundleType: 'app' };
const ARMV7: Platform = { target: 'linux', arch: 'armv7' };
const files = (...platforms: Platform[]) => platforms.map((platform) => artifact(platform));
const ALL = files(DEB, APPIMAGE, APP, ARMV7);

test('our server accepts every bundle type and every arch unchanged', () => {
  for (const discovered of [true, false]) {
    expect(checkServerCompatibility(ALL, OURS, { discovered })).toEqual({
      artifacts: ALL,
      leftOut: [],
      issues: [],
    });
  }
});

describe('a server that stores one file for each documented platform', () => {
  test('gets the discovered bundle type that suits most apps, and the others are left out', () => {
    const { artifacts, leftOut, issues } = checkServerCompatibility(ALL, BASE, { discovered: true });
    expect(issues).toEqual([]);
    expect(artifacts.map(({ file, ...fields }) => [file, fields.target, fields.arch])).toEqual([
      ['linux-x86_64-appimage.bin', 'linux', 'x86_64'],
      ['darwin-aarch64-app.bin', 'darwin', 'aarch64'],
    ]);
    for (const fitted of artifacts) expect(fitted).not.toHaveProperty('bundleType');
    expect(leftOut).toEqual([
      {
        file: 'linux-x86_64-deb.bin',
        reason: 'linux-x86_64-appimage.bin is published for linux-x86_64',
        usual: true,
      },
      {
        file: 'linux-armv7.bin',
        reason: 'this server supports only the archs x86_64 and aarch64',
        usual: false,
      },
    ]);
  });

  test('leads to an issue for each listed file that it cannot store', () => {
    const { leftOut, issues } = checkServerCompatibility(ALL, BASE, { discovered: false });
    expect(leftOut).toEqual([]);
    expect(issues).toEqual([
      {
        id: 'server.unknown_arch',
        code: 'preflight_refused',
        message: expect.stringMatching(/linux-armv7.* x86_64 and aarch64/),
        hint: expect.stringContaining('extension platforms'),
        file: 'linux-armv7.bin',
      },
      {
        id: 'server.one_file',
        code: 'preflight_refused',
        message: expect.stringMatching(/^linux-x86_64-deb\.bin .*linux-x86_64-appimage\.bin/),
        hint: expect.stringContaining('extension platforms'),
        file: 'linux-x86_64-deb.bin',
      },
    ]);
  });

  test('gets a single bundle type, listed or discovered, for the whole platform', () => {
    for (const discovered of [true, false]) {
      const { artifacts, leftOut, issues } = checkServerCompatibility(files(DEB, MAC), BASE, { discovered });
      expect([leftOut, issues]).toEqual([[], []]);
      expect(artifacts.map(platformName).toSorted()).toEqual(['darwin-aarch64', 'linux-x86_64']);
    }
  });
});

test('field 13: a file for a custom target needs a server that knows those, whatever else it knows', () => {
  const custom = artifact({ target: 'windows-portable', arch: 'x86_64' });
  const extensions = new Set([...OURS.extensions].filter((name) => name !== 'custom-targets'));
  for (const server of [BASE, { ...OURS, extensions }]) {
    const { issues } = checkServerCompatibility([custom, ...files(DEB)], server, {});
    expect(issues).toMatchObject([{ id: 'server.custom_target', file: custom.file }]);
    expect(checkStorable(custom, server)).toMatchObject({ issues: [{ id: 'server.custom_target' }] });
  }
  expect(checkServerCompatibility([custom], OURS, {}).issues).toEqual([]);
});
