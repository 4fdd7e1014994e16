import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, test } from 'vitest';
import { run } from '../support/process/binary.ts';
import { isInstalled } from '../support/process/is-installed.ts';

const exec = promisify(execFile);
let script: string;

beforeAll(async () => {
  script = (await run(['completion', 'bash'])).stdout;
});

/** What a real bash offers for a line, with the cursor at its end. */
async function complete(line: string): Promise<string[]> {
  const words = line.split(' ');
  const program = [
    script,
    `COMP_WORDS=(${words.map((word) => `'${word}'`).join(' ')})`,
    `COMP_CWORD=${words.length - 1}`,
    '_synckit_ota',
    // biome-ignore lint/suspicious/noTemplateCurlyInString: it is bash's
    'printf "%s\\n" "${COMPREPLY[@]}"',
  ];
  const { stdout } = await exec('bash', ['--norc', '-u', '-c', program.join('\n')]);
  return stdout.split('\n').filter((word) => word !== '');
}

describe('bash completes', () => {
  test.each([
    ['synckit-ota pub', ['publish']],
    ['synckit-ota publish s', ['slug']],
    ['synckit-ota completion ', ['bash', 'zsh', 'fish']],
    ['synckit-ota --json', []],
    ['synckit-ota publish --rollb', ['--rollback-on-failure']],
    ['synckit-ota publish --version 1.2.0 --dry', ['--dry-run']],
    ['synckit-ota serve --log-format ', ['pretty', 'json']],
    ['synckit-ota publish --notes-file ', []], // files, as bash does by itself
    ['synckit-ota releases yank --json --qu', ['--quiet']],
    ['synckit-ota publish --channel release --expec', ['--expect']], // the value is no command
    ['synckit-ota serve --log-format = js', ['json']], // as bash takes --log-format=js apart
    ['synckit-ota serve --log-format =', ['pretty', 'json']],
    ['synckit-ota help rele', ['releases']],
  ])('%s', async (line, words) => {
    expect(await complete(line)).toEqual(words);
  });
});

test.each(['zsh', 'fish'].filter(isInstalled))('%s accepts its script', async (shell) => {
  const { stdout } = await run(['completion', shell]);
  await exec(shell, shell === 'fish' ? ['--no-execute', '-c', stdout] : ['-n', '-c', stdout]);
});

test('another shell is refused, with those that there are', async () => {
  const { code, stderr } = await run(['completion', 'tcsh']);
  expect(code).toBe(2);
  expect(stderr).toContain('bash, zsh, fish');
});
