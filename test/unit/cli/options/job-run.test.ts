import { describe, expect, test } from 'vitest';
import type { Environment } from '../../../../src/cli/environment.ts';
import { readJobRun } from '../../../../src/cli/options/job-run.ts';
import { OptionErrors } from '../../../../src/cli/options/option-errors.ts';

const GITHUB = {
  GITHUB_ACTIONS: 'true',
  GITHUB_SERVER_URL: 'https://github.com',
  GITHUB_REPOSITORY: 'o/app',
  GITHUB_RUN_ID: '77',
  GITHUB_WORKFLOW: 'Release',
  GITHUB_JOB: 'build',
  GITHUB_RUN_ATTEMPT: '2',
};
const GITLAB = {
  GITLAB_CI: 'true',
  CI_SERVER_URL: 'https://gitlab.example.com:8443',
  CI_PROJECT_PATH: 'o/app',
  CI_PIPELINE_ID: '12',
  CI_JOB_NAME: 'build: [linux]',
  CI_JOB_ID: '90071',
};

function read(name: string | undefined, environment: Environment) {
  const errors = new OptionErrors();
  return { run: readJobRun(name, environment, errors), refused: !errors.isEmpty };
}

describe('field 3: the job that a publish is a run of', () => {
  test.each<[string, string | undefined, Environment, unknown]>([
    [
      'of GitHub Actions, with its attempt',
      undefined,
      GITHUB,
      { job: 'github.com/o/app/actions/runs/77/Release/build', attempt: 2 },
    ],
    [
      'of a GitHub server of its own, for a workflow without a name',
      undefined,
      { ...GITHUB, GITHUB_SERVER_URL: 'https://git.example.com', GITHUB_WORKFLOW: '' },
      { job: 'git.example.com/o/app/actions/runs/77/build', attempt: 2 },
    ],
    [
      'of GitLab CI, with its id as the attempt',
      undefined,
      GITLAB,
      { job: 'gitlab.example.com:8443/o/app/-/pipelines/12/build: [linux]', attempt: 90_071 },
    ],
    ['by the option, which wins', ' linux ', GITHUB, { job: 'linux' }],
    [
      'by the environment alone where the option is empty',
      '',
      GITHUB,
      expect.objectContaining({ attempt: 2 }),
    ],
    ['unknown on any other machine', undefined, {}, undefined],
    [
      'unknown with variables of GitHub outside of it',
      undefined,
      { ...GITHUB, GITHUB_ACTIONS: '' },
      undefined,
    ],
    ...Object.keys(GITHUB)
      .filter((name) => !['GITHUB_SERVER_URL', 'GITHUB_WORKFLOW'].includes(name))
      .map((name): [string, undefined, Environment, undefined] => [
        `unknown without ${name}`,
        undefined,
        { ...GITHUB, [name]: undefined },
        undefined,
      ]),
    ...Object.keys(GITLAB)
      .filter((name) => name !== 'CI_SERVER_URL')
      .map((name): [string, undefined, Environment, undefined] => [
        `unknown without ${name}`,
        undefined,
        { ...GITLAB, [name]: '' },
        undefined,
      ]),
    ['unknown if the attempt is no number', undefined, { ...GITHUB, GITHUB_RUN_ATTEMPT: 'two' }, undefined],
    ['unknown if its name is too long', undefined, { ...GITHUB, GITHUB_JOB: 'b'.repeat(300) }, undefined],
  ])('%s', (_, name, environment, expected) => {
    expect(read(name, environment)).toEqual({ run: expected, refused: false });
  });

  test.each(['a\nb', 'a'.repeat(301), 'a\u202eb'])('is refused as %j', (name) => {
    expect(read(name, {}).refused).toBe(true);
  });
});
