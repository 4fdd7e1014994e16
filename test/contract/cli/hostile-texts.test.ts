import { describe, expect, test } from 'vitest';
import { startStep } from '../../support/docs/github-runner.ts';
import { startHostileServer, type TextPlace, textPlaces } from '../../support/network/hostile-server.ts';
import { expectHarmless, expectHarmlessRun, HOSTILE } from '../../support/process/hostile-text.ts';
import { runInProcess } from '../../support/process/in-process.ts';
import { tempFolder } from '../../support/process/temp-folder.ts';
import { checkLinux, publishLinux, writeBundle } from '../../support/publish/world.ts';

const PLACES = textPlaces();

async function commandsOf(folder: string): Promise<string[][]> {
  const file = await writeBundle(folder, 'App.AppImage');
  return [
    ['releases', 'list'],
    ['releases', 'show', '1.2.0'],
    ['releases', 'edit', '1.2.0', '--notes', 'x'],
    ['releases', 'yank', '1.2.0'],
    ['releases', 'restore', '1.2.0'],
    ['releases', 'delete', '1.2.0'],
    ['publish', 'slug', 'my-app'],
    ['publish', 'release', '--version', '1.2.0'],
    ['publish', 'finish', '--release', '1.2.0'],
    publishLinux('1.3.0', file, '--dry-run'),
    checkLinux('1.1.0'),
    checkLinux('1.1.0', '--download'),
  ];
}

/** Runs a command against a server, with every kind of output. */
async function runInEachMode(args: readonly string[], server: URL, mode: number): Promise<void> {
  const folder = await tempFolder();
  const step = await startStep(folder);
  const own = { SYNCKIT_OTA_SERVER: server.href, SYNCKIT_OTA_APP: 'a1', SYNCKIT_OTA_TOKEN: 'opaque' };
  const modes = [
    { args: ['--wait', '0', '--verbose'], env: { FORCE_COLOR: '1' } },
    { args: ['--wait', '0', '--json'], env: {} },
    { args: ['--wait', '0'], env: step.env },
  ];
  const chosen = modes[mode % modes.length] ?? { args: [], env: {} };
  const flags = args[0] === 'check' ? chosen.args.slice(2) : chosen.args;
  const finished = await runInProcess([...args, ...flags], { env: { ...own, ...chosen.env }, cwd: folder });
  const what = `${args.join(' ')} ${flags.join(' ')}`;
  expect(finished.code, finished.stderr).not.toBe(1);
  expectHarmlessRun(finished, what, 'GITHUB_ACTIONS' in chosen.env);
  if (flags.includes('--json')) JSON.parse(finished.stdout);
  expectHarmless(await step.summary(), `${what}: the summary`);
  for (const value of Object.values(await step.outputs())) expect(value, what).not.toContain('\n');
}

describe('attack M4: no text of a server commands a terminal or a workflow, or forges a line of this program', () => {
  test.each(PLACES.map((place) => [`${place.route} ${place.path.join('.')}`, place] as const))(
    '%s',
    async (_, place) => {
      const server = await startHostileServer(HOSTILE, [place], place.route === 'problem');
      const commands = await commandsOf(await tempFolder());
      for (const [index, args] of commands.entries())
        await runInEachMode(args, server, index + PLACES.indexOf(place));
    },
  );

  const free = new Set(['notes', 'name', 'status', 'pub_date', 'created_at', 'job', 'file_name']);
  const lax = PLACES.filter(({ path }) => free.has(String(path.at(-1))) || path.includes('expect'));
  test.each<[string, readonly TextPlace[]]>([
    ['in every text at once', PLACES],
    ['in every text that this program does not check', lax],
  ])('%s', async (_, places) => {
    const server = await startHostileServer(HOSTILE, places);
    const commands = await commandsOf(await tempFolder());
    for (const args of commands) for (const mode of [0, 1, 2]) await runInEachMode(args, server, mode);
  });
});
