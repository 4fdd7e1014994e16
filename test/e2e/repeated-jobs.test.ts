import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { describe, expect, test } from 'vitest';
import { checkLinux, publishLinux, startWorld, type World, writeBundle } from '../support/publish/world.ts';

/** What GitHub's runner sets for a job, besides `GITHUB_ACTIONS`, which changes the output. */
const github = (attempt: number, fields: Record<string, string> = {}) => ({
  env: {
    GITHUB_ACTIONS: 'true',
    GITHUB_REPOSITORY: 'o/app',
    GITHUB_RUN_ID: '7',
    GITHUB_WORKFLOW: 'Release',
    GITHUB_JOB: 'build',
    GITHUB_RUN_ATTEMPT: String(attempt),
    ...fields,
  },
});
const gitlab = (id: number, name = 'build: [linux]') => ({
  env: {
    GITLAB_CI: 'true',
    CI_PROJECT_PATH: 'o/app',
    CI_PIPELINE_ID: '12',
    CI_JOB_NAME: name,
    CI_JOB_ID: String(id),
  },
});
const BOTH = ['--expect', 'linux-x86_64,windows-x86_64'];

async function startWithFile() {
  const world = await startWorld();
  const file = await writeBundle(world.folder, 'App.AppImage');
  const rebuild = () => writeFile(file, randomBytes(10_000));
  return { ...world, file, rebuild };
}

async function storedHashes({ runJson }: Pick<World, 'runJson'>): Promise<string[]> {
  const { document } = await runJson(['releases', 'show', '1.2.0']);
  return document.artifacts.map(({ sha256 }: { sha256: string }) => sha256);
}

describe('field 3: a job that builds again and is run again', () => {
  test.each([
    ['on GitHub Actions', [], github(1), github(2)],
    ['on GitLab CI', [], gitlab(100), gitlab(107)],
    ['with a name of its own', ['--job', 'linux'], {}, {}],
    [
      'with a name of its own in the environment',
      [],
      { env: { SYNCKIT_OTA_JOB: 'linux' } },
      { env: { SYNCKIT_OTA_JOB: 'linux' } },
    ],
  ])('replaces its file in the draft: %s', async (_, job, first, second) => {
    const world = await startWithFile();
    const args = publishLinux('1.2.0', world.file, ...BOTH, ...job);
    expect(await world.runJson(args, first)).toMatchObject({ code: 0, document: { status: 'draft' } });
    await world.rebuild();
    const planned = await world.run([...args, '--dry-run'], second);
    expect(planned).toMatchObject({ code: 0, stdout: expect.stringContaining('planned, replaces') });
    const again = await world.runJson(args, second);
    expect(again).toMatchObject({
      code: 0,
      document: { status: 'draft', artifacts: [{ action: 'uploaded' }] },
    });
    expect(await storedHashes(world)).toEqual([again.document.artifacts[0].sha256]);

    const windows = await writeBundle(world.folder, 'App-setup.exe');
    const other = ['publish', '--version', '1.2.0', '--artifact', `windows-x86_64=${windows}`, ...BOTH];
    expect(await world.runJson(other)).toMatchObject({ code: 0, document: { status: 'published' } });
    expect(await world.runJson(checkLinux('1.1.0', '--download'))).toMatchObject({
      document: { download: { sha256: again.document.artifacts[0].sha256 } },
    });
  });

  test.each([
    ['another run', [], github(1), github(2, { GITHUB_RUN_ID: '8' })],
    ['another job', [], github(1), github(2, { GITHUB_JOB: 'other' })],
    ['another repository', [], github(1), github(2, { GITHUB_REPOSITORY: 'p/app' })],
    ['another job of the same matrix', [], github(2), github(2)],
    ['an attempt that is late', [], github(2), github(1)],
    ['another leg on GitLab', [], gitlab(100), gitlab(107, 'build: [macos]')],
    ['no job at all', [], {}, {}],
  ])('is refused if it is not the same: %s', async (_, job, first, second) => {
    const world = await startWithFile();
    const args = publishLinux('1.2.0', world.file, ...BOTH, ...job);
    expect(await world.runJson(args, first)).toMatchObject({ code: 0 });
    const before = await storedHashes(world);
    await world.rebuild();
    expect(await world.runJson(args, second)).toMatchObject({
      code: 5,
      document: { error: { code: 'conflict' } },
    });
    expect(await storedHashes(world)).toEqual(before);
  });

  test('replaces nothing once the release is live', async () => {
    const world = await startWithFile();
    const args = publishLinux('1.2.0', world.file);
    expect(await world.runJson(args, github(1))).toMatchObject({
      code: 0,
      document: { status: 'published' },
    });
    await world.rebuild();
    expect(await world.runJson(args, github(2))).toMatchObject({ code: 5 });
  });

  test('replaces its file by a single step, too', async () => {
    const world = await startWithFile();
    expect(await world.run(publishLinux('1.2.0', world.file, '--draft', '--job', 'linux'))).toMatchObject({
      code: 0,
    });
    await world.rebuild();
    const platform = ['--target', 'linux', '--arch', 'x86_64'];
    const args = ['publish', 'artifact', world.file, '--release', '1.2.0', ...platform];
    expect(await world.runJson(args)).toMatchObject({ code: 5 });
    const replaced = await world.runJson([...args, '--job', 'linux']);
    expect(replaced).toMatchObject({ code: 0, document: { action: 'uploaded' } });
    expect(await storedHashes(world)).toEqual([replaced.document.sha256]);
  });
});

describe('field 3: publish finish', () => {
  test('refuses a draft without the platforms that it waits for, unless a list says otherwise', async () => {
    const world = await startWithFile();
    expect(await world.run(publishLinux('1.2.0', world.file, ...BOTH))).toMatchObject({ code: 0 });
    const finish = ['publish', 'finish', '--release', '1.2.0'];
    expect(await world.runJson(finish)).toMatchObject({
      code: 4,
      document: { error: { code: 'preflight_refused', message: expect.stringContaining('windows-x86_64') } },
    });
    // The config file says what usually is expected; it decides nothing about this draft.
    await writeFile(`${world.folder}/synckit-ota.config.json`, '{"expect": ["linux-x86_64"]}');
    expect(await world.runJson(finish)).toMatchObject({ code: 4 });
    expect(await world.runJson(checkLinux('1.1.0'))).toMatchObject({ document: { update: false } });
    expect(await world.runJson([...finish, '--expect', 'linux-x86_64'])).toMatchObject({
      code: 0,
      document: { status: 'published', warnings: [expect.stringContaining('windows-x86_64')] },
    });
  });
});

describe("field 3: the server's limits", () => {
  test('are checked before anything is written, also in a dry run', async () => {
    const world = await startWorld(['--max-artifact-size', '9KiB']);
    const file = await writeBundle(world.folder, 'App.AppImage');
    const small = await writeBundle(world.folder, 'App-setup.exe', randomBytes(100));
    for (const more of [['--dry-run'], []]) {
      const args = publishLinux('1.2.0', file, '--artifact', `windows-x86_64=${small}`, ...more);
      const { code, document } = await world.runJson(args);
      expect({ code, ...document.error }).toMatchObject({ code: 'preflight_refused' });
      expect(code).toBe(4);
      for (const word of [file, '10,000', '9 KiB']) expect(document.error.message).toContain(word);
    }
    expect((await world.runJson(['releases', 'list'])).document).toEqual([]);
  });
});
