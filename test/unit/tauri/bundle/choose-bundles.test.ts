import { basename } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { BundleType } from '../../../../src/protocol/platform.ts';
import {
  type Candidate,
  type ChooseOptions,
  chooseForPlatform,
} from '../../../../src/tauri/bundle/choose-bundles.ts';

const FILES = {
  appimage: 'App_1.2.0_amd64.AppImage',
  appimageArchive: 'App_1.2.0_amd64.AppImage.tar.gz',
  deb: 'App_1.2.0_amd64.deb',
  rpm: 'App-1.2.0-1.x86_64.rpm',
  nsis: 'App_1.2.0_x64-setup.exe',
  nsisArchive: 'App_1.2.0_x64-setup.nsis.zip',
  msi: 'App_1.2.0_x64_en-US.msi',
  msiGerman: 'App_1.2.0_x64_de-DE.msi',
  msiArchive: 'App_1.2.0_x64_en-US.msi.zip',
} as const;

function candidate(key: keyof typeof FILES): Candidate {
  const bundleType = key.replace(/Archive|German/, '') as BundleType;
  const target = bundleType === 'nsis' || bundleType === 'msi' ? 'windows' : 'linux';
  return { target, arch: 'x86_64', bundleType, file: `/bundle/${bundleType}/${FILES[key]}` };
}

function choose(keys: readonly (keyof typeof FILES)[], options: Partial<ChooseOptions> = {}) {
  const { chosen, leftOut } = chooseForPlatform(keys.map(candidate), {
    bundleTypes: false,
    v1Compatible: false,
    ...options,
  });
  return { chosen: chosen.map(({ file }) => basename(file)), leftOut };
}

describe('of several files for a platform', () => {
  test.each<[keyof typeof FILES, (keyof typeof FILES)[]]>([
    ['nsis', ['msi', 'nsis']],
    ['appimage', ['rpm', 'deb', 'appimage']],
    ['deb', ['rpm', 'deb']],
    ['msi', ['msiGerman', 'msi']],
    ['nsis', ['nsisArchive', 'nsis', 'msiArchive']],
    ['appimageArchive', ['appimageArchive', 'deb']],
  ])('%s is chosen of %j', (best, keys) => {
    for (const order of [keys, keys.toReversed()]) {
      const { chosen, leftOut } = choose(order);
      expect(chosen).toEqual([FILES[best]]);
      expect(leftOut.map(({ file }) => basename(file)).sort()).toEqual(
        keys
          .filter((key) => key !== best)
          .map((key) => FILES[key])
          .sort(),
      );
    }
  });

  test.each<[keyof typeof FILES, (keyof typeof FILES)[]]>([
    ['nsisArchive', ['nsis', 'nsisArchive', 'msi', 'msiArchive']],
    ['appimageArchive', ['deb', 'appimage', 'appimageArchive']],
    ['appimage', ['deb', 'appimage']],
  ])("%s is chosen of %j when Tauri 1's updater is served too", (best, keys) => {
    expect(choose(keys, { v1Compatible: true }).chosen).toEqual([FILES[best]]);
  });

  test('the others are left out with the reason', () => {
    expect(choose(['msi', 'nsis']).leftOut).toEqual([
      {
        file: `/bundle/msi/${FILES.msi}`,
        reason: `${FILES.nsis} is published for windows-x86_64`,
        usual: true,
      },
    ]);
  });
});

test('when the server has bundle types, each type keeps its best file', () => {
  const { chosen, leftOut } = choose(['msiGerman', 'msi', 'nsisArchive', 'nsis'], { bundleTypes: true });
  expect(chosen).toEqual([FILES.nsis, FILES.msi]);
  expect(leftOut.map(({ reason }) => reason)).toEqual([
    `${FILES.nsis} is published for windows-x86_64-nsis`,
    `${FILES.msi} is published for windows-x86_64-msi`,
  ]);
});

test('both platforms of a universal app keep its file', () => {
  const file = '/bundle/macos/App.app.tar.gz';
  const both = (['x86_64', 'aarch64'] as const).map(
    (arch) => ({ target: 'darwin', arch, bundleType: 'app', file }) as const,
  );
  expect(chooseForPlatform(both, { bundleTypes: false, v1Compatible: false })).toEqual({
    chosen: both,
    leftOut: [],
  });
});
