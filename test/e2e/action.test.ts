import { execFile } from 'node:child_process';
import { chmod, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { packageVersion } from '../../src/cli/package-version.ts';
import { environmentOf, readAction, stepOf } from '../support/docs/action-file.ts';
import { commandsIn, startStep } from '../support/docs/github-runner.ts';
import { BINARY, type Finished } from '../support/process/binary.ts';
import { tempFolder } from '../support/process/temp-folder.ts';
import { startWorld, writeBundle } from '../support/publish/world.ts';

const action = await readAction();

interface Run {
  readonly inputs?: Readonly<Record<string, string>>;
  readonly env?: Readonly<Record<string, string>>;
  /** A bash script in place of npx; without it there is none. */
  readonly npx?: string;
}

/** Runs the action's script in a folder, as the runner does: in a file, with the flags of `shell: bash`. */
async function runAction(folder: string, { inputs = {}, env = {}, npx }: Run): Promise<Finished> {
  const [tools, script] = [join(folder, 'tools'), join(folder, 'script.sh')];
  await mkdir(tools, { recursive: true });
  await writeFile(script, stepOf(action).run);
  if (npx !== undefined) {
    await writeFile(join(tools, 'npx'), npx);
    await chmod(join(tools, 'npx'), 0o755);
  }
  const path = npx === undefined ? [tools] : [tools, '/usr/bin', '/bin'];
  const environment = { PATH: path.join(delimiter), ...environmentOf(action, inputs), ...env };
  return new Promise((resolve) => {
    execFile(
      '/bin/bash',
      ['--noprofile', '--norc', '-e', '-o', 'pipefail', script],
      { cwd: folder, env: environment },
      (error, stdout, stderr) => resolve({ code: error ? Number(error.code) : 0, stdout, stderr }),
    );
  });
}

/** Records its arguments and the token. */
const RECORDER = `#!/bin/bash
printf '%s\\0' "$@" > called
printf '%s' "$SYNCKIT_OTA_TOKEN" > token
env > environment
exit "\${EXIT_WITH:-0}"
`;

/** The arguments of npx; undefined if it was not called. */
async function calledWith(folder: string): Promise<string[] | undefined> {
  const text = await readFile(join(folder, 'called'), 'utf8').catch(() => undefined);
  return text?.split('\0').slice(0, -1);
}

const CALL = ['--yes', `synckit-ota@${packageVersion()}`, 'publish'];

const HOSTILE = [
  'with spaces  and\ttabs',
  '"double" \'single\' `touch pwned`',
  '$(touch pwned)',
  `\${IFS}$HOME$((1+1))`,
  '; touch pwned #',
  '"; touch pwned; "',
  '* ? [a-z] ~ {a,b}',
  '\\n \\ \\" \\',
  '--draft',
  '-n',
  'line\n$(touch pwned)\nline',
  '%0A::error::x',
  `{{ inputs.token }} \${{ secrets.X }}`,
  'ünï→',
];

describe('the script of the action', () => {
  const single = Object.keys(action.inputs).filter(
    (name) => !['token', 'draft', 'dry-run', 'allow-prerelease', 'artifacts', 'args'].includes(name),
  );

  test.each(HOSTILE)('passes every input on unchanged: %j', async (value) => {
    const folder = await tempFolder();
    const inputs = Object.fromEntries([...single, 'token'].map((name) => [name, value]));
    expect(await runAction(folder, { inputs, npx: RECORDER })).toEqual({ code: 0, stdout: '', stderr: '' });
    expect(await calledWith(folder)).toEqual([...CALL, ...single.map((name) => `--${name}=${value}`)]);
    expect(await readFile(join(folder, 'token'), 'utf8')).toBe(value);
    expect(await readdir(folder)).not.toContain('pwned');
  });

  test.each(HOSTILE.filter((value) => !value.includes('\n')))(
    'passes lists on line by line, each line unchanged: %j',
    async (value) => {
      const folder = await tempFolder();
      const inputs = {
        artifacts: `linux-x86_64=${value}\r\n\n  darwin-universal=b  \n`,
        args: `\n${value}\n--b`,
      };
      expect(await runAction(folder, { inputs, npx: RECORDER })).toMatchObject({ code: 0 });
      expect(await calledWith(folder)).toEqual([
        ...CALL,
        `--artifact=linux-x86_64=${value}`,
        '--artifact=darwin-universal=b',
        value,
        '--b',
      ]);
      expect(await readdir(folder)).not.toContain('pwned');
    },
  );

  test('passes only the inputs that are set', async () => {
    const folder = await tempFolder();
    const env = { SYNCKIT_OTA_TOKEN: 'from-the-job' };
    expect(await runAction(folder, { env, npx: RECORDER })).toMatchObject({ code: 0 });
    expect(await calledWith(folder)).toEqual(CALL);
    expect(await readFile(join(folder, 'token'), 'utf8')).toBe('from-the-job');
  });

  test('has the token in one variable only', async () => {
    const folder = await tempFolder();
    await runAction(folder, { inputs: { token: 'sko_canary' }, npx: RECORDER });
    expect((await calledWith(folder))?.join(' ')).not.toContain('sko_canary');
    const environment = await readFile(join(folder, 'environment'), 'utf8');
    expect(environment.match(/^.*sko_canary.*$/gm)).toEqual(['SYNCKIT_OTA_TOKEN=sko_canary']);
  });

  test.each(['draft', 'dry-run', 'allow-prerelease'])('accepts only true and false for %s', async (name) => {
    const folder = await tempFolder();
    await runAction(folder, { inputs: { [name]: 'true' }, npx: RECORDER });
    expect(await calledWith(folder)).toEqual([...CALL, `--${name}`]);
    await runAction(folder, { inputs: { [name]: 'false' }, npx: RECORDER });
    expect(await calledWith(folder)).toEqual(CALL);
    const other = await tempFolder();
    const refused = await runAction(other, { inputs: { [name]: 'yes\n::error::x' }, npx: RECORDER });
    expect(refused.code).toBe(2);
    expect(commandsIn(refused.stderr)).toMatchObject([
      { name: 'error', message: `The input ${name} must be true or false.` },
    ]);
    expect(await calledWith(other)).toBeUndefined();
  });

  test('fails if the command fails', async () => {
    const env = { EXIT_WITH: '7' };
    expect(await runAction(await tempFolder(), { env, npx: RECORDER })).toMatchObject({ code: 7 });
  });

  test('says what is missing if Node is not installed', async () => {
    const { code, stderr } = await runAction(await tempFolder(), {});
    expect(code).toBe(2);
    expect(commandsIn(stderr)).toMatchObject([
      { name: 'error', message: expect.stringContaining('setup-node') },
    ]);
  });
});

test('publishes, and its step has the outputs', async () => {
  const world = await startWorld();
  const file = await writeBundle(world.folder, 'My "App" $(1).AppImage');
  const step = await startStep(world.folder);
  const npx = `#!/bin/bash
[ "$1 $2" = "--yes synckit-ota@${packageVersion()}" ] || exit 99
shift 2
exec '${process.execPath}' '${BINARY}' "$@"
`;
  const inputs = {
    server: world.server.url,
    app: world.app.id,
    token: world.app.token,
    version: 'v1.2.0',
    slug: 'my-app',
    expect: 'linux-x86_64',
    artifacts: `linux-x86_64=${file}\n`,
    args: '--notes=It is\n--allow-lower',
  };
  const published = await runAction(world.folder, { inputs, env: step.env, npx });
  expect(published.code, published.stderr).toBe(0);
  const outputs = await step.outputs();
  expect(Object.keys(outputs).toSorted()).toEqual(Object.keys(action.outputs).toSorted());
  expect(outputs).toMatchObject({ version: '1.2.0', status: 'published' });
  expect(await step.summary()).toContain('My "App" &#36;(1).AppImage');
  const [release] = (await world.runJson(['releases', 'list'])).document;
  expect(release).toMatchObject({ id: outputs['release-id'], notes: 'It is', status: 'published' });
});
