import { readFile, rm, writeFile } from 'node:fs/promises';
import { describe, expect, test } from 'vitest';
import type { IssueId } from '../../../src/issue.ts';
import { machO, msi, windowsProgram } from '../../support/process/executables.ts';
import { writeTarGz, zip } from '../../support/tauri/archives.ts';
import { discover, projectWith, release } from '../../support/tauri/discover-in-short.ts';
import { rpmPackage } from '../../support/tauri/packages.ts';
import { type BuildOptions, copyProject, layOutBuild, write } from '../../support/tauri/tauri-project.ts';

describe('a bundle is an issue when its name, path and bytes disagree:', () => {
  const appImage = 'appimage/Note Taker_1.2.0_amd64.AppImage';
  const app = 'macos/Note Taker.app.tar.gz';
  const deb = 'deb/Note Taker_1.2.0_amd64.deb';
  const rpm = 'rpm/Note Taker-1.2.0-1.x86_64.rpm';
  const setup = 'nsis/Note Taker_1.2.0_x64-setup.exe';

  test.each<[string, string, Buffer | string, string]>([
    ['an AppImage that is text', appImage, 'not found', 'it is not an AppImage'],
    ['an AppImage that is a Mac program', appImage, machO('x86_64'), 'it is not an AppImage'],
    ['an installer that is text', setup, '<html>', 'it is not a Windows program'],
    [
      'an MSI that is a program',
      'msi/Note Taker_1.2.0_x64_en-US.msi',
      windowsProgram('x86_64'),
      'it is not an MSI',
    ],
    ['a deb that is an MSI', deb, msi(), 'it is not a Debian package'],
    ['an rpm that is text', rpm, 'x', 'it is not an RPM package'],
    ['a deb that is an empty ar', deb, Buffer.from('!<arch>\n'), 'it cannot be read: it has no control data'],
    [
      'an rpm that is cut off',
      rpm,
      rpmPackage().subarray(0, 200),
      'it cannot be read: unexpected end of file',
    ],
    ['an app that is text', app, 'not found', 'it cannot be read: '],
    [
      'a zip with another installer inside',
      'nsis/Note Taker_1.2.0_x64-setup.nsis.zip',
      zip({ 'Note Taker_1.1.0_x64-setup.exe': windowsProgram('i686') }),
      'it contains Note Taker_1.1.0_x64-setup.exe, not Note Taker_1.2.0_x64-setup.exe',
    ],
    [
      'a zip with nothing to install',
      'msi/Note Taker_1.2.0_x64_en-US.msi.zip',
      zip({ 'readme.txt': Buffer.from('hello') }),
      'it does not contain Note Taker_1.2.0_x64_en-US.msi',
    ],
  ])('%s', async (_, path, content, reason) => {
    const { discovery, found, issues, issueIds } = await discover(await projectWith(path, content));
    expect(found).toEqual([]);
    expect(issueIds).toEqual(['bundle.wrong_content']);
    expect(issues).toEqual([
      expect.stringContaining(`src-tauri/target/release/bundle/${path} is mislabelled: ${reason}`),
    ]);
    expect(discovery.issues[0]).toMatchObject({
      code: 'preflight_refused',
      hint: expect.stringContaining('--artifact'),
    });
  });

  test("a file in another kind's folder", async () => {
    const path = 'rpm/Note Taker_1.2.0_amd64.deb';
    const { found, issues, issueIds } = await discover(await projectWith(path, Buffer.from('!<arch>\n')));
    expect(found).toEqual([]);
    expect(issueIds).toEqual(['bundle.wrong_folder']);
    expect(issues).toEqual([expect.stringContaining('the folder rpm is for other bundles')]);
  });

  test.each<[string, Parameters<typeof layOutBuild>[1], BuildOptions, IssueId, RegExp]>([
    [
      'bytes for another arch than the name says',
      'linux',
      { archs: ['x86_64'], archsInside: ['aarch64'] },
      'bundle.wrong_arch',
      /AppImage is mislabelled: its name says x86_64, its header says aarch64$/,
    ],
    [
      'bytes for another arch than the path says',
      'darwin',
      { triple: 'aarch64-apple-darwin', archsInside: ['x86_64'] },
      'bundle.wrong_arch',
      /the folder aarch64-apple-darwin says aarch64, its header says x86_64$/,
    ],
    [
      'a universal path with half an app',
      'darwin',
      { triple: 'universal-apple-darwin', archs: ['x86_64', 'aarch64'], archsInside: ['aarch64'] },
      'bundle.wrong_arch',
      /the folder universal-apple-darwin says aarch64 and x86_64, its header says aarch64$/,
    ],
    [
      'a name for another arch than the path says',
      'windows',
      { triple: 'aarch64-pc-windows-msvc', archs: ['x86_64'] },
      'bundle.wrong_arch',
      /its name says x86_64, the folder aarch64-pc-windows-msvc says aarch64$/,
    ],
    [
      'a name for another system than the path says',
      'windows',
      { triple: 'x86_64-unknown-linux-gnu' },
      'bundle.wrong_target',
      /the folder x86_64-unknown-linux-gnu says linux, its name says windows$/,
    ],
  ])('%s', async (_, system, options, id, words) => {
    const project = await copyProject();
    await layOutBuild(project, system, options);
    const { discovery } = await discover(project);
    expect(discovery.issues).toContainEqual(
      expect.objectContaining({ id, message: expect.stringMatching(words) }),
    );
  });

  test('a macOS app without an executable', async () => {
    const project = await copyProject();
    const file = release(project, app);
    await write(`${file}.sig`, 'signature');
    await writeTarGz(file, { 'Note Taker.app/Contents/Resources/a': 'a' });
    const { issues, issueIds } = await discover(project);
    expect(issueIds).toEqual(['bundle.wrong_content']);
    expect(issues).toEqual([expect.stringMatching(/it contains no macOS app$/)]);
  });

  test("a program for a CPU that Tauri's updater does not support", async () => {
    const project = await copyProject();
    await layOutBuild(project, 'linux');
    const file = release(project, appImage);
    const bytes = await readFile(file);
    bytes.writeUInt16LE(21, 18); // PowerPC
    await writeFile(file, bytes);
    const { issues, issueIds } = await discover(project);
    expect(issueIds).toEqual(['bundle.wrong_content']);
    expect(issues).toEqual([expect.stringMatching(/it is for a CPU that Tauri's updater does not support$/)]);
  });
});

describe('two files for the same platform and kind', () => {
  test('are an issue, for example from builds with and without a triple', async () => {
    const project = await copyProject();
    const { 'Note Taker_1.2.0_x64-setup.exe': first } = await layOutBuild(project, 'windows');
    const triple = 'x86_64-pc-windows-msvc';
    const { 'Note Taker_1.2.0_x64-setup.exe': second } = await layOutBuild(project, 'windows', { triple });
    const { discovery } = await discover(project);
    expect(discovery.issues).toContainEqual({
      id: 'bundle.ambiguous',
      code: 'preflight_refused',
      message: `windows-x86_64 has 2 files of the same kind: ${first}, ${second}`,
      hint: expect.stringContaining('--artifact'),
    });
  });

  test('are accepted when they are an MSI in two languages', async () => {
    const project = await copyProject();
    for (const language of ['en-US', 'de-DE']) {
      await write(release(project, `msi/Note Taker_1.2.0_x64_${language}.msi`), msi());
      await write(release(project, `msi/Note Taker_1.2.0_x64_${language}.msi.sig`), 'signature');
    }
    const { found, issues } = await discover(project);
    expect(found).toHaveLength(2);
    expect(issues).toEqual([]);
  });
});

describe('unsigned bundles', () => {
  const off = { bundle: { active: true } };

  test.each(['linux', 'windows', 'darwin'] as const)(
    'are an issue on %s, because createUpdaterArtifacts is off',
    async (system) => {
      const project = await copyProject(off);
      await layOutBuild(project, system, { updaterArtifacts: false });
      const { discovery, found } = await discover(project);
      expect(found).toEqual([]);
      expect(discovery.issues).toEqual([
        {
          id: 'bundle.unsigned',
          code: 'usage',
          message: expect.stringMatching(
            /^there is no \.sig for .*Note Taker.*, because bundle\.createUpdaterArtifacts is off in .*tauri\.conf\.json$/,
          ),
          hint: expect.stringContaining('Set bundle.createUpdaterArtifacts to true'),
        },
      ]);
    },
  );

  test('are an issue although createUpdaterArtifacts is on, when the key was missing', async () => {
    const project = await copyProject();
    await layOutBuild(project, 'windows', { updaterArtifacts: false });
    expect((await discover(project)).discovery.issues).toEqual([
      {
        id: 'bundle.unsigned',
        code: 'usage',
        message: expect.stringContaining('although bundle.createUpdaterArtifacts is on'),
        hint: expect.stringContaining('TAURI_SIGNING_PRIVATE_KEY'),
      },
    ]);
  });

  test('are an issue for their platform, although another is signed', async () => {
    const project = await copyProject();
    await layOutBuild(project, 'linux');
    await layOutBuild(project, 'windows', { updaterArtifacts: false });
    const { found, issues } = await discover(project);
    expect(found).toHaveLength(3);
    expect(issues).toEqual([expect.stringMatching(/^there is no \.sig for .*\.msi, .*setup\.exe, although/)]);
  });

  test('are ignored when they have another version', async () => {
    const project = await copyProject();
    await layOutBuild(project, 'linux');
    await layOutBuild(project, 'linux', { version: '1.1.0', updaterArtifacts: false });
    expect((await discover(project)).issues).toEqual([]);
  });

  test('are an issue on macOS when there is only a disk image', async () => {
    const project = await copyProject(off);
    await layOutBuild(project, 'darwin', { updaterArtifacts: false });
    await rm(release(project, 'macos'), { recursive: true });
    expect((await discover(project)).discovery.issues).toEqual([
      {
        id: 'bundle.only_dmg',
        code: 'usage',
        message: expect.stringMatching(
          /_aarch64\.dmg is for first installations, and there is no \.app\.tar\.gz/,
        ),
        hint: expect.stringMatching(/^Add "app" to bundle\.targets.* Set bundle\.createUpdaterArtifacts/),
      },
    ]);
  });
});

describe('a project without bundles to publish is an issue', () => {
  test('when nothing was built', async () => {
    const project = await copyProject();
    expect((await discover(project)).discovery).toMatchObject({
      version: '1.2.0',
      candidates: [],
      issues: [
        {
          id: 'bundle.not_found',
          code: 'usage',
          message: `no signed bundle of Note Taker 1.2.0 found in ${project}/src-tauri/target`,
          hint: expect.stringContaining('tauri build'),
        },
      ],
    });
  });

  test('when only another version was built, which is named', async () => {
    const project = await copyProject();
    await layOutBuild(project, 'linux', { version: '1.1.0' });
    expect((await discover(project)).discovery.issues).toEqual([
      expect.objectContaining({ hint: expect.stringContaining('Found 1.1.0 instead: build 1.2.0') }),
    ]);
    const asked = await discover(project, { version: '1.1.0' });
    expect(asked.discovery).toMatchObject({ version: '1.1.0', issues: [] });
    expect(asked.found).toHaveLength(3);
  });
});
