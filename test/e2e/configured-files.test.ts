import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { checkLinux, startWorld, type World, writeBundle } from '../support/publish/world.ts';

/** An app that is not Tauri's: what it builds, the patterns for it, and other settings. */
async function startProject(files: readonly string[] = [], settings: object = {}): Promise<World> {
  const world = await startWorld();
  const config = {
    slug: 'my-app',
    artifacts: {
      'linux-x86_64': 'out/{version}/*-linux.bin',
      'windows-x86_64': 'out/{version}/*.exe',
      'darwin-universal': 'out/{version}/My App.app.tar.gz',
    },
    ...settings,
  };
  await writeFile(join(world.folder, 'synckit-ota.config.json'), JSON.stringify(config));
  for (const file of files) await writeBundle(world.folder, file);
  return world;
}

const BUILT = ['out/1.2.0/my-linux.bin', 'out/1.2.0/setup.exe', 'out/1.2.0/My App.app.tar.gz'];
const PUBLISH = ['publish', '--version', 'v1.2.0'];

describe('files by pattern in the config file', () => {
  test('are published, and offered', async () => {
    const world = await startProject([...BUILT, 'out/1.1.0/my-linux.bin']);
    const { code, document, stderr } = await world.runJson(PUBLISH);
    expect(code, stderr).toBe(0);
    const rows = document.artifacts.map(({ target, arch, file, verified }: Record<string, string>) => [
      `${target}-${arch}`,
      file,
      verified,
    ]);
    expect(rows).toEqual([
      ['linux-x86_64', BUILT[0], true],
      ['windows-x86_64', BUILT[1], true],
      ['darwin-x86_64', BUILT[2], true],
      ['darwin-aarch64', BUILT[2], true],
    ]);
    expect((await world.runJson(checkLinux('1.1.0'))).document).toMatchObject({ update: true });
  });

  test('are found from a folder below it', async () => {
    const world = await startProject(BUILT);
    const dryRun = [...PUBLISH, '--dry-run', '--project', 'out/1.2.0'];
    expect((await world.runJson(dryRun)).document.artifacts).toHaveLength(4);
  });

  test('give way to those that are named', async () => {
    const world = await startProject();
    const file = await writeBundle(world.folder, 'other.bin');
    const { document } = await world.runJson([...PUBLISH, '--artifact', `linux-aarch64=${file}`]);
    expect(document.artifacts).toEqual([expect.objectContaining({ file, arch: 'aarch64' })]);
  });

  test('need a version', async () => {
    const world = await startProject(BUILT);
    const { code, stderr } = await world.run(['publish']);
    expect(code).toBe(2);
    expect(stderr).toBe('error: no version given: pass --version X.Y.Z.\n');
  });

  test('need their signatures beside them', async () => {
    const world = await startProject(BUILT.slice(1));
    await writeFile(join(world.folder, BUILT[0] ?? ''), 'unsigned');
    const { code, stderr } = await world.run(PUBLISH);
    expect(code).toBe(2);
    expect(stderr).toContain(`${BUILT[0]}.sig does not exist`);
  });
});

describe('pains 2: a pattern in the config file that matches', () => {
  test('nothing publishes nothing, and is named with the folder', async () => {
    const world = await startProject(BUILT.slice(0, 1));
    const { code, stderr } = await world.run(PUBLISH);
    expect(code).toBe(2);
    for (const pattern of [
      'out/1.2.0/*.exe" for windows-x86_64',
      'out/1.2.0/My App.app.tar.gz" for darwin-universal',
    ])
      expect(stderr).toContain(`"${pattern} matches no file in ${world.folder}`);
    expect((await world.runJson(['releases', 'list'])).document).toEqual([]);
  });

  test('several files publishes nothing, and they are listed', async () => {
    const world = await startProject([...BUILT, 'out/1.2.0/old.exe']);
    const { code, stderr } = await world.run(PUBLISH);
    expect(code).toBe(2);
    expect(stderr).toContain('matches 2 files: out/1.2.0/old.exe, out/1.2.0/setup.exe');
    expect((await world.runJson(['releases', 'list'])).document).toEqual([]);
  });
});

describe('the platforms that the config file expects', () => {
  const expected = { expect: ['linux-x86_64', 'windows-x86_64'] };

  test('let a job publish its own, and the release goes live with the last', async () => {
    const world = await startProject(BUILT.slice(0, 1), expected);
    const first = await world.runJson(PUBLISH);
    expect(first, first.stderr).toMatchObject({ code: 0, document: { status: 'draft' } });
    expect(first.stderr).toContain(
      'left out: out/1.2.0/*.exe (it matches no file here, and windows-x86_64 is expected from another job)',
    );
    expect(first.document.warnings).toContainEqual(
      expect.stringContaining('darwin-universal is expected from no other job'),
    );
    expect((await world.runJson(checkLinux('1.1.0'))).document).toMatchObject({ update: false });

    await rm(join(world.folder, 'out'), { recursive: true });
    await writeBundle(world.folder, BUILT[1] ?? '');
    const second = await world.runJson(PUBLISH);
    expect(second, second.stderr).toMatchObject({ code: 0, document: { status: 'published' } });
    expect((await world.runJson(checkLinux('1.1.0'))).document).toMatchObject({ update: true });
  });

  test('give way to a draft that is asked for, and are what finishing it needs', async () => {
    const world = await startProject(BUILT.slice(0, 1), expected);
    expect(await world.runJson([...PUBLISH, '--draft'])).toMatchObject({
      code: 0,
      document: { status: 'draft' },
    });
    const finish = ['publish', 'finish', '--release', '1.2.0', '--slug', 'my-app'];
    const refused = await world.run(finish);
    expect(refused.code).not.toBe(0);
    expect(refused.stderr).toContain('windows-x86_64');
    expect(await world.runJson([...finish, '--expect', 'linux-x86_64'])).toMatchObject({
      code: 0,
      document: { status: 'published' },
    });
  });
});

test('the channel that the config file names is that of the release, unless a flag names another', async () => {
  const world = await startProject(BUILT, { channel: 'beta' });
  const { document } = await world.runJson(PUBLISH);
  expect(document).toMatchObject({ status: 'published', release: { channel: 'beta' } });
  expect((await world.runJson(checkLinux('1.1.0'))).document).toMatchObject({ update: false });
  for (const file of BUILT) await writeBundle(world.folder, file.replace('1.2.0', '1.3.0'));
  const stable = ['publish', '--version', '1.3.0', '--channel', 'stable'];
  expect((await world.runJson(stable)).document).toMatchObject({ release: { channel: 'stable' } });
});
