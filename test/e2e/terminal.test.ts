import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { describeOnPostgres, usePostgres } from '../support/postgres/postgres.ts';
import { BINARY } from '../support/process/binary.ts';
import { tempFolder } from '../support/process/temp-folder.ts';
import { publishLinux, startWorld, writeBundle } from '../support/publish/world.ts';
import { fakeS3Place } from '../support/s3/s3-place.ts';
import { copyArgs, fillStore } from '../support/server/small-store.ts';

const CTRL_C = '\u0003';
/** What a good terminal says of itself, so that whoever wants to colour and move would. */
const TERMINAL = { TERM: 'xterm-256color', COLORTERM: 'truecolor', CI: '', GITHUB_ACTIONS: '' };
// biome-ignore lint/suspicious/noControlCharactersInRegex: what colours, moves, or goes back in a line
const LIVELY = /\u001b|\r(?!\n)|\u0008/;

const hasScript = (() => {
  try {
    return process.platform === 'linux' && execFileSync('script', ['--version']).includes('util-linux');
  } catch {
    return false;
  }
})();

/** Runs the binary in a pseudo-terminal, until it ends or has said what stops it. @returns all that was on the screen */
async function runInTerminal(
  args: readonly string[],
  env: Readonly<Record<string, string>>,
  { columns = 120, stopAt }: { columns?: number; stopAt?: string } = {},
): Promise<{ code: number | null; screen: string }> {
  const words = [process.execPath, BINARY, ...args].map((word) => `'${word.replaceAll("'", "'\\''")}'`);
  const command = `stty cols ${columns} && exec ${words.join(' ')}`;
  const child = spawn('script', ['--quiet', '--return', '--command', command, '/dev/null'], {
    env: { ...process.env, ...TERMINAL, ...env },
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  let screen = '';
  let stopped = false;
  child.stdout.setEncoding('utf8').on('data', (text) => {
    screen += text;
    if (stopped || stopAt === undefined || !screen.includes(stopAt)) return;
    stopped = true;
    child.stdin.write(CTRL_C);
  });
  const [code] = await once(child, 'close');
  return { code, screen };
}

describe.skipIf(!hasScript)('on a terminal (needs script of util-linux)', () => {
  test.each<[string, Record<string, string>, number]>([
    ['GitLab', { CI: 'true', GITLAB_CI: 'true' }, 120],
    ['any CI', { CI: 'true' }, 120],
    ['GitHub', { GITHUB_ACTIONS: 'true' }, 120],
    ['little skill', { TERM: 'dumb' }, 120],
    ['unknown width', {}, 0],
  ])('of %s, a publish prints plain lines', async (_, env, columns) => {
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

  test('of a person, it moves', async () => {
    const world = await startWorld();
    const file = await writeBundle(world.folder, 'App.AppImage');
    const { code, screen } = await runInTerminal(publishLinux('1.2.0', file), world.env);
    expect(code, screen).toBe(0);
    expect(screen).toMatch(LIVELY);
  });

  test.each([
    ['plain in CI', { CI: 'true', GITLAB_CI: 'true' }, false],
    ['coloured for a person', {}, true],
  ])("serve's log is %s", async (_, env, lively) => {
    const { dataDir, server } = await startWorld();
    await server.stop();
    const args = ['serve', '--port', '0', '--data-dir', dataDir];
    const { code, screen } = await runInTerminal(args, env, { stopAt: 'listening' });
    expect(code, screen).toBe(0);
    expect(LIVELY.test(screen)).toBe(lively);
    expect(screen).toContain('stopped');
  });
});

describeOnPostgres('on a terminal (needs script of util-linux), copy', () => {
  const postgres = usePostgres();

  test.skipIf(!hasScript)(
    'shows how far it is in a line that moves, and with --verbose each file',
    async () => {
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
    },
  );
});
