import { readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { DiscoverOptions } from '../../../src/tauri/discover-project.ts';
import { msi } from '../../support/process/executables.ts';
import { discover, release } from '../../support/tauri/discover-in-short.ts';
import {
  type BuildOptions,
  changeConfig,
  copyProject,
  layOutBuild,
  write,
} from '../../support/tauri/tauri-project.ts';

describe('the output of `tauri build`', () => {
  test('is found with the name, version, slug and key of the project', async () => {
    const project = await copyProject();
    await layOutBuild(project, 'linux');
    const { discovery } = await discover(project);
    expect(discovery).toMatchObject({
      tauriFolder: join(project, 'src-tauri'),
      configFile: join(project, 'src-tauri/tauri.conf.json'),
      version: '1.2.0',
      productName: 'Note Taker',
      slugs: { value: ['note-taker'], source: join(project, 'src-tauri/tauri.conf.json') },
      pubkey: {
        value: expect.stringMatching(/^dW50cnVzdGVk/),
        source: join(project, 'src-tauri/tauri.conf.json'),
      },
      v1Compatible: false,
      issues: [],
    });
  });

  test.each<[string, Parameters<typeof layOutBuild>[1], BuildOptions, string[], string[]]>([
    [
      'on Linux',
      'linux',
      {},
      [
        'linux-x86_64 appimage Note Taker_1.2.0_amd64.AppImage',
        'linux-x86_64 deb Note Taker_1.2.0_amd64.deb',
        'linux-x86_64 rpm Note Taker-1.2.0-1.x86_64.rpm',
      ],
      [],
    ],
    [
      'on Linux for aarch64',
      'linux',
      { triple: 'aarch64-unknown-linux-gnu', archs: ['aarch64'] },
      [
        'linux-aarch64 appimage Note Taker_1.2.0_aarch64.AppImage',
        'linux-aarch64 deb Note Taker_1.2.0_arm64.deb',
        'linux-aarch64 rpm Note Taker-1.2.0-1.aarch64.rpm',
      ],
      [],
    ],
    [
      "on Linux for Tauri 1's updater too",
      'linux',
      { updaterArtifacts: 'v1Compatible' },
      [
        'linux-x86_64 appimage Note Taker_1.2.0_amd64.AppImage',
        'linux-x86_64 appimage Note Taker_1.2.0_amd64.AppImage.tar.gz',
        'linux-x86_64 deb Note Taker_1.2.0_amd64.deb',
        'linux-x86_64 rpm Note Taker-1.2.0-1.x86_64.rpm',
      ],
      [],
    ],
    [
      'on a Mac',
      'darwin',
      {},
      ['darwin-aarch64 app Note Taker.app.tar.gz'],
      ['Note Taker_1.2.0_aarch64.dmg: a .dmg is for first installations, not updates'],
    ],
    [
      'on a Mac for Intel, with the arch only in the header',
      'darwin',
      { archs: ['x86_64'] },
      ['darwin-x86_64 app Note Taker.app.tar.gz'],
      ['Note Taker_1.2.0_x64.dmg: a .dmg is for first installations, not updates'],
    ],
    [
      'on a Mac for both, which makes two artifacts',
      'darwin',
      { triple: 'universal-apple-darwin', archs: ['x86_64', 'aarch64'] },
      ['darwin-aarch64 app Note Taker.app.tar.gz', 'darwin-x86_64 app Note Taker.app.tar.gz'],
      ['Note Taker_1.2.0_universal.dmg: a .dmg is for first installations, not updates'],
    ],
    [
      'on Windows',
      'windows',
      {},
      [
        'windows-x86_64 msi Note Taker_1.2.0_x64_en-US.msi',
        'windows-x86_64 nsis Note Taker_1.2.0_x64-setup.exe',
      ],
      [],
    ],
    [
      "on Windows for Tauri 1's updater too",
      'windows',
      { updaterArtifacts: 'v1Compatible', archs: ['aarch64'], triple: 'aarch64-pc-windows-msvc' },
      [
        'windows-aarch64 msi Note Taker_1.2.0_arm64_en-US.msi',
        'windows-aarch64 msi Note Taker_1.2.0_arm64_en-US.msi.zip',
        'windows-aarch64 nsis Note Taker_1.2.0_arm64-setup.exe',
        'windows-aarch64 nsis Note Taker_1.2.0_arm64-setup.nsis.zip',
      ],
      [],
    ],
  ])('%s is found', async (_, system, options, expected, left) => {
    const project = await copyProject();
    await layOutBuild(project, system, options);
    const { found, leftOut, issues } = await discover(project);
    expect({ found, leftOut, issues }).toEqual({ found: expected, leftOut: left, issues: [] });
  });

  test('on three systems, gathered in one target folder, is found together', async () => {
    const project = await copyProject();
    await layOutBuild(project, 'linux');
    await layOutBuild(project, 'darwin', { triple: 'universal-apple-darwin', archs: ['x86_64', 'aarch64'] });
    await layOutBuild(project, 'windows', { triple: 'x86_64-pc-windows-msvc' });
    const { found, issues } = await discover(project);
    expect(found.map((line) => line.split(' ', 2).join(' '))).toEqual([
      'darwin-aarch64 app',
      'darwin-x86_64 app',
      'linux-x86_64 appimage',
      'linux-x86_64 deb',
      'linux-x86_64 rpm',
      'windows-x86_64 msi',
      'windows-x86_64 nsis',
    ]);
    expect(issues).toEqual([]);
  });

  test('has relative paths when the path of the project is relative', async () => {
    const project = await copyProject();
    await layOutBuild(project, 'darwin');
    const { discovery } = await discover(relative('', project));
    expect(discovery.candidates.map(({ file }) => file)).toEqual([
      join(relative('', project), 'src-tauri/target/release/bundle/macos/Note Taker.app.tar.gz'),
    ]);
  });

  test('is the same when the Tauri folder is given as the project', async () => {
    const project = await copyProject();
    await layOutBuild(project, 'windows');
    expect((await discover(join(project, 'src-tauri'))).found).toEqual((await discover(project)).found);
  });

  test('has the name and version of the crate when the configuration has none', async () => {
    const project = await copyProject({ productName: undefined, version: undefined });
    await layOutBuild(project, 'darwin', { product: 'note-taker', version: '0.0.0' });
    const { discovery, found } = await discover(project);
    expect(discovery).toMatchObject({ productName: 'note-taker', version: '0.0.0', issues: [] });
    expect(found).toEqual(['darwin-aarch64 app note-taker.app.tar.gz']);
  });

  test("has the name in the target system's overlay, whatever system this is", async () => {
    const project = await copyProject();
    const overlay = {
      productName: 'Notes',
      plugins: { updater: { endpoints: ['https://x/api/sync/ota/notes/a'] } },
    };
    await write(join(project, 'src-tauri/tauri.windows.conf.json'), JSON.stringify(overlay));
    await layOutBuild(project, 'windows', { product: 'Notes' });
    const { discovery, found } = await discover(project, { hostTarget: 'darwin' });
    expect(found).toHaveLength(2);
    expect(discovery).toMatchObject({
      productName: 'Notes',
      slugs: { value: ['notes'] },
      leftOut: [],
      issues: [],
    });
  });

  test('of an MSI may have the version that WiX requires', async () => {
    const project = await copyProject({ version: '1.2.0-7' });
    await write(release(project, 'msi/Note Taker_1.2.0.7_x64_en-US.msi'), msi());
    await write(release(project, 'msi/Note Taker_1.2.0.7_x64_en-US.msi.sig'), 'signature');
    expect((await discover(project)).found).toEqual(['windows-x86_64 msi Note Taker_1.2.0.7_x64_en-US.msi']);
    await changeConfig(project, { bundle: { windows: { wix: { version: '9.9.9.9' } } } });
    await rename(
      release(project, 'msi/Note Taker_1.2.0.7_x64_en-US.msi'),
      release(project, 'msi/Note Taker_9.9.9.9_x64_en-US.msi'),
    );
    await write(release(project, 'msi/Note Taker_9.9.9.9_x64_en-US.msi.sig'), 'signature');
    expect((await discover(project)).found).toEqual(['windows-x86_64 msi Note Taker_9.9.9.9_x64_en-US.msi']);
  });
});

describe('a package with another spelling in its bytes than in its name is accepted:', () => {
  test.each([
    ['1.2.0-beta.1', '1.2.0~beta.1'],
    ['1.2.0-beta.1', '1.2.0_beta.1'],
    ['1.2.0+7', '1.2.0.7'],
    ['1.2.0', '1:1.2.0-3'],
    ['1.2.0', '1.2.0+deb12u1'],
  ])('%s as %s', async (version, versionInside) => {
    const project = await copyProject({ version });
    await layOutBuild(project, 'linux', { version, versionInside });
    const { found, leftOut, issues } = await discover(project);
    expect(found).toHaveLength(3);
    expect([...leftOut, ...issues]).toEqual([]);
  });

  // As heck's kebab case, which tauri-bundler uses, writes them.
  test.each([
    ['NoteTaker', 'note-taker'],
    ['C++ Notes 2', 'c-notes-2'],
    ['Prénotes', 'prénotes'],
    ['İstanbul ΝΟΤΕΣ', 'i\u0307stanbul-νοτες'],
    ['天工', '天工'],
  ])('%s as %s', async (productName, nameInside) => {
    const project = await copyProject({ productName });
    await layOutBuild(project, 'linux', { product: productName, nameInside });
    const { found, leftOut, issues } = await discover(project);
    expect(found).toHaveLength(3);
    expect([...leftOut, ...issues]).toEqual([]);
  });
});

describe('left out with a reason:', () => {
  test('a debug build', async () => {
    const project = await copyProject();
    await layOutBuild(project, 'linux', { profile: 'debug' });
    await layOutBuild(project, 'windows');
    const { found, leftOut, issues } = await discover(project);
    expect(found.every((line) => line.startsWith('windows'))).toBe(true);
    expect(leftOut).toEqual(['bundle: debug builds are never published']);
    expect(issues).toEqual([]);
  });

  test('bundles of other versions', async () => {
    const project = await copyProject();
    await layOutBuild(project, 'windows', { version: '1.1.0' });
    await layOutBuild(project, 'windows');
    const { found, leftOut, issues } = await discover(project);
    expect(found).toHaveLength(2);
    expect(leftOut).toEqual([
      'Note Taker_1.1.0_x64-setup.exe: its version is 1.1.0, not 1.2.0',
      'Note Taker_1.1.0_x64_en-US.msi: its version is 1.1.0, not 1.2.0',
    ]);
    expect(issues).toEqual([]);
  });

  test('a macOS app of another version, by its Info.plist', async () => {
    const project = await copyProject();
    await layOutBuild(project, 'linux');
    await layOutBuild(project, 'darwin', { version: '1.1.0', triple: 'aarch64-apple-darwin' });
    const { found, leftOut } = await discover(project);
    expect(found).toHaveLength(3);
    expect(leftOut).toContain('Note Taker.app.tar.gz: its Info.plist says 1.1.0, not 1.2.0');
  });

  test('but not a macOS app with an Info.plist without the pre-release, as Apple requires', async () => {
    const project = await copyProject({ version: '1.2.0-beta.1' });
    await layOutBuild(project, 'darwin', { version: '1.2.0' });
    expect((await discover(project)).found).toEqual(['darwin-aarch64 app Note Taker.app.tar.gz']);
  });

  test('bundles of another app in the same workspace', async () => {
    const project = await copyProject();
    await layOutBuild(project, 'darwin');
    await layOutBuild(project, 'darwin', { product: 'Other' });
    const { found, discovery } = await discover(project);
    expect(found).toEqual(['darwin-aarch64 app Note Taker.app.tar.gz']);
    expect(discovery.leftOut).toContainEqual({
      file: release(project, 'macos/Other.app.tar.gz'),
      reason: 'it is for Other, not Note Taker',
      usual: false,
    });
  });

  test('a bundle without a signature beside one of its kind that has it', async () => {
    const project = await copyProject();
    await layOutBuild(project, 'windows');
    const german = release(project, 'msi/Note Taker_1.2.0_x64_de-DE.msi');
    await write(german, msi());
    const { found, discovery } = await discover(project);
    expect(found).toHaveLength(2);
    expect(discovery).toMatchObject({
      leftOut: [{ file: german, reason: 'it has no .sig', usual: false }],
      issues: [],
    });
  });

  test('a signature without its file', async () => {
    const project = await copyProject();
    await layOutBuild(project, 'linux');
    await rm(release(project, 'deb/Note Taker_1.2.0_amd64.deb'));
    expect((await discover(project)).leftOut).toEqual([
      'Note Taker_1.2.0_amd64.deb.sig: the signed file is missing',
    ]);
  });

  test("a system that Tauri's updater does not support", async () => {
    const project = await copyProject();
    await layOutBuild(project, 'linux');
    await layOutBuild(project, 'linux', { triple: 'x86_64-unknown-freebsd' });
    expect((await discover(project)).leftOut).toEqual([
      "bundle: Tauri's updater does not support x86_64-unknown-freebsd",
    ]);
  });
});

describe('the version', () => {
  test('has to be the same for all systems that were built', async () => {
    const project = await copyProject();
    await write(join(project, 'src-tauri/tauri.windows.conf.json'), '{"version":"1.3.0"}');
    await layOutBuild(project, 'linux');
    await layOutBuild(project, 'windows', { version: '1.3.0' });
    const { issues, issueIds } = await discover(project);
    expect(issueIds).toEqual(['project.versions_differ']);
    expect(issues).toEqual([
      'the Tauri configuration has different versions: 1.2.0 for linux, 1.3.0 for windows',
    ]);
    expect((await discover(project, { version: '1.3.0' })).issues).toEqual([]);
  });

  test.each([
    ['1.2', /version "1\.2" in .*tauri\.conf\.json is not strict semver/],
    [
      '../gone.json',
      /version "\.\.\/gone\.json" in .*tauri\.conf\.json is not strict semver \(X\.Y\.Z\), nor the path of an existing JSON file/,
    ],
  ])('%s is refused', async (version, words) => {
    await expect(discover(await copyProject({ version }))).rejects.toThrow(words);
  });

  test('may be given when the project has none', async () => {
    const project = await copyProject({ version: undefined });
    const cargo = join(project, 'src-tauri/Cargo.toml');
    await writeFile(cargo, (await readFile(cargo, 'utf8')).replace('version = "0.0.0"\n', ''));
    await expect(discover(project)).rejects.toThrow(
      /neither .*tauri\.conf\.json nor its Cargo\.toml has a version/,
    );
    await layOutBuild(project, 'darwin');
    expect((await discover(project, { version: '1.2.0' })).found).toHaveLength(1);
  });
});

describe('the folder that Cargo builds into', () => {
  test.each<[string, (project: string) => Promise<Partial<DiscoverOptions> & { targetFolder: string }>]>([
    [
      'the target of a workspace above',
      async (project) => {
        await write(
          join(dirname(project), 'Cargo.toml'),
          '[workspace]\nmembers = ["note-taker/src-tauri"]\n',
        );
        return { targetFolder: join(dirname(project), 'target') };
      },
    ],
    [
      'CARGO_TARGET_DIR',
      async (project) => ({
        targetFolder: join(project, 'elsewhere'),
        cargoTargetDir: join(project, 'elsewhere'),
      }),
    ],
    [
      'the build.target-dir of .cargo/config.toml',
      async (project) => {
        await write(join(project, '.cargo/config.toml'), '[build]\ntarget-dir = "cargo-out"\n');
        return { targetFolder: join(project, 'cargo-out') };
      },
    ],
  ])('may be %s', async (_, arrange) => {
    const project = await copyProject();
    const { targetFolder, ...options } = await arrange(project);
    await layOutBuild(project, 'windows', { targetFolder });
    expect((await discover(project, options)).found).toHaveLength(2);
  });
});
