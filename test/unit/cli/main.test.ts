import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { main } from '../../../src/cli/main.ts';
import { packageVersion } from '../../../src/cli/package-version.ts';
import { captureOutput } from '../../support/process/captured-output.ts';

const written = captureOutput();

beforeEach(() => {
  for (const name of Object.keys(process.env).filter((key) => key.startsWith('SYNCKIT_OTA_'))) {
    vi.stubEnv(name, undefined);
  }
});
afterEach(() => {
  vi.unstubAllEnvs();
});

/** Outside of any CI. */
const run = (...args: string[]) => main(['node', 'synckit-ota', ...args], {});

const COMMANDS = [
  'publish',
  'publish slug',
  'publish release',
  'publish artifact',
  'publish finish',
  'releases list',
  'releases show',
  'releases delete',
  'releases yank',
  'releases restore',
  'check',
  'dev',
  'copy',
  'serve',
  'apps create',
  'apps list',
  'tokens create',
  'tokens list',
  'tokens revoke',
];
const REMOTE = COMMANDS.filter((name) => /^(publish|releases)/.test(name));
const STORE = COMMANDS.filter((name) => /^(apps|tokens|serve)/.test(name));

/** What a command needs besides options. */
function argumentsOf(command: string): string[] {
  if (command === 'publish slug') return ['my-app'];
  if (command === 'publish artifact') return ['a.bin'];
  return /show|delete|yank|restore/.test(command) ? ['1.2.0'] : [];
}

/** Help is broken into lines by the terminal's width. */
function unwrapped(text: string): string {
  return text.replace(/\s+/g, ' ');
}

describe('the command line', () => {
  test('prints its version', async () => {
    expect(await run('--version')).toBe(0);
    expect(written).toEqual({ stdout: `${packageVersion()}\n`, stderr: '' });
  });

  describe.each(['', 'releases', 'apps', 'tokens', ...COMMANDS])('synckit-ota %s --help', (command) => {
    const help = async () => {
      expect(await run(...command.split(' ').filter(Boolean), '--help')).toBe(0);
      expect(written.stderr).toBe('');
      return written.stdout;
    };

    test('shows how the command is called', async () => {
      expect(await help()).toContain(`Usage: ${`synckit-ota ${command}`.trim()} `);
    });

    test('fits 80 columns', async () => {
      for (const line of (await help()).split('\n')) expect(line.length, line).toBeLessThanOrEqual(80);
    });

    test('puts every option into a named group', async () => {
      expect(await help()).not.toMatch(/^Options:$/m);
    });

    test('has two to four examples', async () => {
      const [, examples = ''] = (await help()).split('\nExamples:\n');
      const calls = examples.match(/^ {2}\$ synckit-ota .*$/gm) ?? [];
      expect(calls.length).toBeGreaterThanOrEqual(2);
      expect(calls.length).toBeLessThanOrEqual(4);
    });

    test('has no colours if the output has none', async () => {
      expect(await help()).not.toContain('\u001b');
    });
  });

  test.each([...REMOTE, 'check', 'tokens create', 'copy'])(
    '%s --help marks every option that is required',
    async (command) => {
      await run(...command.split(' '), ...argumentsOf(command));
      const missing = new Set(
        written.stderr.match(
          /--[a-z-]+(?= (?:is missing|URL|ID|PATH|DIR|X\.Y\.Z|with its id|postgres:|s3:)|$)/gm,
        ),
      );
      expect(missing.size, written.stderr).toBeGreaterThan(0);
      missing.delete('--token-file'); // a CI job that the app trusts needs none
      written.stdout = '';
      await run(...command.split(' '), '--help');
      const text = unwrapped(written.stdout);
      for (const option of missing)
        expect(text).toMatch(new RegExp(`${option} <[^>]*> (?:(?! --).)*\\brequired\\b`));
    },
  );

  test.each([
    ...REMOTE.flatMap((name) => ['SERVER', 'APP', 'TOKEN'].map((variable) => [name, variable])),
    ['check', 'SERVER'],
    ...STORE.map((name) => [name, 'DATA']),
    ['serve', 'PUBLIC_URL'],
    ['tokens create', 'APP'],
    ['tokens list', 'APP'],
  ])('%s --help names SYNCKIT_OTA_%s', async (command = '', variable) => {
    await run(...command.split(' '), '--help');
    expect(unwrapped(written.stdout)).toMatch(new RegExp(`env: SYNCKIT_OTA_${variable}\\b`));
  });

  test.each(REMOTE)('%s --help says how to keep the token out of process lists', async (command) => {
    await run(...command.split(' '), '--help');
    expect(unwrapped(written.stdout)).toMatch(/--token-file <path>.*keeps? it out of process lists/);
  });
});

describe('a wrong command line exits with 2, in one sentence', () => {
  test.each([
    ['no command', [], /no command given/],
    ['an unknown command', ['pubish'], /unknown command 'pubish'.*publish/s],
    ['an unknown subcommand', ['releases', 'lst'], /unknown command 'lst'.*list/s],
    ['an unknown subcommand of publish', ['publish', 'releese'], /unknown command 'releese'.*mean release/s],
    ['help on an unknown command', ['help', 'frob'], /unknown command 'frob'/],
    ['help on an unknown subcommand', ['releases', 'help', 'lst'], /unknown command 'lst'.*mean list/s],
    ['an unknown option', ['publish', '--sever', 'x'], /unknown option '--sever'.*--server/s],
    ['an option without its value', ['publish', '--version'], /'--version <version>' argument missing/],
    ['a missing argument', ['publish', 'slug'], /missing required argument 'slug'/],
    ['an argument too many', ['check', 'x'], /too many arguments/],
    ['a choice that is none', ['serve', '--log-format', 'xml'], /'xml' is invalid.*pretty, json/s],
    ['a scope that is none', ['tokens', 'create', '--scope', 'all'], /'all' is invalid.*release:read/s],
    ['a misspelt scope', ['tokens', 'create', '--scope', 'release:pubish'], /Did you mean release:publish\?/],
    ['half a scope', ['tokens', 'create', '--scope', 'yank@beta'], /Did you mean release:yank@beta\?/],
  ])('%s', async (_, args, words) => {
    expect(await run(...args)).toBe(2);
    expect(written.stdout).toBe('');
    expect(written.stderr).toMatch(words);
    expect(written.stderr.match(/^error: /gm)).toHaveLength(1);
    expect(written.stderr).not.toContain('    at ');
  });

  test.each<[string, string[]]>([
    ...[...REMOTE, 'check', 'tokens create'].map((command): [string, string[]] => [
      command,
      argumentsOf(command),
    ]),
    ['an unknown option', ['publish', '--sever', 'x']],
    ['an unknown command', ['pubish']],
    ['no command', []],
    ['a missing argument', ['publish', 'slug']],
    ['a name that is empty', ['apps', 'create', '']],
  ])('as exactly one JSON document with --json: %s', async (command, args) => {
    const words = COMMANDS.includes(command) ? [...command.split(' '), ...args] : args;
    expect(await run(...words, '--json')).toBe(2);
    expect(written.stdout).toMatch(/^\{.*\}\n$/);
    expect(JSON.parse(written.stdout)).toEqual({
      error: {
        code: 'usage',
        message: expect.any(String),
        hint: expect.toSatisfy((hint: unknown) => hint === null || typeof hint === 'string'),
        retryable: false,
      },
    });
  });

  test('with all errors together', async () => {
    expect(
      await run('publish', '--concurrency', '0', '--artifact', 'x', '--slug', 'A', '--version', '1'),
    ).toBe(2);
    for (const name of [
      '--concurrency',
      '--artifact',
      'slug',
      '--version',
      '--server',
      '--app',
      '--token-file',
    ]) {
      expect(written.stderr).toContain(name);
    }
    expect(written.stderr).toContain('error: 7 problems:');
  });
});

describe('the environment', () => {
  test.each(REMOTE)('ignores empty variables: %s', async (command) => {
    for (const name of ['SERVER', 'APP', 'TOKEN']) vi.stubEnv(`SYNCKIT_OTA_${name}`, '');
    expect(await run(...command.split(' '), ...argumentsOf(command))).toBe(2);
    for (const words of ['no server given', 'no app given', 'no token given']) {
      expect(written.stderr).toContain(words);
    }
  });

  test.each(REMOTE)('gives options that are not on the command line: %s', async (command) => {
    vi.stubEnv('SYNCKIT_OTA_SERVER', 'ftp://from-environment');
    vi.stubEnv('SYNCKIT_OTA_APP', 'a1');
    vi.stubEnv('SYNCKIT_OTA_TOKEN', 't');
    expect(await run(...command.split(' '), ...argumentsOf(command))).toBe(2);
    expect(written.stderr).toContain('--server ftp://from-environment is not an http(s) URL');
    expect(written.stderr).not.toMatch(/no app|no token/);
  });

  test.each(REMOTE)('yields to the command line: %s', async (command) => {
    vi.stubEnv('SYNCKIT_OTA_SERVER', 'https://from-environment.invalid');
    const args = [...command.split(' '), ...argumentsOf(command), '--server', 'ftp://from-flag'];
    expect(await run(...args)).toBe(2);
    expect(written.stderr).toContain('--server ftp://from-flag is not an http(s) URL');
  });
});
