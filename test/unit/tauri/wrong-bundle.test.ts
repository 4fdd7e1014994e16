import { expect, test } from 'vitest';
import { windowsProgram } from '../../support/process/executables.ts';
import { zip } from '../../support/tauri/archives.ts';
import { discover, projectWith } from '../../support/tauri/discover-in-short.ts';
import { debianPackage, rpmPackage } from '../../support/tauri/packages.ts';

const deb = 'deb/Note Taker_1.2.0_amd64.deb';
const rpm = 'rpm/Note Taker-1.2.0-1.x86_64.rpm';
const setupZip = 'nsis/Note Taker_1.2.0_x64-setup.nsis.zip';
const msiZip = 'msi/Note Taker_1.2.0_x64_en-US.msi.zip';

test.each<[string, string, Buffer, string]>([
  [
    'a zip whose installer is text',
    setupZip,
    zip({ 'Note Taker_1.2.0_x64-setup.exe': Buffer.from('<html>') }),
    'it contains Note Taker_1.2.0_x64-setup.exe, which is not a Windows program',
  ],
  [
    'a zip whose MSI is a program',
    msiZip,
    zip({ 'Note Taker_1.2.0_x64_en-US.msi': windowsProgram('x86_64') }),
    'it contains Note Taker_1.2.0_x64_en-US.msi, which is not an MSI',
  ],
  [
    'a zip with a second installer',
    setupZip,
    zip({
      'Note Taker_1.2.0_x64-setup.exe': windowsProgram('i686'),
      'Other_1.2.0_x64-setup.exe': windowsProgram('i686'),
    }),
    'it contains Note Taker_1.2.0_x64-setup.exe, Other_1.2.0_x64-setup.exe, not Note Taker',
  ],
  [
    'a deb of another arch inside',
    deb,
    debianPackage({ arch: 'arm64' }),
    'its name says x86_64, its control data says aarch64',
  ],
  [
    'a deb of another version inside',
    deb,
    debianPackage({ version: '1.1.0' }),
    'its name says 1.2.0, its control data says 1.1.0',
  ],
  [
    'a deb of another app inside',
    deb,
    debianPackage({ name: 'note-reader' }),
    'its name says Note Taker, its control data says note-reader',
  ],
  [
    'a deb for every arch',
    deb,
    debianPackage({ arch: 'all' }),
    "it is for the arch all, which Tauri's updater does not support",
  ],
  [
    'an rpm of another arch inside',
    rpm,
    rpmPackage({ arch: 'aarch64' }),
    'its name says x86_64, its header says aarch64',
  ],
  [
    'an rpm of another version inside',
    rpm,
    rpmPackage({ version: '1.1.0' }),
    'its name says 1.2.0, its header says 1.1.0',
  ],
  [
    'an rpm of another app inside',
    rpm,
    rpmPackage({ name: 'note-reader' }),
    'its name says Note Taker, its header says note-reader',
  ],
])('pains 6: %s is refused, although its name is right', async (_, path, content, reason) => {
  const { found, issues } = await discover(await projectWith(path, content));
  expect(found).toEqual([]);
  expect(issues).toEqual([
    expect.stringContaining(`src-tauri/target/release/bundle/${path} is mislabelled: ${reason}`),
  ]);
});
