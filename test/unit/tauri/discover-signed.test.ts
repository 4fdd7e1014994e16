import { rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { appImage, machO, msi, windowsProgram } from '../../support/process/executables.ts';
import { zip } from '../../support/tauri/archives.ts';
import { discover, release } from '../../support/tauri/discover-in-short.ts';
import { debianPackage } from '../../support/tauri/packages.ts';
import { copyProject, layOutBuild, write } from '../../support/tauri/tauri-project.ts';

const APP_IMAGE = 'appimage/Note Taker_1.2.0_amd64.AppImage';
const DEB = 'deb/Note Taker_1.2.0_amd64.deb';

/** A file in the bundle folder, with a signature beside it. */
async function writeSigned(project: string, path: string, content: Buffer, ending = '.sig'): Promise<void> {
  await write(release(project, path), content);
  await write(release(project, `${path}${ending}`), 'signature');
}

/** Renames a bundle with its signature. */
async function renameSigned(project: string, from: string, to: string): Promise<void> {
  for (const ending of ['', '.sig'])
    await rename(release(project, from + ending), release(project, to + ending));
}

describe('field 4: a signed file that is not understood is left out with a reason:', () => {
  test.each([
    [
      APP_IMAGE,
      'appimage/note-taker-1.2.0-x86_64.AppImage',
      'Note Taker_1.2.0_amd64.AppImage',
      'linux-x86_64-appimage',
    ],
    [
      APP_IMAGE,
      'appimage/note-taker_1.2.0_amd64.AppImage',
      'Note Taker_1.2.0_amd64.AppImage',
      'linux-x86_64-appimage',
    ],
    [DEB, 'deb/notes.deb', 'Note Taker_1.2.0_amd64.deb', 'linux-x86_64-deb'],
    [DEB, 'deb/Notes_1.2.0_amd64.deb', 'Note Taker_1.2.0_amd64.deb', 'linux-x86_64-deb'],
    [
      'rpm/Note Taker-1.2.0-1.x86_64.rpm',
      'rpm/notes-1.2.0-.x86_64.rpm',
      'Note Taker-1.2.0-1.x86_64.rpm',
      'linux-x86_64-rpm',
    ],
  ])('%s renamed to %s, and how to publish it', async (from, to, original, platform) => {
    const project = await copyProject();
    await layOutBuild(project, 'linux');
    await renameSigned(project, from, to);
    const { found, discovery } = await discover(project);
    expect(found).toHaveLength(2);
    expect(discovery.issues).toEqual([]);
    expect(discovery.leftOut).toEqual([
      {
        file: release(project, to),
        reason: expect.stringContaining(`rename it to "${original}"`),
        usual: false,
      },
    ]);
    expect(discovery.leftOut[0]?.reason).toContain(`${platform}=FILE`);
  });

  test('an app for macOS that was renamed by arch', async () => {
    const project = await copyProject();
    await layOutBuild(project, 'darwin');
    await layOutBuild(project, 'linux');
    await renameSigned(project, 'macos/Note Taker.app.tar.gz', 'macos/Note Taker_aarch64.app.tar.gz');
    const { leftOut } = await discover(project);
    expect(leftOut).toContainEqual(
      expect.stringMatching(
        /it is for Note Taker_aarch64, .*rename it to "Note Taker\.app\.tar\.gz".*darwin-aarch64-app=FILE/,
      ),
    );
  });

  test('an installer that was renamed, beside an MSI', async () => {
    const project = await copyProject();
    await layOutBuild(project, 'windows');
    await renameSigned(
      project,
      'nsis/Note Taker_1.2.0_x64-setup.exe',
      'nsis/Note Taker_1.2.0_x64-setup_windows.exe',
    );
    const { leftOut } = await discover(project);
    expect(leftOut).toEqual([
      expect.stringMatching(/setup_windows\.exe: .*Note Taker_1\.2\.0_x64-setup\.exe/),
    ]);
  });

  test.each([
    ['nsis/Note Taker_1.2.0_x64_portable.zip', zip({ 'App.exe': windowsProgram('x86_64') })],
    ['portable/Note Taker_1.2.0.zip', Buffer.from('anything')],
    ['extra/deep/Note Taker_1.2.0_amd64.deb', debianPackage()],
    ['Note Taker_1.2.0_amd64.deb', debianPackage()],
    ['nsis/readme.txt', Buffer.from('text')],
  ])('%s', async (path, content) => {
    const project = await copyProject();
    await layOutBuild(project, 'windows');
    for (const ending of ['.sig', '.minisig']) {
      await writeSigned(project, path, content, ending);
      const { found, discovery } = await discover(project);
      expect(found).toHaveLength(2);
      expect(discovery.leftOut).toEqual([
        { file: release(project, path), reason: expect.stringContaining('--artifact'), usual: false },
      ]);
      await rm(release(project, path + ending));
    }
  });

  test('another app or version under a name of its own, without advice to publish it', async () => {
    const project = await copyProject();
    await layOutBuild(project, 'windows');
    await writeSigned(project, 'deb/reader.deb', debianPackage({ name: 'note-reader' }));
    await writeSigned(project, 'deb/old.deb', debianPackage({ version: '1.1.0' }));
    const { leftOut } = await discover(project);
    expect(leftOut).toEqual([
      expect.stringMatching(/^old\.deb: .*its control data says 1\.1\.0, not 1\.2\.0$/),
      expect.stringMatching(/^reader\.deb: .*its control data says note-reader, not Note Taker$/),
    ]);
  });

  test('but not an unsigned file, or what is inside of a bundle', async () => {
    const project = await copyProject();
    await layOutBuild(project, 'linux');
    await write(release(project, 'appimage/linuxdeploy.AppImage'), appImage('x86_64'));
    await writeSigned(project, 'macos/Note Taker.app/Contents/Resources/tool', machO('x86_64'));
    await writeSigned(project, 'deb/Note Taker_1.2.0_amd64/data/usr/lib/tool', machO('x86_64'));
    expect((await discover(project)).leftOut).toEqual([]);
  });
});

describe('field 4: FILE.minisig', () => {
  test('counts as the signature of a bundle', async () => {
    const project = await copyProject();
    const files = await layOutBuild(project, 'linux', { updaterArtifacts: false });
    for (const file of Object.values(files)) await writeFile(`${file}.minisig`, 'signature');
    expect(Object.keys(files)).toHaveLength(3);
    expect(await discover(project)).toMatchObject({ found: { length: 3 }, leftOut: [], issues: [] });
    await rm(release(project, DEB));
    expect((await discover(project)).leftOut).toEqual([
      'Note Taker_1.2.0_amd64.deb.minisig: the signed file is missing',
    ]);
  });
});

describe('field 4: a kind of bundle without signature, while another kind of its platform is signed,', () => {
  test.each([
    ['linux', [DEB, 'rpm/Note Taker-1.2.0-1.x86_64.rpm'], 1],
    ['linux', [APP_IMAGE], 2],
    ['windows', ['msi/Note Taker_1.2.0_x64_en-US.msi'], 1],
  ] as const)('on %s is an issue: %j', async (system, unsigned, signed) => {
    const project = await copyProject();
    await layOutBuild(project, system);
    for (const path of unsigned) await rm(release(project, `${path}.sig`));
    const { found, issueIds, discovery } = await discover(project);
    expect(found).toHaveLength(signed);
    expect(issueIds).toEqual(['bundle.unsigned_kind']);
    for (const path of unsigned) expect(discovery.issues[0]?.message).toContain(release(project, path));
    const allowed = await discover(project, { allowUnsignedKind: true });
    expect(allowed).toMatchObject({ found: { length: signed }, issues: [] });
    expect(allowed.discovery.leftOut.map(({ file, usual }) => [file, usual])).toEqual(
      unsigned.map((path) => [release(project, path), false]),
    );
  });

  test('also counts across builds with and without a target triple', async () => {
    const project = await copyProject();
    await layOutBuild(project, 'linux', { triple: 'x86_64-unknown-linux-gnu' });
    await layOutBuild(project, 'linux', { updaterArtifacts: false });
    await rm(join(project, 'src-tauri/target/x86_64-unknown-linux-gnu/release/bundle/deb'), {
      recursive: true,
    });
    expect((await discover(project)).issueIds).toEqual(['bundle.unsigned_kind']);
  });

  test("is not an installer beside its archive for Tauri 1's updater, whatever the configuration says", async () => {
    const project = await copyProject();
    const files = await layOutBuild(project, 'windows', { updaterArtifacts: 'v1Compatible' });
    for (const name of Object.keys(files).filter((file) => !file.endsWith('.zip')))
      await rm(`${files[name]}.sig`);
    const { found, discovery } = await discover(project);
    expect(found).toHaveLength(2);
    expect(discovery.issues).toEqual([]);
    expect(discovery.leftOut.every(({ usual }) => usual)).toBe(true);
  });

  test('is not a disk image, another platform or another version', async () => {
    const project = await copyProject();
    await layOutBuild(project, 'darwin');
    await layOutBuild(project, 'linux');
    await layOutBuild(project, 'linux', { version: '1.1.0', updaterArtifacts: false });
    expect(await discover(project)).toMatchObject({ found: { length: 4 }, issues: [] });
    await layOutBuild(project, 'linux', { archs: ['aarch64'], updaterArtifacts: false });
    expect((await discover(project)).issueIds).toEqual(['bundle.unsigned']);
  });
});

describe('field 3: a signed bundle of a higher version beside the configured one', () => {
  test('is an issue that names it', async () => {
    const project = await copyProject();
    await layOutBuild(project, 'linux');
    await layOutBuild(project, 'linux', { version: '1.3.0' });
    const { issueIds, issues } = await discover(project);
    expect(issueIds).toEqual(['bundle.higher_version']);
    expect(issues[0]).toContain('Note Taker_1.3.0_amd64.AppImage');
    expect(issues[0]).toContain('Note Taker-1.3.0-1.x86_64.rpm');
  });

  test.each([
    ['1.2.0', '1.3.0-beta.1'],
    ['1.2.0-rc.1', '1.2.0'],
    ['1.2.0-rc.9', '1.2.0-rc.10'],
  ])('%s beside %s is found', async (version, higher) => {
    const project = await copyProject({ version });
    await layOutBuild(project, 'linux', { version });
    await write(release(project, `deb/Note Taker_${higher}_amd64.deb`), debianPackage({ version: higher }));
    expect((await discover(project)).issueIds).toEqual([]);
    await write(release(project, `deb/Note Taker_${higher}_amd64.deb.sig`), 'signature');
    expect((await discover(project)).issueIds).toEqual(['bundle.higher_version']);
  });

  test('may be an app for macOS, by its Info.plist', async () => {
    const project = await copyProject();
    await layOutBuild(project, 'linux');
    await layOutBuild(project, 'darwin', { version: '1.3.0' });
    expect((await discover(project)).issueIds).toEqual(['bundle.higher_version']);
  });

  test('is a warning if the version was chosen explicitly', async () => {
    const project = await copyProject();
    await layOutBuild(project, 'linux');
    await layOutBuild(project, 'linux', { version: '1.3.0' });
    const { issueIds, discovery } = await discover(project, { version: '1.2.0' });
    expect(issueIds).toEqual([]);
    expect(discovery.leftOut).toHaveLength(3);
    expect(discovery.leftOut.every(({ usual }) => !usual)).toBe(true);
    expect((await discover(project, { version: '1.3.0' })).found).toHaveLength(3);
  });

  test('is not a lower one, a debug build, or the number of an MSI', async () => {
    const project = await copyProject({ version: '1.2.0-7' });
    await layOutBuild(project, 'linux', { version: '1.2.0-7' });
    await layOutBuild(project, 'linux', { version: '1.1.0' });
    await layOutBuild(project, 'linux', { version: '1.3.0', profile: 'debug' });
    await writeSigned(project, 'msi/Note Taker_1.2.0.7_x64_en-US.msi', msi());
    await writeSigned(project, 'msi/Note Taker_1.2.0.6_x64_en-US.msi', msi());
    await writeSigned(project, 'msi/Note Taker_1.2.0_x64_en-US.msi', msi());
    const { found, issueIds } = await discover(project);
    expect(issueIds).toEqual([]);
    expect(found).toHaveLength(4);
  });
});

describe('field 5: when nothing is found, the signed bundles that are there are listed', () => {
  test('of other products, as with a wrong --project or an overlay', async () => {
    const project = await copyProject({ productName: 'Note Taker - Development' });
    await layOutBuild(project, 'linux');
    await writeSigned(project, 'portable/x.zip', Buffer.from('x'));
    const { issues, discovery, issueIds } = await discover(project);
    expect(issueIds).toEqual(['bundle.not_found']);
    for (const name of ['Note Taker_1.2.0_amd64.AppImage', 'Note Taker-1.2.0-1.x86_64.rpm', 'x.zip'])
      expect(issues[0]).toContain(name);
    expect(discovery.issues[0]?.hint).toContain('--project');
    expect(discovery.issues[0]?.hint).not.toContain('tauri build');
  });

  test('of another version, which --version may choose', async () => {
    const project = await copyProject();
    await layOutBuild(project, 'windows', { version: '1.1.0' });
    const { issues, discovery } = await discover(project);
    expect(issues[0]).toContain('Note Taker_1.1.0_x64-setup.exe');
    expect(discovery.issues[0]?.hint).toContain('--version');
  });

  test('that were renamed', async () => {
    const project = await copyProject();
    await writeSigned(project, 'deb/notes.deb', debianPackage());
    const { issues, leftOut } = await discover(project);
    expect(issues).toEqual([expect.stringMatching(/no signed bundle .*: notes\.deb$/)]);
    expect(leftOut).toEqual([expect.stringContaining('rename it to "Note Taker_1.2.0_amd64.deb"')]);
  });

  test('a dozen by name, the others by number', async () => {
    const project = await copyProject();
    for (let i = 10; i < 30; i++) await writeSigned(project, `deb/Other_1.0.${i}_amd64.deb`, debianPackage());
    const { issues } = await discover(project);
    expect(issues[0]).toMatch(/Other_1\.0\.21_amd64\.deb and 8 more$/);
  });

  test('or that only debug builds are there', async () => {
    const project = await copyProject();
    await layOutBuild(project, 'linux', { profile: 'debug' });
    expect((await discover(project)).discovery.issues).toMatchObject([
      { id: 'bundle.not_found', hint: expect.stringContaining('--debug') },
    ]);
  });
});

describe('field 5: a product is compared as the bundler writes it,', () => {
  test.each([
    ['note taker ', 'note-taker'],
    ['App™', 'app'],
    ['🚀', ''],
    ['App-1.2.3', 'app-1-2-3'],
    ['Notes_2', 'notes-2'],
    ['GROẞ', 'groß'],
  ])('"%s"', async (productName, nameInside) => {
    const project = await copyProject({ productName });
    await layOutBuild(project, 'linux', { product: productName, nameInside });
    if (nameInside === '') await rm(release(project, 'rpm'), { recursive: true }); // rpm refuses such a name
    const { found, leftOut, issues } = await discover(project);
    expect(found).toHaveLength(nameInside === '' ? 2 : 3);
    expect([...leftOut, ...issues]).toEqual([]);
  });

  test('in either form of Unicode', async () => {
    const project = await copyProject({ productName: 'Caf\u00e9' });
    await layOutBuild(project, 'linux', { product: 'Cafe\u0301', nameInside: 'cafe' });
    const { found, issues } = await discover(project);
    expect({ found: found.length, issues }).toEqual({ found: 3, issues: [] });
  });
});
