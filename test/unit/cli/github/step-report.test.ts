import { describe, expect, test } from 'vitest';
import { StepReport } from '../../../../src/cli/github/step-report.ts';
import type { StepResult } from '../../../../src/cli/github/step-summary.ts';
import { createOutput, type OutputOptions } from '../../../../src/cli/output/output.ts';
import { PublishReporter } from '../../../../src/cli/output/publish-reporter.ts';
import { commandsIn, startStep } from '../../../support/docs/github-runner.ts';
import { captureOutput } from '../../../support/process/captured-output.ts';
import { tempFolder } from '../../../support/process/temp-folder.ts';

const written = captureOutput();

const LINUX = { target: 'linux', arch: 'x86_64', file: 'App.AppImage', size: 1, sha256: 'aa' } as const;
const WINDOWS = { target: 'windows', arch: 'x86_64', file: 'App.exe', size: 2, sha256: 'bb' } as const;
const RELEASE = { id: 'r1', version: '1.2.0' };
const FAILURE = { code: 'network', message: 'No answer', hint: 'Check it.', retryable: true };

async function begin(command: string, options: OutputOptions = {}) {
  const runner = await startStep(await tempFolder());
  const step = StepReport.from(runner.env);
  if (step === undefined) throw new Error('this is a step');
  step.begin(command);
  const output = createOutput(options, { plain: true, step });
  return { runner, step, output, report: new PublishReporter(output).report };
}

/** Platform, action and verified of each file in a summary's table. */
function filesIn(summary: string): string[] {
  const rows = summary.split('\n').filter((line) => /^\| (linux|windows)/.test(line));
  return rows.map((row) => row.replaceAll('&#95;', '_').split(' | ').toSpliced(1, 3).join(' '));
}

describe('a publish that fails', () => {
  test('reports what it had done', async () => {
    const { runner, step, report } = await begin('publish');
    report({ type: 'release_created', release: RELEASE });
    report({ type: 'upload_started', artifact: LINUX });
    report({ type: 'upload_started', artifact: WINDOWS });
    report({ type: 'upload_progress', artifact: WINDOWS, sentBytes: 1 });
    report({ type: 'uploaded', artifact: LINUX });
    report({ type: 'verified', platform: LINUX });
    report({ type: 'warning', message: 'mind this' });
    step.fail(FAILURE);
    expect(await runner.outputs()).toEqual({ 'release-id': 'r1', version: '1.2.0', status: 'failed' });
    const summary = await runner.summary();
    expect(filesIn(summary)).toEqual(['| linux-x86_64 uploaded yes |', '| windows-x86_64 not uploaded no |']);
    expect(summary).toContain('No answer\nCheck it.');
    expect(summary).toContain('mind this');
    expect(commandsIn(written.stderr)).toEqual([
      { name: 'warning', properties: {}, message: 'mind this' },
      { name: 'error', properties: { title: 'synckit-ota publish' }, message: 'No answer\nCheck it.' },
    ]);
  });

  test('marks the files of a release that was rolled back', async () => {
    const { runner, step, report } = await begin('publish');
    report({ type: 'release_created', release: RELEASE });
    report({ type: 'upload_started', artifact: LINUX });
    report({ type: 'uploaded', artifact: LINUX });
    report({ type: 'verified', platform: LINUX });
    report({ type: 'rolled_back', release: RELEASE });
    step.fail(FAILURE);
    expect(await runner.outputs()).toEqual({ status: 'failed' });
    expect(filesIn(await runner.summary())).toEqual(['| linux-x86_64 rolled back no |']);
  });

  test('before the first write reports the refused files', async () => {
    const { runner, step, report } = await begin('publish');
    const artifacts = [
      { ...LINUX, signature: 's', refused: true },
      { ...WINDOWS, signature: 's', refused: false },
    ];
    report({ type: 'refused', artifacts });
    step.fail(FAILURE);
    expect(filesIn(await runner.summary())).toEqual([
      '| linux-x86_64 refused no |',
      '| windows-x86_64 planned no |',
    ]);
  });

  test('reports files that were uploaded before', async () => {
    const { runner, step, report } = await begin('publish artifact');
    report({ type: 'skipped', artifact: LINUX });
    step.fail({ ...FAILURE, hint: null });
    expect(filesIn(await runner.summary())).toEqual(['| linux-x86_64 skipped no |']);
    expect(commandsIn(written.stderr)).toMatchObject([{ name: 'error', message: 'No answer' }]);
  });
});

test('another command that fails reports why, but sets no outputs of a publish', async () => {
  const { runner, step } = await begin('check');
  step.fail(FAILURE);
  expect(await runner.outputs()).toEqual({});
  expect(await runner.summary()).toContain('### synckit-ota check&#58; failed');
});

describe('a command that succeeds', () => {
  test.each<[StepResult]>([
    [{ status: 'unchanged', version: '1.2.0', releaseId: 'r1', checkUrl: 'https://u.example/{{target}}' }],
    [{ checkUrl: 'https://u.example/{{target}}' }],
    [{ status: 'planned', version: '1.2.0' }],
  ])('sets the outputs it has: %j', async (result) => {
    const { runner, step } = await begin('publish');
    step.finish(result);
    expect(await runner.outputs()).toEqual({
      ...(result.releaseId && { 'release-id': 'r1' }),
      ...(result.version && { version: '1.2.0' }),
      ...(result.status && { status: result.status }),
      ...(result.checkUrl && { 'check-url': result.checkUrl }),
    });
    expect(written).toEqual({ stdout: '', stderr: '' });
  });

  test.each([
    [{}, 1],
    [{ quiet: true }, 0],
  ])('with %j shows %i warnings in the log, and always one in the summary', async (options, times) => {
    const { runner, step, output } = await begin('publish', options);
    output.warning('mind this');
    step.finish({ status: 'published' });
    expect(commandsIn(written.stderr)).toHaveLength(times);
    expect(await runner.summary()).toContain('- Warning: mind this');
  });
});

test('attack G14: outputs are single lines without control characters, and the JSON keeps its meaning', async () => {
  const { runner, step, output } = await begin('publish', { json: true });
  const hostile = '1.2.0\nstatus=published\n\u001b[2J\u202e';
  step.finish({ status: 'published', version: hostile, releaseId: hostile });
  output.document({ version: hostile });
  const shown = '1.2.0␊status=published␊␛[2J\\u202e';
  expect(await runner.outputs()).toEqual({ status: 'published', version: shown, 'release-id': shown });
  expect(JSON.parse(written.stdout)).toEqual({ version: hostile });
  expect(written.stdout).not.toMatch(/[^\P{Cc}\n]|\u202e/u);
});

test('text from responses cannot be a workflow command', async () => {
  const { output } = await begin('publish', { json: true });
  const words = 'x\n::set-output name=status::published\n ##[error]y';
  output.note(words);
  output.result(words);
  output.error(words);
  output.document({ words });
  expect(commandsIn(written.stdout + written.stderr)).toEqual([]);
  expect(JSON.parse(written.stdout)).toEqual({ words });
});
