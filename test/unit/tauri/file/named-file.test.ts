import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parsePlatform, systemOf } from '../../../../src/protocol/platform.ts';
import { namedFileIssues } from '../../../../src/tauri/file/named-file.ts';
import { TauriApps } from '../../../../src/tauri/project/tauri-app.ts';
import { appImage, fatMachO, machO, msi, windowsProgram } from '../../../support/process/executables.ts';
import { tempFolder } from '../../../support/process/temp-folder.ts';
import { tarGz, zip } from '../../../support/tauri/archives.ts';
import { debianPackage, rpmPackage } from '../../../support/tauri/packages.ts';
import { copyProject, write } from '../../../support/tauri/tauri-project.ts';

/** A macOS app as it is packed for an update. */
function macApp(program: Buffer, { version = '1.2.0', name = 'Note Taker' } = {}): Buffer {
  const plist = `<plist><dict><key>CFBundleExecutable</key><string>app</string>
    <key>CFBundleShortVersionString</key><string>${version}</string></dict></plist>`;
  return tarGz({ [`${name}.app/Contents/Info.plist`]: plist, [`${name}.app/Contents/MacOS/app`]: program });
}

/** A disk image's last block. */
const DMG = Buffer.concat([Buffer.alloc(4096), Buffer.from('koly'.padEnd(512, '\0'))]);

const DEB = debianPackage();
const RPM = rpmPackage();
const X64_APP = macApp(machO('x86_64'));
const ARM_APP = macApp(machO('aarch64'));
const FAT_APP = macApp(fatMachO(['x86_64', 'aarch64']));
const PLAIN_ELF = appImage('aarch64');
const UNKNOWN = randomBytes(5000);

interface Context {
  readonly version?: string;
  readonly project?: string;
}

/** The ids of what contradicts a file at a path that is named for a platform. */
async function idsOf(
  platform: string,
  path: string,
  content: Buffer,
  context: Context = {},
): Promise<string[]> {
  const file = await write(join(await tempFolder(), path), content);
  const { version = '1.2.0', project } = context;
  const named = parsePlatform(platform);
  if (named === undefined) throw new Error(`${platform} is no platform`);
  const tauriFolder = project && join(project, 'src-tauri');
  const apps = tauriFolder ? new TauriApps({ tauriFolder, manifest: undefined, version }) : undefined;
  const app = await apps?.for(systemOf(named.target) ?? 'linux');
  return (await namedFileIssues({ ...named, file }, { version, app })).map(({ id }) => id);
}

describe('field 4: a named file is refused when its name, path or bytes contradict', () => {
  test.each<[string, string, string, Buffer, string[]]>([
    ['the system, by its name', 'windows-x86_64', 'X.app.tar.gz', UNKNOWN, ['bundle.wrong_target']],
    ['the system, by its bytes', 'windows-x86_64', 'X', appImage('x86_64'), ['bundle.wrong_target']],
    [
      'the system, by an app in a zip',
      'linux-x86_64',
      'X.zip',
      zip({ 'X.app/Contents/MacOS/X': machO('x86_64') }),
      ['bundle.wrong_target'],
    ],
    [
      'the system, by a portable app',
      'darwin-x86_64',
      'X.zip',
      zip({ 'X/X.exe': windowsProgram('x86_64') }),
      ['bundle.wrong_target'],
    ],
    [
      'the system, by a tar',
      'darwin-x86_64',
      'X.tar.gz',
      tarGz({ 'x/x': appImage('x86_64') }),
      ['bundle.wrong_target'],
    ],
    [
      'the system, by a macOS package',
      'linux-x86_64',
      'X.bin',
      Buffer.from('xar!1234'),
      ['bundle.wrong_target'],
    ],
    [
      'the arch, by the name',
      'linux-x86_64-appimage',
      'X_1.2.0_aarch64.AppImage',
      UNKNOWN,
      ['bundle.wrong_arch'],
    ],
    [
      'the arch, by a name of its own',
      'windows-x86_64',
      'X-arm64-setup.exe',
      windowsProgram('i686'),
      ['bundle.wrong_arch'],
    ],
    ['the arch, by the program', 'linux-x86_64', 'X', appImage('aarch64'), ['bundle.wrong_arch']],
    [
      'the arch, by a Windows program',
      'windows-aarch64',
      'X.exe',
      windowsProgram('x86_64'),
      ['bundle.wrong_arch'],
    ],
    [
      'the arch, by a portable app',
      'linux-x86_64',
      'X.tar.gz',
      tarGz({ 'x/x': PLAIN_ELF }),
      ['bundle.wrong_arch'],
    ],
    [
      'the arch, by the control data',
      'linux-x86_64',
      'x.deb',
      debianPackage({ arch: 'arm64' }),
      ['bundle.wrong_arch'],
    ],
    [
      'the arch, by one unknown to Tauri',
      'linux-x86_64',
      'x.rpm',
      rpmPackage({ arch: 'ppc64le' }),
      ['bundle.wrong_arch'],
    ],
    ['the arch, by an app for one of both', 'darwin-x86_64', 'X.app.tar.gz', ARM_APP, ['bundle.wrong_arch']],
    [
      'the arch, by its folder',
      'linux-x86_64',
      'aarch64-unknown-linux-gnu/release/bundle/deb/x',
      UNKNOWN,
      ['bundle.wrong_arch'],
    ],
    ['the kind, by the name', 'linux-x86_64-rpm', 'X_1.2.0_amd64.deb', UNKNOWN, ['bundle.wrong_kind']],
    ['the kind, by its bytes', 'linux-x86_64-deb', 'x', RPM, ['bundle.wrong_kind']],
    ['the kind in the name', 'linux-x86_64', 'x.rpm', DEB, ['bundle.wrong_kind']],
    ['the kind, by a program', 'windows-x86_64-msi', 'x', windowsProgram('x86_64'), ['bundle.wrong_kind']],
    ['the kind, by an MSI', 'windows-x86_64-nsis', 'x', msi(), ['bundle.wrong_kind']],
    ['an update, as a disk image', 'darwin-aarch64', 'X.dmg', UNKNOWN, ['bundle.disk_image']],
    ['an update, as a renamed disk image', 'darwin-aarch64-app', 'X.bin', DMG, ['bundle.disk_image']],
    [
      'an update, as a debug build',
      'linux-x86_64',
      'target/debug/bundle/deb/x.deb',
      DEB,
      ['bundle.debug_build'],
    ],
    ['the version, by the name', 'linux-x86_64', 'X_1.1.0_amd64.deb', UNKNOWN, ['bundle.wrong_version']],
    [
      'the version, by a pre-release',
      'linux-x86_64',
      'X_1.2.0-beta.1_amd64.deb',
      UNKNOWN,
      ['bundle.wrong_version'],
    ],
    [
      'the version, by the control data',
      'linux-x86_64',
      'x.deb',
      debianPackage({ version: '1.1.0' }),
      ['bundle.wrong_version'],
    ],
    [
      'the version, by the header',
      'linux-x86_64',
      'x.rpm',
      rpmPackage({ version: '1.1.0' }),
      ['bundle.wrong_version'],
    ],
    [
      'the version, by the Info.plist',
      'darwin-aarch64',
      'X.app.tar.gz',
      macApp(machO('aarch64'), { version: '1.1.0' }),
      ['bundle.wrong_version'],
    ],
    [
      'the name, by the package',
      'linux-x86_64',
      'Note Taker_1.2.0_amd64.deb',
      debianPackage({ name: 'note-reader' }),
      ['bundle.wrong_product'],
    ],
    [
      'the name, by the installer inside',
      'windows-x86_64',
      'X_1.2.0_x64-setup.nsis.zip',
      zip({ 'X_1.1.0_x64-setup.exe': windowsProgram('i686') }),
      ['bundle.wrong_content'],
    ],
    [
      'kind and version',
      'linux-x86_64-rpm',
      'X_1.1.0_amd64.deb',
      UNKNOWN,
      ['bundle.wrong_kind', 'bundle.wrong_version'],
    ],
  ])('%s', async (_, platform, path, content, ids) => {
    expect(await idsOf(platform, path, content)).toEqual(ids);
  });

  test('with a message that names what contradicts what', async () => {
    const file = await write(join(await tempFolder(), 'X.app.tar.gz'), ARM_APP);
    const [issue] = await namedFileIssues({ target: 'darwin', arch: 'x86_64', file }, { version: '1.2.0' });
    expect(issue).toMatchObject({
      code: 'preflight_refused',
      message: `${file} is mislabelled: the platform darwin-x86_64 says x86_64, its header says aarch64`,
      hint: expect.stringContaining('--allow-mismatch'),
      file,
    });
  });
});

describe('field 4: a named file is accepted when nothing contradicts its platform:', () => {
  test.each<[string, string, Buffer]>([
    ['linux-x86_64', 'X_1.2.0_amd64.AppImage', appImage('x86_64')],
    ['linux-x86_64', 'X', appImage('x86_64')],
    ['linux-x86_64-deb', 'note-taker_1.2.0-1_amd64.deb', debianPackage({ version: '1:1.2.0-1' })],
    ['linux-x86_64', 'note-taker_1.2.0_all.deb', debianPackage({ arch: 'all' })],
    ['linux-aarch64', 'note-taker.noarch.rpm', rpmPackage({ arch: 'noarch' })],
    ['linux-x86_64-deb', 'note-taker-latest.deb', DEB],
    ['linux-x86_64-rpm', 'Note Taker-1.2.0-1.x86_64.rpm', RPM],
    ['darwin-x86_64', 'X.app.tar.gz', FAT_APP],
    ['darwin-aarch64', 'X.app.tar.gz', FAT_APP],
    ['darwin-x86_64-app', 'X_x64.app.tar.gz', X64_APP],
    ['darwin-aarch64', 'X.app.tar.gz', macApp(machO('aarch64'), { version: '1.2' })],
    ['darwin-x86_64', 'X-mac.zip', zip({ 'X.app/Contents/MacOS/X': machO('x86_64') })],
    ['windows-aarch64', 'X_1.2.0_arm64-setup.exe', windowsProgram('i686')],
    ['windows-x86_64', 'X Setup 1.2.0.exe', windowsProgram('i686')],
    ['windows-x86_64-msi', 'X_1.2.0.0_x64_en-US.msi', msi()],
    [
      'windows-x86_64',
      'X-win32-x64.zip',
      zip({ 'X.exe': windowsProgram('x86_64'), 'a.dll': windowsProgram('i686') }),
    ],
    ['linux-x86_64', 'X.AppImage', UNKNOWN],
    ['darwin-aarch64', 'X.app.tar.gz', UNKNOWN],
    ['windows-x86_64', 'setup.bin', UNKNOWN],
    ['linux-x86_64', 'x.deb', Buffer.from('!<arch>\ntruncated')],
    ['linux-x86_64', 'x', Buffer.from('a')],
    ['linux-x86_64', 'debug/x.deb', DEB],
  ])('%s as %s', async (platform, path, content) => {
    expect(await idsOf(platform, path, content)).toEqual([]);
  });

  test.each(['note-taker_1.2.0-beta.1_amd64.deb', 'note-taker_1.2.0~beta.1_amd64.deb', 'x.deb'])(
    'a pre-release as %s',
    async (name) => {
      const deb = debianPackage({ version: '1.2.0~beta.1' });
      expect(await idsOf('linux-x86_64', name, deb, { version: '1.2.0-beta.1' })).toEqual([]);
    },
  );
});

describe('field 4: beside a Tauri project a named file', () => {
  test('is refused when it is another product', async () => {
    const project = await copyProject();
    const other = debianPackage({ name: 'other' });
    expect(await idsOf('linux-x86_64', 'Other_1.2.0_amd64.deb', other, { project })).toEqual([
      'bundle.wrong_product',
    ]);
    expect(await idsOf('windows-x86_64', 'Other_1.2.0_x64-setup.exe', UNKNOWN, { project })).toEqual([
      'bundle.wrong_product',
    ]);
  });

  test("is accepted when it was renamed, and its own data says the project's product", async () => {
    const project = await copyProject();
    expect(await idsOf('linux-x86_64', 'Client_1.2.0_amd64.deb', DEB, { project })).toEqual([]);
    expect(await idsOf('linux-x86_64', 'client-linux.deb', DEB, { project })).toEqual([]);
  });

  test('is accepted when the project has a word more in its development configuration', async () => {
    const project = await copyProject({ productName: 'Note Taker - Development' });
    expect(await idsOf('linux-x86_64', 'Note Taker_1.2.0_amd64.deb', DEB, { project })).toEqual([]);
  });

  test("may have the project's version for WiX in its name", async () => {
    const project = await copyProject({ bundle: { windows: { wix: { version: '9.9.9.9' } } } });
    const name = 'Note Taker_9.9.9.9_x64_en-US.msi';
    expect(await idsOf('windows-x86_64', name, msi(), { project })).toEqual([]);
    expect(await idsOf('windows-x86_64', name, msi())).toEqual(['bundle.wrong_version']);
  });
});
