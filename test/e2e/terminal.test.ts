import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { describeOnPostgres, usePostgres } from '../support/postgres/postgres.ts';
import { BINARY, run } from '../support/process/binary.ts';
import { tempFolder } from '../support/process/temp-folder.ts';
import { publishLinux, startWorld, writeBundle } from '../support/publish/world.ts';
import { fakeS3Place } from '../support/s3/s3-place.ts';
import { copyArgs, fillStore } from '../support/server/small-store.ts';
import { copyProject } from '../support/tauri/tauri-project.ts';

const CTRL_C = '\u0003';
const CTRL_D = '\u0004';
/** What a capable terminal reports, so that output has colours and is redrawn unless something prevents it. */
const TERMINAL = { TERM: 'xterm-256color', COLORTERM: 'truecolor', CI: '', GITHUB_ACTIONS: '' };
// biome-ignore lint/suspicious/noControlCharactersInRegex: colours, redrawing, and moving back in a line
const LIVELY = /\u001b|\r(?!\n)|\u0008/;
// biome-ignore lint/suspicious/noControlCharactersInRegex: colours only
const COLOR = /\u001b\[[0-9;]*m/;

const hasScript = (() => {
  try {
    return process.platform === 'linux' && execFileSync('script', ['--version']).includes('util-linux');
  } catch {
    return false;
  }
})();

interface TerminalOptions {
  readonly columns?: number;
  /** Each time this is on the screen, the next of `keys` are pressed. */
  readonly stopAt?: string;
  readonly keys?: string | readonly string[];
}

/** Runs the binary in a pseudo-terminal until it ends. */
async function runInTerminal(
  args: readonly string[],
  env: Readonly<Record<string, string>>,
  { columns = 120, stopAt, keys = CTRL_C }: TerminalOptions = {},
): Promise<{ code: number | null; screen: string }> {
  const words = [process.execPath, BINARY, ...args].map((word) => `'${word.replaceAll("'", "'\\''")}'`);
  const command = `stty cols ${columns} && exec ${words.join(' ')}`;
  const { NO_COLOR, FORCE_COLOR, ...inherited } = process.env;
  const child = spawn('script', ['--quiet', '--return', '--command', command, '/dev/null'], {
    env: { ...inherited, ...TERMINAL, ...env },
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  let screen = '';
  const toPress = [keys].flat();
  let pressed = 0;
  child.stdout.setEncoding('utf8').on('data', (text) => {
    screen += text;
    if (stopAt === undefined || screen.split(stopAt).length - 1 <= pressed) return;
    const next = toPress[pressed++];
    if (next !== undefined) child.stdin.write(next);
  });
  const [code] = await once(child, 'close');
  return { code, screen };
}

describe.skipIf(!hasScript)('on a terminal (needs script of util-linux)', () => {
  test.each<[string, Record<string, string>, number]>([
    ['GitLab', { CI: 'true', GITLAB_CI: 'true' }, 120],
    ['any CI', { CI: 'true' }, 120],
    ['GitHub', { GITHUB_ACTIONS: 'true' }, 120],
    ['few capabilities', { TERM: 'dumb' }, 120],
  ])('with %s, a publish prints plain lines', async (_, env, columns) => {
    const world = await startWorld();
    const file = await writeBundle(world.folder, 'App.AppImage');
    const args = publishLinux('1.2.0', file);
    const { code, screen } = await runInTerminal(args, { ...world.env, ...env }, { columns });
    expect(code, screen).toBe(0);
    expect(screen).not.toMatch(LIVELY);
    expect(screen.split('\r\n').filter((line) => line.startsWith('linux-x86_64: '))).toEqual([
      'linux-x86_64: uploading App.AppImage (10 kB)',
      expect.stringMatching(/^linux-x86_64: uploaded App\.AppImage \(10 kB\) in /),
      'linux-x86_64: verified: served file matches',
    ]);
  });

  test('with unknown width, a publish does not redraw lines', async () => {
    const world = await startWorld();
    const file = await writeBundle(world.folder, 'App.AppImage');
    const { code, screen } = await runInTerminal(publishLinux('1.2.0', file), world.env, { columns: 0 });
    expect(code, screen).toBe(0);
    expect(screen.replace(new RegExp(COLOR, 'g'), '')).not.toMatch(LIVELY);
  });

  test.each<[string, Record<string, string>, boolean]>([
    ['has colours', {}, true],
    ['with NO_COLOR has none', { NO_COLOR: '1' }, false],
  ])('a publish redraws a line, and %s', async (_, env, colored) => {
    const world = await startWorld();
    const file = await writeBundle(world.folder, 'App.AppImage', Buffer.alloc(20_000_000));
    const { code, screen } = await runInTerminal(publishLinux('1.2.0', file), { ...world.env, ...env });
    expect(code, screen).toBe(0);
    expect(screen).toMatch(LIVELY);
    expect(COLOR.test(screen)).toBe(colored);
  });

  test.each<[string, Record<string, string>, boolean]>([
    ['has colours', {}, true],
    ['with NO_COLOR has none', { NO_COLOR: '1' }, false],
    ['in CI has none', { CI: 'true', GITLAB_CI: 'true' }, false],
    ['in CI with FORCE_COLOR has colours', { CI: 'true', FORCE_COLOR: '1' }, true],
  ])("serve's log %s", async (_, env, colored) => {
    const { dataDir, server } = await startWorld();
    await server.stop();
    const args = ['serve', '--port', '0', '--data-dir', dataDir];
    const { code, screen } = await runInTerminal(args, env, { stopAt: 'listening' });
    expect(code, screen).toBe(0);
    expect(COLOR.test(screen)).toBe(colored);
    expect(screen).toContain('stopped');
  });

  test.each<[string, Record<string, string>, boolean]>([
    ['have colours', {}, true],
    ['with NO_COLOR have none', { NO_COLOR: '1' }, false],
    ['in CI have none', { CI: 'true' }, false],
  ])('help and errors %s', async (_, env, colored) => {
    const help = await runInTerminal(['publish', '--help'], env);
    expect(help.screen).toContain('Release options:');
    expect(COLOR.test(help.screen)).toBe(colored);
    const error = await runInTerminal(['publish', 'slug', 'my-app'], env);
    expect(error.code).toBe(2);
    expect(error.screen).toContain('no server given');
    expect(COLOR.test(error.screen)).toBe(colored);
  });

  test('lists fit 80 columns without a broken word, and a pipe gets each row whole', async () => {
    const world = await startWorld();
    const file = await writeBundle(world.folder, 'App.AppImage');
    const ramp = ['--rollout', '10%', '--over', '3d', '--channel', 'a-channel-with-a-long-name'];
    expect((await world.run([...publishLinux('1.2.0', file), ...ramp])).code).toBe(0);
    const store = ['--data-dir', world.dataDir];
    const scopes = ['release:read', 'release:publish@beta,nightly', 'release:edit'];
    const token = ['tokens', 'create', '--name', 'a token with a long name', ...store];
    expect((await world.run([...token, ...scopes.flatMap((scope) => ['--scope', scope])])).code).toBe(0);
    const lists = [
      ['apps', 'list', ...store],
      ['apps', 'show', world.app.id, ...store],
      ['tokens', 'list', ...store],
      ['audit', ...store],
      ['releases', 'list'],
      ['releases', 'show', '1.2.0'],
    ];
    for (const list of lists) {
      const env = { ...world.env, NO_COLOR: '1' };
      const { code, screen } = await runInTerminal([...list, '--quiet'], env, { columns: 80 });
      expect(code, screen).toBe(0);
      const lines = screen.split('\r\n');
      expect(Math.max(...lines.map(({ length }) => length)), screen).toBeLessThanOrEqual(80);
      const { stdout } = await world.run([...list, '--quiet']);
      const wordsOnScreen = new Set(screen.split(/\s+/));
      const words = stdout.split(/\s+/).filter((word) => !wordsOnScreen.has(word));
      // The log cuts its lines on a terminal.
      if (list[0] === 'audit') expect(stdout).toMatch(/^.{81,}$/m);
      else expect(words).toEqual([]);
    }
  });

  test('errors, warnings and what goes on fit 80 columns without a broken word, and a pipe gets each line whole', async () => {
    const world = await startWorld();
    const file = await writeBundle(world.folder, 'App.AppImage');
    expect((await world.run(publishLinux('1.2.0', file))).code).toBe(0);
    const commands = [
      publishLinux('1.2.0', file),
      publishLinux('1.2.0', await writeBundle(world.folder, 'Other.AppImage')),
      ['publish', '--version', 'one', '--artifact', 'linux-x64=a', '--slug', 'x', '--concurrency', '100'],
      ['apps', 'list', '--data-dir', '/nowhere'],
      ['tokens', 'create', '--scope', 'all', '--data-dir', world.dataDir],
      [
        'check',
        '--slug',
        'another-app',
        '--target',
        'linux',
        '--arch',
        'x86_64',
        '--current-version',
        '1.0.0',
      ],
    ];
    for (const command of commands) {
      const env = { ...world.env, NO_COLOR: '1', CI: 'true' };
      const { screen } = await runInTerminal(command, env, { columns: 80 });
      const lines = screen.split('\r\n');
      const tooLong = lines.filter(
        (line) => line.length > 80 && / /.test(line.trim().replaceAll(/`[^`]*`/g, '')),
      );
      expect(tooLong, screen).toEqual([]);
      const { stdout, stderr } = await run(command, { env: world.env });
      const onScreen = new Set(screen.split(/\s+/));
      const words = `${stdout} ${stderr}`.split(/\s+/).filter((word) => !onScreen.has(word));
      expect(
        words.filter((word) => !/\d/.test(word)),
        screen,
      ).toEqual([]);
      if (command === commands[2]) expect(stderr).toMatch(/^.{81,}$/m);
    }
  });

  test('help fits the width of the terminal', async () => {
    const { screen } = await runInTerminal(['publish', '--help'], { NO_COLOR: '1' }, { columns: 90 });
    expect(screen).toContain('--artifact <platform=file>');
    const longest = Math.max(...screen.split('\r\n').map(({ length }) => length));
    expect(longest).toBeGreaterThan(80);
    expect(longest).toBeLessThanOrEqual(90);
  });
});

describe.skipIf(!hasScript)('the question of storage claim (needs script of util-linux)', () => {
  test.each([
    ['Ctrl-C', CTRL_C, 130],
    ['Ctrl-D', CTRL_D, 130],
    ['no', 'n\n', 130],
    ['yes', 'y\n', 0],
  ])('answered with %s', async (_, keys, expected) => {
    const dataDir = join(await tempFolder(), 'data');
    await fillStore(dataDir, [1000]);
    const args = ['storage', 'claim', '--data-dir', dataDir, '--quiet'];
    const { code, screen } = await runInTerminal(args, {}, { stopAt: '[y/N]', keys });
    expect(code, screen).toBe(expected);
    expect(screen).toContain(`The files in ${dataDir} belong to `);
    expect(screen).toContain(code === 0 ? 'now belong to this database' : 'nothing was changed');
    expect(screen).not.toContain('bug');
  });
});

describe.skipIf(!hasScript)('questions (need script of util-linux)', () => {
  test.each([
    ['Ctrl-C', CTRL_C, 130],
    ['Ctrl-D', CTRL_D, 130],
    ['nothing', '\n', 130],
    ['yes', 'y\n', 0],
  ])('releases delete is answered with %s', async (_, keys, expected) => {
    const world = await startWorld();
    const file = await writeBundle(world.folder, 'App.AppImage');
    expect((await world.run(publishLinux('1.2.0', file))).code).toBe(0);
    const args = ['releases', 'delete', '1.2.0'];
    const { code, screen } = await runInTerminal(args, world.env, { stopAt: '[y/N]', keys });
    expect(code, screen).toBe(expected);
    expect(screen).toContain('This deletes 1.2.0 (published) with 1 file');
    expect(screen).toContain(code === 0 ? 'Deleted 1.2.0' : 'nothing was deleted');
    const { document } = await world.runJson(['releases', 'list']);
    expect(document).toHaveLength(code === 0 ? 0 : 1);
  });

  test('releases delete does not ask with --yes', async () => {
    const world = await startWorld();
    const file = await writeBundle(world.folder, 'App.AppImage');
    expect((await world.run(publishLinux('1.2.0', file))).code).toBe(0);
    const { code, screen } = await runInTerminal(['releases', 'delete', '1.2.0', '--yes'], world.env);
    expect(code, screen).toBe(0);
    expect(screen).not.toContain('[y/N]');
  });

  test('login asks for the token, never shows it, and keeps it', async () => {
    const { app, server, folder } = await startWorld();
    const env = { XDG_CONFIG_HOME: folder, SYNCKIT_OTA_SERVER: server.url, SYNCKIT_OTA_APP: app.id };
    const typed = { stopAt: '(not shown): ', keys: `${app.token}\r` };
    const { code, screen } = await runInTerminal(['login'], env, typed);
    expect(code, screen).toBe(0);
    expect(screen).toContain('is kept in');
    expect(screen).not.toContain(app.token.slice(0, 8));
    const listed = await runInTerminal(['releases', 'list'], env);
    expect(listed.code, listed.screen).toBe(0);
    const refused = await runInTerminal(['login'], env, { stopAt: '(not shown): ', keys: CTRL_C });
    expect(refused.code).toBe(130);
    expect(refused.screen).toContain('no token is kept');
  });

  test('init asks before each file', async () => {
    const project = await copyProject({ plugins: {}, bundle: { active: true } });
    const args = ['init', '--project', project, '--server', 'https://ota.example'];
    const { code, screen } = await runInTerminal(args, {}, { stopAt: '[y/N]', keys: ['y\n', 'n\n', 'y\n'] });
    expect(code, screen).toBe(0);
    expect(screen.match(/Write .*\? \[y\/N\]/g)).toHaveLength(3);
    expect(screen.match(/^written /gm)).toHaveLength(2);
    expect(screen.match(/^skipped /gm)).toHaveLength(1);
  });
});

describe('without a terminal', () => {
  test('no output has colours', async () => {
    const help = await run(['publish', '--help']);
    const error = await run(['publish', 'slug', 'my-app']);
    expect(help.stdout + error.stdout + error.stderr).not.toMatch(COLOR);
  });

  test('FORCE_COLOR gives colours to help and errors, but not to JSON', async () => {
    const env = { FORCE_COLOR: '1' };
    expect((await run(['publish', '--help'], { env })).stdout).toMatch(COLOR);
    const { stdout, stderr } = await run(['publish', 'slug', 'my-app', '--json'], { env });
    expect(stderr).toMatch(COLOR);
    expect(stdout).not.toMatch(COLOR);
    expect(JSON.parse(stdout)).toMatchObject({ error: { code: 'usage' } });
  });

  test('FORCE_COLOR gives no colours to the commands of a GitHub workflow', async () => {
    const env = { FORCE_COLOR: '1', GITHUB_ACTIONS: 'true' };
    const { stderr } = await run(['publish', 'slug', 'my-app'], { env });
    expect(stderr).toMatch(/^::error /m);
    expect(stderr).not.toMatch(COLOR);
  });
});

describeOnPostgres('on a terminal (needs script of util-linux), copy', () => {
  const postgres = usePostgres();

  test.skipIf(!hasScript)('shows progress in a redrawn line, and each file with --verbose', async () => {
    const dataDir = join(await tempFolder(), 'data');
    await fillStore(dataDir, [9_000_000, 1000]);
    const env = { SYNCKIT_OTA_DATABASE: await postgres.server.createDatabase() };
    const args = copyArgs(dataDir, await fakeS3Place());
    const { code, screen } = await runInTerminal([...args, '--verbose'], env);
    expect(code, screen).toBe(0);
    expect(screen).toMatch(LIVELY);
    expect(screen).toMatch(/100% {2}9 MB of 9 MB {2}.*\/s {2}0:00 left/);
    expect(screen).toContain('my-app 1.1.0 linux-x86_64: sent and read back (1 kB)');
    const quiet = await runInTerminal([...args, '--quiet'], env);
    expect(quiet.screen).not.toMatch(LIVELY);
    expect(quiet.screen).toMatch(/^Everything is already in the database /);
  });
});
