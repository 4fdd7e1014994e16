import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { GitHubActions } from '../../../../src/cli/github/github-actions.ts';
import { commandsIn, startStep } from '../../../support/docs/github-runner.ts';
import { captureOutput } from '../../../support/process/captured-output.ts';
import { tempFolder } from '../../../support/process/temp-folder.ts';

const written = captureOutput();

async function openStep() {
  const step = await startStep(await tempFolder());
  const github = GitHubActions.from(step.env);
  if (github === undefined) throw new Error('this is a step');
  return { step, github };
}

describe('a step of a GitHub workflow', () => {
  test.each([{}, { GITHUB_ACTIONS: '' }, { GITHUB_ACTIONS: 'false' }, { CI: 'true' }])(
    'is not detected with %j',
    (environment) => {
      expect(GitHubActions.from(environment)).toBeUndefined();
    },
  );

  test('gets outputs with any text, one after another', async () => {
    const { step, github } = await openStep();
    const values = fc.array(fc.tuple(fc.constantFrom('a', 'b-c', 'd'), fc.string({ unit: 'binary' })));
    await fc.assert(
      fc.asyncProperty(values, async (pairs) => {
        await writeFile(step.env.GITHUB_OUTPUT ?? '', 'before=1\n'.replace('=1', '<<e\n1\ne'));
        for (const [name, value] of pairs) github.setOutputs({ [name]: `${value}\nend-\n=<<x` });
        expect(await step.outputs()).toEqual({
          before: '1',
          ...Object.fromEntries(pairs.map(([name, value]) => [name, `${value}\nend-\n=<<x`])),
        });
      }),
      { numRuns: 50 },
    );
  });

  test('gets a summary that grows', async () => {
    const { step, github } = await openStep();
    github.addSummary('### One\n\n');
    github.addSummary('### Two\n\n');
    expect(await step.summary()).toBe('### One\n\n### Two\n\n');
    expect(written).toEqual({ stdout: '', stderr: '' });
  });

  test('gets errors and warnings on stderr', async () => {
    const { github } = await openStep();
    github.error('It went\nwrong', 'synckit-ota: publish');
    github.warning('Mind this');
    expect(written.stdout).toBe('');
    expect(commandsIn(written.stderr)).toEqual([
      { name: 'error', properties: { title: 'synckit-ota: publish' }, message: 'It went\nwrong' },
      { name: 'warning', properties: {}, message: 'Mind this' },
    ]);
  });
});

describe('an output that cannot be written', () => {
  test('is only a warning that names the file', async () => {
    const folder = await tempFolder();
    const gone = join(folder, 'gone', 'file');
    const github = GitHubActions.from({
      GITHUB_ACTIONS: 'true',
      GITHUB_OUTPUT: gone,
      GITHUB_STEP_SUMMARY: folder,
    });
    github?.setOutputs({ status: 'published' });
    github?.addSummary('### Published');
    expect(commandsIn(written.stderr)).toEqual([
      {
        name: 'warning',
        properties: {},
        message: expect.stringMatching(/^the results could not be written to \$GITHUB_OUTPUT: ENOENT/),
      },
      {
        name: 'warning',
        properties: {},
        message: expect.stringMatching(/^the results could not be written to \$GITHUB_STEP_SUMMARY: EISDIR/),
      },
    ]);
  });

  test('because no file is set is ignored', () => {
    const github = GitHubActions.from({ GITHUB_ACTIONS: 'true', GITHUB_OUTPUT: '' });
    github?.setOutputs({ status: 'published' });
    github?.addSummary('### Published');
    expect(written).toEqual({ stdout: '', stderr: '' });
  });
});
