import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import { commandsIn, type RunnerStep, startStep } from '../support/docs/github-runner.ts';
import { listenHttp } from '../support/network/loopback-server.ts';
import { BINARY, type Finished } from '../support/process/binary.ts';
import { checkLinux, publishLinux, startWorld, type World, writeBundle } from '../support/publish/world.ts';

const exec = promisify(execFile);

interface StepWorld extends World {
  readonly step: RunnerStep;
  readonly file: string;
  /** Runs as a new step. */
  runStep(args: readonly string[], env?: Record<string, string>): Promise<Finished>;
}

async function startStepWorld(): Promise<StepWorld> {
  const world = await startWorld();
  const step = await startStep(world.folder);
  const file = await writeBundle(world.folder, 'App | 1.AppImage');
  return {
    ...world,
    step,
    file,
    async runStep(args, env) {
      await startStep(world.folder);
      return world.run(args, { env: { ...step.env, ...env } });
    },
  };
}

/** The commands for the runner, by name and message; the token is masked first, and once. */
function commandsAfterMask({ stderr }: Finished, token: string): string[] {
  const [mask, ...rest] = commandsIn(stderr);
  expect(stderr.startsWith('::add-mask::')).toBe(true);
  expect(mask).toEqual({ name: 'add-mask', properties: {}, message: token });
  expect(stderr.split(token)).toHaveLength(2);
  return rest.map(({ name, message }) => `${name}: ${message}`);
}

describe('as a step of a GitHub workflow, a publish', () => {
  test('has outputs, a summary and annotations, and masks the token first', async () => {
    const { runStep, runJson, step, file, app, server } = await startStepWorld();
    const published = await runStep(publishLinux('1.2.0', file, '--verbose'));
    expect(published.code, published.stderr).toBe(0);
    expect(commandsAfterMask(published, app.token)).toEqual([
      expect.stringMatching(/^warning: .*App \| 1\.AppImage\.sig is not base64/),
      expect.stringContaining('warning: signatures were not checked'),
    ]);
    expect(published.stdout).not.toContain('::');
    // biome-ignore lint/suspicious/noControlCharactersInRegex: colours and cursor movements
    expect(published.stdout + published.stderr).not.toMatch(/[\u001b\r]/);

    const [release] = (await runJson(['releases', 'list'])).document;
    expect(await step.outputs()).toEqual({
      'release-id': release.id,
      version: '1.2.0',
      status: 'published',
      'check-url': `${server.url}/api/sync/ota/my-app/{{target}}/{{arch}}/{{current_version}}`,
    });
    const summary = await step.summary();
    expect(summary).toContain('### synckit-ota publish&#58; published 1.2.0');
    const { sha256 } = release.artifacts[0];
    expect(summary).toMatch(
      new RegExp(
        `^\\| linux-x86&#95;64 \\| .*App &#124; 1\\.AppImage \\| 10 kB \\| <code>${sha256}</code> \\| uploaded \\| yes \\|$`,
        'm',
      ),
    );
    expect(summary.match(/^- Warning: /gm)).toHaveLength(2);
    expect(summary).not.toContain(app.token);

    expect(await runStep(publishLinux('1.2.0', file))).toMatchObject({ code: 0 });
    expect(await step.outputs()).toMatchObject({ status: 'unchanged', 'release-id': release.id });
    expect(await runStep(publishLinux('1.3.0', file, '--dry-run'))).toMatchObject({ code: 0 });
    const { 'check-url': _, ...planned } = await step.outputs();
    expect(planned).toEqual({ status: 'planned', version: '1.3.0' });
  });

  test('with --json prints only the document on stdout', async () => {
    const { runStep, file, app } = await startStepWorld();
    const published = await runStep(publishLinux('1.2.0', file, '--json'));
    expect(published.code, published.stderr).toBe(0);
    expect(JSON.parse(published.stdout)).toMatchObject({ status: 'published' });
    expect(published.stdout).toMatch(/^\{.*\}\n$/);
    expect(commandsAfterMask(published, app.token)).toHaveLength(2);
  });

  test('that fails reports it in all of these', async () => {
    const { runStep, step, file, app, folder } = await startStepWorld();
    expect(await runStep(publishLinux('1.2.0', file))).toMatchObject({ code: 0 });
    await writeFile(file, 'other bytes');
    const failed = await runStep(publishLinux('1.2.0', file, '--json'));
    expect(failed.code).toBe(5);
    const { error } = JSON.parse(failed.stdout);
    expect(error).toMatchObject({ code: 'conflict' });
    expect(commandsAfterMask(failed, app.token)).toEqual([`error: ${error.message}\n${error.hint}`]);
    expect(await step.outputs()).toEqual({ status: 'failed' });
    expect(await step.summary()).toContain(`<pre>${error.message}\n${error.hint}</pre>`);

    const mistaken = await runStep(['publish', '--project', folder, '--bogus']);
    expect(mistaken.code).toBe(2);
    expect(commandsIn(mistaken.stderr)).toEqual([
      {
        name: 'error',
        properties: { title: 'synckit-ota' },
        message: expect.stringContaining("unknown option '--bogus'"),
      },
    ]);
    expect(await step.summary()).toContain('unknown option');
  });

  test('that succeeds exits with 0 even if its files cannot be written', async () => {
    const { runStep, folder, file, app } = await startStepWorld();
    const nowhere = { GITHUB_OUTPUT: join(folder, 'gone', 'output'), GITHUB_STEP_SUMMARY: folder };
    const published = await runStep(publishLinux('1.2.0', file), nowhere);
    expect(published.code, published.stderr).toBe(0);
    expect(published.stdout).toContain('Published 1.2.0.');
    expect(commandsAfterMask(published, app.token).slice(2)).toEqual([
      expect.stringContaining('warning: the results could not be written to $GITHUB_OUTPUT'),
      expect.stringContaining('warning: the results could not be written to $GITHUB_STEP_SUMMARY'),
    ]);
  });

  test('in single steps has the outputs of each step', async () => {
    const { runStep, step, file, server } = await startStepWorld();
    const checkUrl = `${server.url}/api/sync/ota/my-app/{{target}}/{{arch}}/{{current_version}}`;
    expect(await runStep(['publish', 'slug', 'my-app'])).toMatchObject({ code: 0 });
    expect(await step.outputs()).toEqual({ 'check-url': checkUrl });
    expect(await runStep(['publish', 'release', '--version', '1.2.0'])).toMatchObject({ code: 0 });
    expect(await step.outputs()).toMatchObject({ 'release-id': expect.any(String), version: '1.2.0' });
    const platform = ['--target', 'linux', '--arch', 'x86_64'];
    const artifact = ['publish', 'artifact', file, '--release', '1.2.0', ...platform];
    expect(await runStep(artifact)).toMatchObject({ code: 0 });
    expect(await step.outputs()).toEqual({ status: 'published' });
    expect(await step.summary()).toContain('### synckit-ota publish artifact&#58; published');
    expect(await runStep(artifact)).toMatchObject({ code: 0 });
    expect(await step.outputs()).toEqual({ status: 'unchanged' });
  });
});

test('a draft and the command that finishes it have the outputs of a publish', async () => {
  const { runStep, step, file } = await startStepWorld();
  expect(await runStep(publishLinux('1.2.0', file, '--draft'))).toMatchObject({ code: 0 });
  const drafted = await step.outputs();
  expect(drafted).toMatchObject({ version: '1.2.0', status: 'draft' });
  expect(await step.summary()).toMatch(/ uploaded \| no \|$/m);
  expect(await runStep(['publish', 'finish', '--release', '1.2.0'])).toMatchObject({ code: 0 });
  expect(await step.outputs()).toEqual({ ...drafted, status: 'published' });
  expect(await step.summary()).toMatch(/ skipped \| yes \|$/m);
});

test('a check that fails is an error annotation, without outputs', async () => {
  const { runStep, step } = await startStepWorld();
  const failed = await runStep(checkLinux('1.1.0'));
  expect(failed.code).toBe(2);
  expect(commandsIn(failed.stderr)).toMatchObject([
    { name: 'error', properties: { title: 'synckit-ota check' } },
  ]);
  expect(await step.outputs()).toEqual({});
});

test('a response cannot contain commands for the workflow', async () => {
  const { runStep, app } = await startStepWorld();
  const detail = 'no\n::set-output name=status::published\n##[add-mask]e';
  const server = await listenHttp((_, response) => {
    response.writeHead(409, { 'content-type': 'application/problem+json' });
    response.end(JSON.stringify({ type: 'about:blank', title: 'x', status: 409, code: 'x', detail }));
  });
  const args = ['releases', 'list', '--verbose', '--server', server.href];
  const failed = await runStep([...args, '--json']);
  expect(commandsAfterMask(failed, app.token)).toEqual([expect.stringContaining(`error: ${server.href}`)]);
  expect(commandsIn(failed.stdout)).toEqual([]);
  expect(JSON.parse(failed.stdout).error.message).toContain(detail.replaceAll('\n', ' '));
});

test('the mask command with the token is not written to a redirected stderr', async () => {
  const { step, env, folder } = await startStepWorld();
  const args = [process.execPath, BINARY, 'releases', 'list'];
  const log = join(folder, 'log');
  await exec('bash', ['-c', '"$@" 2> "$LOG"', 'bash', ...args], {
    env: { ...process.env, ...step.env, ...env, LOG: log },
  });
  expect(await readFile(log, 'utf8')).toBe('');
});
