import { describe, expect, test } from 'vitest';
import { run } from '../support/process/binary.ts';
import type { JsonRun } from '../support/process/json-run.ts';
import { checkLinux, startWorld, type World, writeBundle } from '../support/publish/world.ts';

const FILES = {
  'linux-x86_64': 'App.AppImage',
  'darwin-aarch64': 'App.app.tar.gz',
  'windows-x86_64': 'App-setup.exe',
} as const;
type Name = keyof typeof FILES;
const NAMES = Object.keys(FILES) as Name[];
const EXPECT = ['--expect', NAMES.join(',')];

async function worldWithFiles(): Promise<World> {
  const world = await startWorld();
  for (const name of NAMES) await writeBundle(world.folder, FILES[name]);
  return world;
}

/** Arguments for a publish of 1.2.0 for these platforms. */
function publish(names: readonly Name[], ...more: string[]): string[] {
  const artifacts = names.flatMap((name) => ['--artifact', `${name}=${FILES[name]}`]);
  return ['publish', '--version', '1.2.0', '--slug', 'my-app', ...artifacts, ...more];
}

/** The update offered to an app on the platform. */
async function offered(world: World, name: Name): Promise<string | undefined> {
  const path = `/api/sync/ota/my-app/${name.replace('-', '/')}/1.0.0`;
  const answer = await fetch(new URL(path, world.server.url));
  expect([200, 204]).toContain(answer.status);
  return answer.status === 200 ? ((await answer.json()) as { version: string }).version : undefined;
}

function rowsOf({ document }: JsonRun): unknown[] {
  return document.artifacts.map(
    ({ target, arch, bundle_type, file, action, verified }: Record<string, unknown>) => [
      `${target}-${arch}`,
      bundle_type,
      file,
      action,
      verified,
    ],
  );
}

describe('publish --draft', () => {
  test('leaves a draft that is listed but not offered, until publish finish makes it live', async () => {
    const world = await worldWithFiles();
    const draft = await world.runJson(publish(['linux-x86_64', 'darwin-aarch64'], '--draft'));
    expect(draft.code, draft.stderr).toBe(0);
    expect(draft.document).toMatchObject({
      status: 'draft',
      release: { version: '1.2.0', status: 'draft', channel: 'stable' },
      artifacts: [
        { target: 'linux', action: 'uploaded', url: null, verified: false },
        { target: 'darwin', action: 'uploaded', url: null, verified: false },
      ],
      warnings: expect.arrayContaining([expect.stringContaining('not checked')]),
    });
    expect(await offered(world, 'linux-x86_64')).toBeUndefined();

    const listed = await world.runJson(['releases', 'list']);
    expect(listed.document).toMatchObject([
      { version: '1.2.0', status: 'draft', artifacts: [{ target: 'darwin' }, { target: 'linux' }] },
    ]);
    const shown = await world.run(['releases', 'list']);
    expect(shown.stdout).toMatch(/^1\.2\.0 +draft .* darwin-aarch64 linux-x86_64 /m);

    const lacking = await world.runJson(['publish', 'finish', '--release', '1.2.0', ...EXPECT]);
    expect(lacking).toMatchObject({
      code: 4,
      document: { error: { code: 'preflight_refused', message: '1.2.0 lacks windows-x86_64' } },
    });
    expect(await world.run(publish(['windows-x86_64'], '--draft'))).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^1\.2\.0 is a draft .*`synckit-ota publish finish` takes it live\.\n/),
    });

    const finished = await world.runJson(['publish', 'finish', '--release', 'v1.2.0', ...EXPECT]);
    expect(finished.code, finished.stderr).toBe(0);
    expect(finished.document).toMatchObject({
      status: 'published',
      release: { version: '1.2.0', status: 'published' },
      warnings: [],
    });
    expect(rowsOf(finished)).toEqual([
      ['darwin-aarch64', null, null, 'skipped', true],
      ['linux-x86_64', null, null, 'skipped', true],
      ['windows-x86_64', null, null, 'skipped', true],
    ]);
    for (const name of NAMES) expect(await offered(world, name)).toBe('1.2.0');
    expect(await world.run(['publish', 'finish', '--release', '1.2.0'])).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^1\.2\.0 is already published; nothing to do\.\n/),
    });
  });

  test('cannot be combined with --expect', async () => {
    const world = await worldWithFiles();
    const { code, document } = await world.runJson(publish(NAMES, '--draft', ...EXPECT));
    expect(code).toBe(2);
    expect(document.error.message).toContain('--draft and --expect cannot be used together');
  });
});

describe('publish --expect', () => {
  test('pains 1: from three processes at once creates one release, which the last of them publishes', async () => {
    const world = await worldWithFiles();
    const jobs = await Promise.all(NAMES.map((name) => world.runJson(publish([name], ...EXPECT))));
    for (const job of jobs) expect(job.code, job.stderr).toBe(0);
    const statuses = jobs.map(({ document }) => document.status);
    expect(statuses.toSorted()).toEqual(['draft', 'draft', 'published']);
    const published = jobs[statuses.indexOf('published')] as JsonRun;
    expect(rowsOf(published)).toHaveLength(3);
    for (const [name, , file, action, verified] of rowsOf(published) as [
      Name,
      null,
      string | null,
      string,
      boolean,
    ][]) {
      const own = file === FILES[name];
      expect([file, action, verified]).toEqual(own ? [file, 'uploaded', true] : [null, 'skipped', true]);
    }
    expect((await world.runJson(['releases', 'list'])).document).toMatchObject([
      { version: '1.2.0', status: 'published', artifacts: [{}, {}, {}] },
    ]);
    for (const name of NAMES) expect(await offered(world, name)).toBe('1.2.0');

    const again = await Promise.all(NAMES.map((name) => world.runJson(publish([name], ...EXPECT))));
    expect(again.map(({ code, document }) => [code, document.status])).toEqual(
      NAMES.map(() => [0, 'unchanged']),
    );
  });

  test('reports missing platforms, and requires the same list from all jobs', async () => {
    const world = await worldWithFiles();
    const first = await world.run(publish(['linux-x86_64'], ...EXPECT));
    expect(first).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('it goes live once darwin-aarch64, windows-x86_64 are uploaded.'),
    });
    const other = await world.runJson(publish(['darwin-aarch64'], '--expect', 'linux-x86_64,darwin-aarch64'));
    expect(other).toMatchObject({ code: 5, document: { error: { code: 'conflict' } } });
    expect(other.document.error.hint).toContain('the same --expect');
    expect(await offered(world, 'linux-x86_64')).toBeUndefined();
  });
});

describe('publish --channel', () => {
  test('pains 8: offers a beta only to apps that ask for its channel', async () => {
    const world = await worldWithFiles();
    const beta = ['publish', '--version', '1.3.0-beta.1', '--slug', 'my-app', '--channel', 'beta'];
    const artifact = ['--artifact', `linux-x86_64=${FILES['linux-x86_64']}`];
    const published = await world.runJson([...beta, ...artifact]);
    expect(published.code, published.stderr).toBe(0);
    expect(published.document).toMatchObject({
      status: 'published',
      release: { version: '1.3.0-beta.1', channel: 'beta' },
      artifacts: [{ verified: true }],
    });
    const check = async (...more: string[]) => (await world.runJson(checkLinux('1.0.0', ...more))).document;
    expect(await check()).toMatchObject({ update: false });
    expect(await check('--channel', 'beta')).toMatchObject({ update: true, version: '1.3.0-beta.1' });
    expect(await check('--channel', 'nightly')).toMatchObject({ update: false });

    expect(await world.run(publish(['linux-x86_64']))).toMatchObject({ code: 0 });
    expect(await check()).toMatchObject({ version: '1.2.0' });
    expect(await check('--channel', 'beta')).toMatchObject({ version: '1.3.0-beta.1' });
    const stable = await world.runJson([
      'publish',
      '--version',
      '1.3.0-beta.1',
      ...artifact,
      '--allow-prerelease',
    ]);
    expect(stable).toMatchObject({
      code: 5,
      document: { error: { message: '1.3.0-beta.1 already exists in the channel beta, not in stable' } },
    });
  });
});

describe('bundle types', () => {
  test('pains 6: are published side by side, and can be checked by name', async () => {
    const world = await startWorld();
    await writeBundle(world.folder, 'App.AppImage');
    await writeBundle(world.folder, 'App.deb');
    const kinds = ['appimage=App.AppImage', 'deb=App.deb'];
    const artifacts = kinds.flatMap((kind) => ['--artifact', `linux-x86_64-${kind}`]);
    const published = await world.runJson([
      'publish',
      '--version',
      '1.2.0',
      '--slug',
      'my-app',
      ...artifacts,
    ]);
    expect(published.code, published.stderr).toBe(0);
    expect(rowsOf(published)).toEqual([
      ['linux-x86_64', 'appimage', 'App.AppImage', 'uploaded', true],
      ['linux-x86_64', 'deb', 'App.deb', 'uploaded', true],
    ]);
    const signatureFor = async (...more: string[]) =>
      (await world.runJson(checkLinux('1.1.0', ...more))).document.signature;
    expect(await signatureFor('--bundle-type', 'deb')).toBe('signature of App.deb');
    expect(await signatureFor('--bundle-type', 'appimage')).toBe('signature of App.AppImage');
    expect(await signatureFor()).toBe('signature of App.AppImage');
    const rpm = await world.runJson(checkLinux('1.1.0', '--bundle-type', 'rpm'));
    expect(rpm.document).toEqual({
      update: false,
      reason:
        'nothing is offered for linux-x86_64-rpm: no live release has a file for it that apps of any version could take',
    });
    const wrong = await world.runJson(checkLinux('1.1.0', '--bundle-type', 'msi'));
    expect(wrong).toMatchObject({
      code: 2,
      document: { error: { message: expect.stringContaining('one of appimage, deb, rpm for linux') } },
    });

    const file = await writeBundle(world.folder, 'App.rpm');
    const platform = ['--target', 'linux', '--arch', 'x86_64', '--bundle-type', 'rpm'];
    const added = await world.runJson(['publish', 'artifact', file, '--release', '1.2.0', ...platform]);
    expect(added).toMatchObject({ code: 0, document: { bundle_type: 'rpm', action: 'uploaded' } });
    expect(await signatureFor('--bundle-type', 'rpm')).toBe('signature of App.rpm');
    expect(await signatureFor()).toBe('signature of App.AppImage');
  });
});

test('--rollback-on-failure with a lower version: a refusal before the first write leaves nothing', async () => {
  const world = await worldWithFiles();
  expect(await world.run(publish(['linux-x86_64']))).toMatchObject({ code: 0 });
  const lower = ['publish', '--version', '1.1.0', '--artifact', `linux-x86_64=${FILES['linux-x86_64']}`];
  const refused = await world.runJson([...lower, '--rollback-on-failure']);
  expect(refused).toMatchObject({ code: 4, document: { error: { code: 'preflight_refused' } } });
  expect(refused.document.error.hint).toContain('--allow-lower');
  expect((await world.runJson(['releases', 'list'])).document).toHaveLength(1);
  expect(await world.run([...lower, '--allow-lower'])).toMatchObject({ code: 0 });
  expect(await offered(world, 'linux-x86_64')).toBe('1.2.0');
});

const HELP = {
  publish: [
    '--expect <list>',
    '--draft',
    '--channel <name>',
    '--allow-lower',
    '--allow-stranding',
    '--rollback-on-failure',
    '--artifact <platform=file>',
    'finish',
  ],
  'publish finish': [
    '--release <id or version>',
    '--expect <list>',
    '--pubkey <key or file>',
    '--slug <slug>',
  ],
  'publish artifact': ['--bundle-type <type>'],
  check: ['--bundle-type <type>', '--channel <name>'],
  releases: ['yank', 'restore'],
};
test.each(Object.entries(HELP))('the help of %s names its options', async (command, names) => {
  const { code, stdout } = await run([...command.split(' '), '--help']);
  expect(code).toBe(0);
  for (const name of names) expect(stdout).toContain(name);
});
