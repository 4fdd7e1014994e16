import { readdir, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { list } from 'tar/list';
import { describe, expect, test } from 'vitest';
import { readPackedApp } from '../../../src/tauri/format/archive-header.ts';
import { tempFolder } from '../../support/process/temp-folder.ts';
import { discover } from '../../support/tauri/discover-in-short.ts';
import { type BuildOptions, copyProject, layOutBuild } from '../../support/tauri/tauri-project.ts';

const UNSIGNED: BuildOptions = { updaterArtifacts: false };

async function discoverUnsigned(project: string) {
  const packInto = await tempFolder();
  return { packInto, ...(await discover(project, { packInto })) };
}

describe('when signatures are not required', () => {
  test('the bundles of an unsigned build are found', async () => {
    const project = await copyProject({ bundle: { active: true } });
    await layOutBuild(project, 'linux', UNSIGNED);
    await layOutBuild(project, 'windows', { ...UNSIGNED, triple: 'x86_64-pc-windows-msvc' });
    expect((await discover(project)).issues).toEqual([
      expect.stringContaining('there is no .sig for'),
      expect.stringContaining('there is no .sig for'),
    ]);
    const { found, issues } = await discoverUnsigned(project);
    expect(issues).toEqual([]);
    expect(found).toEqual([
      'linux-x86_64 appimage Note Taker_1.2.0_amd64.AppImage',
      'linux-x86_64 deb Note Taker_1.2.0_amd64.deb',
      'linux-x86_64 rpm Note Taker-1.2.0-1.x86_64.rpm',
      'windows-x86_64 msi Note Taker_1.2.0_x64_en-US.msi',
      'windows-x86_64 nsis Note Taker_1.2.0_x64-setup.exe',
    ]);
  });

  test('the bundles of a signed build are found too', async () => {
    const project = await copyProject();
    await layOutBuild(project, 'linux', { updaterArtifacts: 'v1Compatible' });
    await layOutBuild(project, 'darwin');
    const signed = await discover(project);
    const { found, issues, packInto } = await discoverUnsigned(project);
    expect({ found, issues }).toEqual({ found: signed.found, issues: [] });
    expect(await readdir(packInto)).toEqual([]);
  });

  test('a macOS app that was not packed is packed as tauri-bundler would, for each arch', async () => {
    const project = await copyProject();
    for (const [triple, arch] of [
      ['x86_64-apple-darwin', 'x86_64'],
      ['aarch64-apple-darwin', 'aarch64'],
    ] as const) {
      await layOutBuild(project, 'darwin', { ...UNSIGNED, triple, archs: [arch] });
    }
    const before = await readdir(project, { recursive: true });
    const { discovery, found, issues, packInto } = await discoverUnsigned(project);
    expect(issues).toEqual([]);
    expect(found).toEqual([
      'darwin-aarch64 app Note Taker.app.tar.gz',
      'darwin-x86_64 app Note Taker.app.tar.gz',
    ]);
    for (const { file, arch } of discovery.candidates) {
      expect(dirname(dirname(file))).toBe(packInto);
      expect(await readPackedApp(file)).toMatchObject({ version: '1.2.0', header: { archs: [arch] } });
      const names: string[] = [];
      await list({ file, onReadEntry: ({ path }) => names.push(path) });
      expect(names).toContain('Note Taker.app/Contents/Resources/icon.icns');
    }
    expect(await readdir(project, { recursive: true })).toEqual(before);
  });

  test('a mislabelled bundle is still an issue', async () => {
    const project = await copyProject();
    await layOutBuild(project, 'linux', { ...UNSIGNED, archsInside: ['aarch64'] });
    await layOutBuild(project, 'darwin', {
      ...UNSIGNED,
      triple: 'aarch64-apple-darwin',
      archsInside: ['x86_64'],
    });
    const { issues } = await discoverUnsigned(project);
    expect(issues).toEqual(
      expect.arrayContaining([
        expect.stringMatching(/AppImage is mislabelled: its name says x86_64, its header says aarch64/),
        expect.stringMatching(/\.app\.tar\.gz is mislabelled: the folder aarch64-apple-darwin says aarch64/),
      ]),
    );
  });

  test('the issue of a project without bundles does not mention signatures', async () => {
    const project = await copyProject();
    await layOutBuild(project, 'linux', { ...UNSIGNED, version: '1.1.0' });
    const { discovery } = await discoverUnsigned(project);
    const [issue, ...more] = discovery.issues;
    expect(more).toEqual([]);
    expect(issue?.message).toMatch(/^no bundle of Note Taker 1\.2\.0 found in /);
    expect(issue?.hint).toBe('Found 1.1.0 instead: build 1.2.0.');
  });

  test('field 3: a bundle of a higher version is left out, as it was when nothing is published', async () => {
    const project = await copyProject();
    await layOutBuild(project, 'linux', UNSIGNED);
    await layOutBuild(project, 'linux', { ...UNSIGNED, version: '1.3.0' });
    const { found, issues } = await discoverUnsigned(project);
    expect({ found: found.length, issues }).toEqual({ found: 3, issues: [] });
  });

  test('a debug build is still left out', async () => {
    const project = await copyProject();
    await layOutBuild(project, 'linux', { ...UNSIGNED, profile: 'debug' });
    const { found, leftOut } = await discoverUnsigned(project);
    expect({ found, leftOut }).toEqual({ found: [], leftOut: ['bundle: debug builds are never published'] });
  });

  test('a signature without its file is ignored', async () => {
    const project = await copyProject();
    const files = await layOutBuild(project, 'linux');
    const gone = 'Note Taker_1.2.0_amd64.deb';
    await rm(files[gone] ?? '');
    expect((await discover(project)).leftOut).toEqual([`${gone}.sig: the signed file is missing`]);
    expect((await discoverUnsigned(project)).leftOut).toEqual([]);
  });
});
