import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { checkLinux, startWorld, type World, writeBundle } from '../support/publish/world.ts';

/** An app without Tauri: its build output, the patterns for it, and other settings. */
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

describe('file patterns in the config file', () => {
  test('name the files that are published', async () => {
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

  test('are found from a folder below the config file', async () => {
    const world = await startProject(BUILT);
    const dryRun = [...PUBLISH, '--dry-run', '--project', 'out/1.2.0'];
    expect((await world.runJson(dryRun)).document.artifacts).toHaveLength(4);
  });

  test('are overridden by files on the command line', async () => {
    const world = await startProject();
    const file = await writeBundle(world.folder, 'other.bin');
    const { document } = await world.runJson([...PUBLISH, '--artifact', `linux-aarch64=${file}`]);
    expect(document.artifacts).toEqual([expect.objectContaining({ file, arch: 'aarch64' })]);
  });

  test('need a version on the command line', async () => {
    const world = await startProject(BUILT);
    const { code, stderr } = await world.run(['publish']);
    expect(code).toBe(2);
    expect(stderr).toBe('error: no version given: pass --version X.Y.Z.\n');
  });

  test('need signatures beside the files', async () => {
    const world = await startProject(BUILT.slice(1));
    await writeFile(join(world.folder, BUILT[0] ?? ''), 'unsigned');
    const { code, stderr } = await world.run(PUBLISH);
    expect(code).toBe(2);
    expect(stderr).toContain(`${BUILT[0]}.sig does not exist`);
  });
});

describe('pains 2: a pattern in the config file that matches', () => {
  test('no file is an error that names it and the folder, and nothing is published', async () => {
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

  test('several files is an error that lists them, and nothing is published', async () => {
    const world = await startProject([...BUILT, 'out/1.2.0/old.exe']);
    const { code, stderr } = await world.run(PUBLISH);
    expect(code).toBe(2);
    expect(stderr).toContain('matches 2 files: out/1.2.0/old.exe, out/1.2.0/setup.exe');
    expect((await world.runJson(['releases', 'list'])).document).toEqual([]);
  });
});

describe('the platforms that the config file expects', () => {
  const expected = { expect: ['linux-x86_64', 'windows-x86_64'] };

  test('allow a job to publish its own, and the release goes live with the last', async () => {
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

  test('are overridden by --draft, and required to finish the draft', async () => {
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

test('a release has the channel in the config file, unless an option names another', async () => {
  const world = await startProject(BUILT, { channel: 'beta' });
  const { document } = await world.runJson(PUBLISH);
  expect(document).toMatchObject({ status: 'published', release: { channel: 'beta' } });
  expect((await world.runJson(checkLinux('1.1.0'))).document).toMatchObject({ update: true });
  const checkStable = checkLinux('1.1.0', '--channel', 'stable');
  expect((await world.runJson(checkStable)).document).toMatchObject({ update: false });
  for (const file of BUILT) await writeBundle(world.folder, file.replace('1.2.0', '1.3.0'));
  const stable = ['publish', '--version', '1.3.0', '--channel', 'stable'];
  expect((await world.runJson(stable)).document).toMatchObject({ release: { channel: 'stable' } });
});

test('field 13: a build for a target that the app sets itself is published beside the others', async () => {
  const CUSTOM = 'windows-x86_64-fixed-webview2';
  const artifacts = { 'windows-x86_64': 'out/plain.exe', [`${CUSTOM}@x86_64`]: 'out/fixed.exe' };
  const world = await startProject(['out/plain.exe', 'out/fixed.exe'], { artifacts });
  const { code, document, stderr } = await world.runJson(PUBLISH);
  expect(code, stderr).toBe(0);
  expect(document.artifacts).toMatchObject([
    { target: 'windows', arch: 'x86_64', bundle_type: null, file: 'out/plain.exe', verified: true },
    { target: CUSTOM, arch: 'x86_64', bundle_type: null, file: 'out/fixed.exe', verified: true },
  ]);
  expect((await world.run(['releases', 'show', '1.2.0'])).stdout).toContain(`${CUSTOM}@x86_64`);
  expect((await world.runJson(PUBLISH)).document.artifacts).toMatchObject([
    { action: 'skipped' },
    { action: 'skipped' },
  ]);

  const check = async (target: string) => {
    const platform = ['--target', target, '--arch', 'x86_64', '--current-version', '1.1.0', '--download'];
    return (await world.runJson(['check', '--slug', 'my-app', ...platform])).document;
  };
  const [plain, fixed] = [await check('windows'), await check(CUSTOM)];
  expect(fixed).toMatchObject({ update: true, version: '1.2.0' });
  expect(fixed.url).toContain(`/${CUSTOM}/x86_64`);
  expect(fixed.download.sha256).toBe(document.artifacts[1].sha256);
  expect(plain.download.sha256).toBe(document.artifacts[0].sha256);
  expect(await check('windows-fixed')).toMatchObject({ update: false });
});

test('field 13: a mistyped platform is refused, not published as a target of its own', async () => {
  const world = await startProject([], { artifacts: undefined });
  const file = await writeBundle(world.folder, 'app.bin');
  for (const word of ['linux-x86_46', 'linux-x86_64-dep']) {
    const { code, stderr } = await world.run([...PUBLISH, '--artifact', `${word}=${file}`]);
    expect(code, word).toBe(2);
    expect(stderr).toMatch(/did you mean linux-x86_64(-deb)?\?/);
  }
  expect((await world.runJson(['releases', 'list'])).document).toEqual([]);
});
