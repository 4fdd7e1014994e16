import { cp, mkdir, readdir, rename, symlink, writeFile } from 'node:fs/promises';
import { basename, join, relative } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { Target } from '../../../src/protocol/platform.ts';
import { tempFolder } from '../../support/process/temp-folder.ts';
import { discover } from '../../support/tauri/discover-in-short.ts';
import { type BuildOptions, copyProject, layOutBuild, write } from '../../support/tauri/tauri-project.ts';

const ALL = [
  'darwin-aarch64 app Note Taker.app.tar.gz',
  'darwin-x86_64 app Note Taker.app.tar.gz',
  'linux-x86_64 appimage Note Taker_1.2.0_amd64.AppImage',
  'linux-x86_64 deb Note Taker_1.2.0_amd64.deb',
  'linux-x86_64 rpm Note Taker-1.2.0-1.x86_64.rpm',
  'windows-x86_64 msi Note Taker_1.2.0_x64_en-US.msi',
  'windows-x86_64 nsis Note Taker_1.2.0_x64-setup.exe',
];

/** The `bundle` folder of a build of another job. */
async function builtBy(system: Target, options: BuildOptions = {}): Promise<string> {
  const targetFolder = await tempFolder();
  await layOutBuild('', system, { ...options, targetFolder });
  return join(targetFolder, options.triple ?? '', options.profile ?? 'release', 'bundle');
}

const JOBS: readonly (readonly [string, Target, BuildOptions])[] = [
  ['linux', 'linux', {}],
  ['windows', 'windows', {}],
  ['mac-arm', 'darwin', { archs: ['aarch64'] }],
  ['mac-intel', 'darwin', { archs: ['x86_64'] }],
];

describe('field 5: bundles in a folder of downloaded artifacts are found', () => {
  test("in a folder for each job, with the kinds' folders in it", async () => {
    const artifacts = await tempFolder();
    for (const [job, system, options] of JOBS) {
      await cp(await builtBy(system, options), join(artifacts, job), { recursive: true });
    }
    const { found, issues, leftOut } = await discover(await copyProject(), { bundles: [artifacts] });
    expect({ found, issues }).toEqual({ found: ALL, issues: [] });
    expect(leftOut).toEqual([expect.stringContaining('a .dmg is'), expect.stringContaining('a .dmg is')]);
  });

  test('at any depth, with what Cargo puts around them', async () => {
    const artifacts = await tempFolder();
    for (const [triple, system, archs] of [
      ['x86_64-unknown-linux-gnu', 'linux', ['x86_64']],
      ['x86_64-pc-windows-msvc', 'windows', ['x86_64']],
      ['universal-apple-darwin', 'darwin', ['x86_64', 'aarch64']],
    ] as const) {
      const built = await builtBy(system, { triple, archs });
      await cp(built, join(artifacts, 'a/b/c', triple, 'release/bundle'), { recursive: true });
    }
    expect(await discover(await copyProject(), { bundles: [artifacts] })).toMatchObject({
      found: ALL,
      issues: [],
    });
  });

  test('flat in one folder, or in folders that are called like other kinds', async () => {
    const [flat, kinds] = [await tempFolder(), await tempFolder()];
    for (const [, system, options] of JOBS.slice(0, 3)) {
      const built = await builtBy(system, options);
      for (const kind of await readdir(built)) {
        for (const file of (await readdir(join(built, kind))).filter((name) =>
          /\.(sig|deb|rpm|AppImage|exe|msi|gz)$/.test(name),
        )) {
          await cp(join(built, kind, file), join(flat, file));
          await cp(join(built, kind, file), join(kinds, kind === 'deb' ? 'rpm' : 'deb', file));
        }
      }
    }
    const expected = ALL.filter((line) => !line.startsWith('darwin-x86_64'));
    for (const bundles of [[flat], [kinds]]) {
      expect(await discover(await copyProject(), { bundles })).toMatchObject({ found: expected, issues: [] });
    }
  });

  test('in several folders, each file once, though one folder is inside another', async () => {
    const linux = await builtBy('linux');
    const windows = await builtBy('windows');
    const bundles = [linux, join(linux, 'deb'), windows, windows];
    expect(await discover(await copyProject(), { bundles })).toMatchObject({
      found: ALL.slice(2),
      issues: [],
    });
  });

  test("and those in Cargo's target folder are not", async () => {
    const project = await copyProject();
    await layOutBuild(project, 'windows');
    const { found } = await discover(project, { bundles: [await builtBy('linux')] });
    expect(found).toEqual(ALL.slice(2, 5));
  });

  test('with relative paths where the folder is relative', async () => {
    const folder = relative('', await builtBy('darwin'));
    const { discovery } = await discover(await copyProject(), { bundles: [folder] });
    expect(discovery.candidates.map(({ file }) => file)).toEqual([
      join(folder, 'macos/Note Taker.app.tar.gz'),
    ]);
  });
});

describe('field 5: of downloaded bundles', () => {
  test('debug builds are never published', async () => {
    const artifacts = await tempFolder();
    await cp(await builtBy('linux'), join(artifacts, 'release'), { recursive: true });
    await cp(await builtBy('windows'), join(artifacts, 'job/debug/bundle'), { recursive: true });
    const { found, leftOut } = await discover(await copyProject(), { bundles: [artifacts] });
    expect(found).toEqual(ALL.slice(2, 5));
    expect(new Set(leftOut.map((line) => line.split(': ')[1]))).toEqual(
      new Set(['debug builds are never published']),
    );
    const given = await builtBy('linux', { profile: 'debug' });
    expect((await discover(await copyProject(), { bundles: [given] })).found).toEqual([]);
  });

  test('a folder that is called debug above the given one means nothing', async () => {
    const artifacts = join(await tempFolder(), 'debug/artifacts');
    await cp(await builtBy('linux'), artifacts, { recursive: true });
    expect((await discover(await copyProject(), { bundles: [artifacts] })).found).toHaveLength(3);
  });

  test('a triple in the path has to agree with the bytes', async () => {
    const artifacts = await tempFolder();
    await cp(await builtBy('darwin', { archs: ['aarch64'] }), join(artifacts, 'x86_64-apple-darwin'), {
      recursive: true,
    });
    expect((await discover(await copyProject(), { bundles: [artifacts] })).issueIds).toEqual([
      'bundle.wrong_arch',
    ]);
  });

  test('two files for one place are refused', async () => {
    const artifacts = await tempFolder();
    for (const job of ['first', 'second'])
      await cp(await builtBy('linux'), join(artifacts, job), { recursive: true });
    expect(new Set((await discover(await copyProject(), { bundles: [artifacts] })).issueIds)).toEqual(
      new Set(['bundle.ambiguous']),
    );
  });

  test('an unsigned kind is noticed in the folder of another job', async () => {
    const artifacts = await tempFolder();
    const built = await builtBy('linux');
    const unsigned = await builtBy('linux', { updaterArtifacts: false });
    await cp(join(built, 'appimage'), join(artifacts, 'one'), { recursive: true });
    await cp(join(unsigned, 'deb'), join(artifacts, 'two'), { recursive: true });
    expect((await discover(await copyProject(), { bundles: [artifacts] })).issueIds).toEqual([
      'bundle.unsigned_kind',
    ]);
  });

  test('what is signed and not understood is left out with a reason', async () => {
    const artifacts = await builtBy('linux');
    await write(join(artifacts, 'portable/notes.zip'), 'x');
    await write(join(artifacts, 'portable/notes.zip.minisig'), 'x');
    const { found, leftOut } = await discover(await copyProject(), { bundles: [artifacts] });
    expect(found).toHaveLength(3);
    expect(leftOut).toEqual([expect.stringContaining('notes.zip: ')]);
  });

  test('files inside of an app, or of what a package was made from, are not bundles', async () => {
    const artifacts = await builtBy('linux');
    for (const path of ['deb/Note Taker_1.2.0_amd64/data/tool', 'macos/Note Taker.app/tool']) {
      await write(join(artifacts, path), 'x');
      await write(join(artifacts, `${path}.sig`), 'x');
    }
    expect(await discover(await copyProject(), { bundles: [artifacts] })).toMatchObject({
      found: { length: 3 },
      leftOut: [],
    });
  });

  test('none is an issue that lists those that are there', async () => {
    const artifacts = await builtBy('linux', { product: 'Other' });
    const bundles = [artifacts];
    const { discovery } = await discover(await copyProject(), { bundles });
    expect(discovery.issues).toMatchObject([
      { id: 'bundle.not_found', message: expect.stringContaining('Other_1.2.0_amd64.deb') },
    ]);
    const empty = await discover(await copyProject(), { bundles: [await tempFolder()] });
    expect(empty.discovery.issues[0]?.hint).not.toMatch(/tauri build|CARGO_TARGET_DIR/);
  });

  test('links are not followed', async () => {
    const artifacts = await tempFolder();
    await mkdir(join(artifacts, 'job'));
    await symlink('..', join(artifacts, 'job/loop'));
    await cp(await builtBy('linux'), join(artifacts, 'job/bundles'), { recursive: true });
    expect((await discover(await copyProject(), { bundles: [artifacts] })).found).toHaveLength(3);
  });

  test('an app for macOS that was renamed is left out with a way to publish it', async () => {
    const artifacts = await builtBy('darwin');
    for (const ending of ['', '.sig']) {
      const file = join(artifacts, 'macos', `Note Taker.app.tar.gz${ending}`);
      await rename(file, join(artifacts, 'macos', `App.app.tar.gz${ending}`));
    }
    const { issueIds, leftOut } = await discover(await copyProject(), { bundles: [artifacts] });
    expect(issueIds).toEqual(['bundle.unsigned']);
    expect(leftOut).toContainEqual(expect.stringContaining('rename it to "Note Taker.app.tar.gz"'));
  });

  test('a folder that is missing, or a file, is an error', async () => {
    const folder = await tempFolder();
    const file = join(folder, 'file');
    await writeFile(file, '');
    const project = await copyProject();
    await expect(discover(project, { bundles: [join(folder, 'gone')] })).rejects.toMatchObject({
      code: 'usage',
      message: expect.stringContaining('gone does not exist'),
    });
    await expect(discover(project, { bundles: [file] })).rejects.toMatchObject({
      message: expect.stringContaining(`${basename(file)} is not a folder`),
    });
  });
});
