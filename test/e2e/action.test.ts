import { execFile } from 'node:child_process';
import { copyFile, mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import { environmentOf, readAction, stepOf } from '../support/docs/action-file.ts';
import { commandsIn, startStep } from '../support/docs/github-runner.ts';
import { BINARY, type Finished } from '../support/process/binary.ts';
import { tempFolder } from '../support/process/temp-folder.ts';
import { startWorld, writeBundle } from '../support/publish/world.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const action = await readAction();

interface Run {
  readonly step?: 'build' | 'publish';
  readonly inputs?: Readonly<Record<string, string>>;
  readonly env?: Readonly<Record<string, string>>;
  /** The program in the folder of the action; by default one that records how it is called. */
  readonly program?: string;
  /** Bash scripts in place of commands, by name. */
  readonly tools?: Readonly<Record<string, string>>;
  readonly hasNode?: boolean;
}

/** Runs a step's script in a folder, as the runner does: in a file, with the flags of `shell: bash`. */
async function runAction(folder: string, options: Run): Promise<Finished> {
  const { step = 'publish', inputs = {}, env = {}, program = RECORDER, tools = {}, hasNode = true } = options;
  const [bin, own, script] = [join(folder, 'tools'), join(folder, 'action'), join(folder, 'script.sh')];
  await mkdir(bin, { recursive: true });
  await mkdir(join(own, 'bin'), { recursive: true });
  await writeFile(join(own, 'package.json'), '{"type":"module"}', { flag: 'wx' }).catch(() => {}); // one may be there
  await writeFile(join(own, 'bin', 'synckit-ota.js'), program);
  await writeFile(script, stepOf(action, step).run);
  if (hasNode) await symlink(process.execPath, join(bin, 'node')).catch(() => {});
  for (const [name, text] of Object.entries(tools)) await writeFile(join(bin, name), text, { mode: 0o755 });
  const path = hasNode ? [bin, '/usr/bin', '/bin'] : [bin];
  const environment = { PATH: path.join(delimiter), ...environmentOf(action, inputs), ...env };
  return new Promise((resolve) => {
    execFile(
      '/bin/bash',
      ['--noprofile', '--norc', '-e', '-o', 'pipefail', script],
      { cwd: folder, env: { GITHUB_ACTION_PATH: own, ...environment } },
      (error, stdout, stderr) => resolve({ code: error ? Number(error.code) : 0, stdout, stderr }),
    );
  });
}

/** Records its arguments and its environment. */
const RECORDER = `
import { writeFileSync } from 'node:fs';
writeFileSync('called', process.argv.slice(2).map((word) => word + '\\0').join(''));
writeFileSync('token', process.env.SYNCKIT_OTA_TOKEN ?? '');
writeFileSync('environment', Object.entries(process.env).map((pair) => pair.join('=')).join('\\n'));
process.exitCode = Number(process.env.EXIT_WITH ?? 0);
`;

/** The program's arguments; undefined if it was not called. */
async function calledWith(folder: string): Promise<string[] | undefined> {
  const text = await readFile(join(folder, 'called'), 'utf8').catch(() => undefined);
  return text?.split('\0').slice(0, -1);
}

const CALL = ['publish'];

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

const FLAGS = ['draft', 'dry-run', 'allow-prerelease', 'attest'];

/** Inputs that become variables of the program, so that no process list shows them. */
const SECRET: Readonly<Record<string, string>> = {
  token: 'SYNCKIT_OTA_TOKEN',
  'manifest-key': 'SYNCKIT_OTA_MANIFEST_KEY',
  'manifest-key-password': 'SYNCKIT_OTA_MANIFEST_KEY_PASSWORD',
};

describe('the script of the action', () => {
  const single = Object.keys(action.inputs).filter(
    (name) => !(name in SECRET) && !FLAGS.includes(name) && !['artifacts', 'args'].includes(name),
  );

  test.each(HOSTILE)('passes every input on unchanged: %j', async (value) => {
    const folder = await tempFolder();
    const inputs = Object.fromEntries([...single, 'token'].map((name) => [name, value]));
    expect(await runAction(folder, { inputs })).toEqual({ code: 0, stdout: '', stderr: '' });
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
      expect(await runAction(folder, { inputs })).toMatchObject({ code: 0 });
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
    expect(await runAction(folder, { env })).toMatchObject({ code: 0 });
    expect(await calledWith(folder)).toEqual(CALL);
    expect(await readFile(join(folder, 'token'), 'utf8')).toBe('from-the-job');
  });

  test.each(Object.entries(SECRET))('has the secret %s in one variable only, %s', async (name, variable) => {
    const folder = await tempFolder();
    await runAction(folder, { inputs: { [name]: 'sko_canary' } });
    expect((await calledWith(folder))?.join(' ')).not.toContain('sko_canary');
    const environment = await readFile(join(folder, 'environment'), 'utf8');
    expect(environment.match(/^.*sko_canary.*$/gm)).toEqual([`${variable}=sko_canary`]);
  });

  test.each(FLAGS)('accepts only true and false for %s', async (name) => {
    const folder = await tempFolder();
    await runAction(folder, { inputs: { [name]: 'true' } });
    expect(await calledWith(folder)).toEqual([...CALL, `--${name}`]);
    await runAction(folder, { inputs: { [name]: 'false' } });
    expect(await calledWith(folder)).toEqual(CALL);
    const other = await tempFolder();
    const refused = await runAction(other, { inputs: { [name]: 'yes\n::error::x' } });
    expect(refused.code).toBe(2);
    expect(commandsIn(refused.stderr)).toMatchObject([
      { name: 'error', message: `The input ${name} must be true or false.` },
    ]);
    expect(await calledWith(other)).toBeUndefined();
  });

  test('fails if the command fails', async () => {
    const env = { EXIT_WITH: '7' };
    expect(await runAction(await tempFolder(), { env })).toMatchObject({ code: 7 });
  });
});

describe('the step that builds', () => {
  const RECORDING_NPM = '#!/bin/bash\nprintf "%s " "$@" > npm-called\nenv > npm-environment\n';

  async function prepare(folder: string): Promise<string> {
    const own = join(folder, 'action');
    await mkdir(join(own, 'node_modules/tsup/dist'), { recursive: true });
    await writeFile(join(own, 'package-lock.json'), '{}');
    const tsup =
      "import { mkdirSync, writeFileSync } from 'node:fs'; mkdirSync('dist'); writeFileSync('dist/main.js', '');";
    await writeFile(join(own, 'node_modules/tsup/dist/cli-default.js'), tsup);
    return own;
  }

  test('attack M6: installs what the lock names, without install scripts and without the token', async () => {
    const folder = await tempFolder();
    const own = await prepare(folder);
    const tools = { npm: RECORDING_NPM };
    const built = await runAction(folder, { step: 'build', tools });
    expect(built).toEqual({ code: 0, stdout: '', stderr: '' });
    expect(await readFile(join(own, 'npm-called'), 'utf8')).toBe('ci --ignore-scripts --no-audit --no-fund ');
    expect(stepOf(action, 'build').env).toBeUndefined();
    expect(await readdir(join(own, 'dist'))).toEqual(['main.js']);
  });

  test('builds once in a job', async () => {
    const folder = await tempFolder();
    const own = await prepare(folder);
    const tools = { npm: RECORDING_NPM };
    expect(await runAction(folder, { step: 'build', tools })).toMatchObject({ code: 0 });
    await writeFile(join(own, 'npm-called'), 'once');
    expect(await runAction(folder, { step: 'build', tools })).toMatchObject({ code: 0 });
    expect(await readFile(join(own, 'npm-called'), 'utf8')).toBe('once');
  });

  test('makes the program of its own commit, which runs', async () => {
    const folder = await tempFolder();
    const own = join(folder, 'action');
    const { stdout } = await promisify(execFile)('git', ['ls-files', '-z'], { cwd: ROOT });
    for (const file of stdout
      .split('\0')
      .filter((name) => /^(?:bin|src)\/|^[^/]*\.(?:json|ts)$/.test(name))) {
      await mkdir(dirname(join(own, file)), { recursive: true });
      await copyFile(join(ROOT, file), join(own, file));
    }
    const program = await readFile(join(ROOT, 'bin/synckit-ota.js'), 'utf8');
    // In place of the registry: the packages of this clone.
    const npm = `#!/bin/bash\nln -s '${join(ROOT, 'node_modules')}' node_modules\n`;
    const built = await runAction(folder, { step: 'build', tools: { npm }, program });
    expect(built.code, built.stderr).toBe(0);
    const refused = await runAction(folder, { program });
    expect(refused.code, refused.stderr).toBe(2);
    expect(refused.stderr).toContain('no server given');
  });

  test.each([
    ['Node is not installed', { hasNode: false }, 'setup-node'],
    ['only action.yml was copied', { tools: { npm: RECORDING_NPM } }, 'whole repository'],
  ] as const)('says what is missing if %s', async (_, options, words) => {
    const { code, stderr } = await runAction(await tempFolder(), { step: 'build', ...options });
    expect(code).toBe(2);
    expect(commandsIn(stderr)).toMatchObject([{ name: 'error', message: expect.stringContaining(words) }]);
  });
});

test('publishes, and its step has the outputs', async () => {
  const world = await startWorld();
  const file = await writeBundle(world.folder, 'My "App" $(1).AppImage');
  const step = await startStep(world.folder);
  const program = `await import(${JSON.stringify(pathToFileURL(BINARY).href)});`;
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
  const published = await runAction(world.folder, { inputs, env: step.env, program });
  expect(published.code, published.stderr).toBe(0);
  const outputs = await step.outputs();
  expect(Object.keys(outputs).toSorted()).toEqual(Object.keys(action.outputs).toSorted());
  expect(outputs).toMatchObject({ version: '1.2.0', status: 'published' });
  expect(await step.summary()).toContain('My "App" &#36;(1).AppImage');
  const release = (await world.runJson(['releases', 'show', '1.2.0'])).document;
  expect(release).toMatchObject({ id: outputs['release-id'], notes: 'It is', status: 'published' });
});
