import { expect, test } from 'vitest';
import type { IssueId } from '../../../../src/issue.ts';
import { windowsProgram } from '../../../support/process/executables.ts';
import { zip } from '../../../support/tauri/archives.ts';
import { discover, projectWith } from '../../../support/tauri/discover-in-short.ts';
import { debianPackage, rpmPackage } from '../../../support/tauri/packages.ts';

const deb = 'deb/Note Taker_1.2.0_amd64.deb';
const rpm = 'rpm/Note Taker-1.2.0-1.x86_64.rpm';
const setupZip = 'nsis/Note Taker_1.2.0_x64-setup.nsis.zip';
const msiZip = 'msi/Note Taker_1.2.0_x64_en-US.msi.zip';

test.each<[string, string, Buffer, IssueId, string]>([
  [
    'a zip with an installer that is text',
    setupZip,
    zip({ 'Note Taker_1.2.0_x64-setup.exe': Buffer.from('<html>') }),
    'bundle.wrong_content',
    'it contains Note Taker_1.2.0_x64-setup.exe, which is not a Windows program',
  ],
  [
    'a zip with an MSI that is a program',
    msiZip,
    zip({ 'Note Taker_1.2.0_x64_en-US.msi': windowsProgram('x86_64') }),
    'bundle.wrong_content',
    'it contains Note Taker_1.2.0_x64_en-US.msi, which is not an MSI',
  ],
  [
    'a zip with a second installer',
    setupZip,
    zip({
      'Note Taker_1.2.0_x64-setup.exe': windowsProgram('i686'),
      'Other_1.2.0_x64-setup.exe': windowsProgram('i686'),
    }),
    'bundle.wrong_content',
    'it contains Note Taker_1.2.0_x64-setup.exe, Other_1.2.0_x64-setup.exe, not Note Taker',
  ],
  [
    'a deb with another arch inside',
    deb,
    debianPackage({ arch: 'arm64' }),
    'bundle.wrong_arch',
    'its name says x86_64, its control data says aarch64',
  ],
  [
    'a deb with another version inside',
    deb,
    debianPackage({ version: '1.1.0' }),
    'bundle.wrong_version',
    'its name says 1.2.0, its control data says 1.1.0',
  ],
  [
    'a deb with another app inside',
    deb,
    debianPackage({ name: 'note-reader' }),
    'bundle.wrong_product',
    'its name says Note Taker, its control data says note-reader',
  ],
  [
    'a deb for every arch',
    deb,
    debianPackage({ arch: 'all' }),
    'bundle.wrong_content',
    "it is for the arch all, which Tauri's updater does not support",
  ],
  [
    'an rpm with another arch inside',
    rpm,
    rpmPackage({ arch: 'aarch64' }),
    'bundle.wrong_arch',
    'its name says x86_64, its header says aarch64',
  ],
  [
    'an rpm with another version inside',
    rpm,
    rpmPackage({ version: '1.1.0' }),
    'bundle.wrong_version',
    'its name says 1.2.0, its header says 1.1.0',
  ],
  [
    'an rpm with another app inside',
    rpm,
    rpmPackage({ name: 'note-reader' }),
    'bundle.wrong_product',
    'its name says Note Taker, its header says note-reader',
  ],
])('pains 6: %s is refused, although its name is right', async (_, path, content, id, reason) => {
  const { found, issues, issueIds } = await discover(await projectWith(path, content));
  expect(found).toEqual([]);
  expect(issueIds).toEqual([id]);
  expect(issues).toEqual([
    expect.stringContaining(`src-tauri/target/release/bundle/${path} is mislabelled: ${reason}`),
  ]);
});
