import { type JobRun, MAX_JOB_LENGTH } from '../../protocol/upload/job-run.ts';
import type { Environment } from '../environment.ts';
import type { OptionErrors } from './option-errors.ts';

/**
 * The job that this process is a run of: `--job`, else what GitHub Actions or GitLab CI say of it. Undefined
 * elsewhere: a job that is run again then looks like any other.
 */
export function readJobRun(
  name: string | undefined,
  environment: Environment,
  errors: OptionErrors,
): JobRun | undefined {
  const job = name?.trim();
  if (!job) return githubRun(environment) ?? gitlabRun(environment);
  if (job.length > MAX_JOB_LENGTH || /\p{C}/u.test(job)) {
    errors.add(`--job must be a name of at most ${MAX_JOB_LENGTH} characters, without control characters`);
  }
  return { job };
}

/**
 * The run id stays when jobs are run again, and the attempt rises. The jobs of a matrix share a name, so they differ by
 * nothing within an attempt.
 */
function githubRun({
  GITHUB_ACTIONS,
  GITHUB_SERVER_URL,
  GITHUB_REPOSITORY,
  GITHUB_RUN_ID,
  GITHUB_WORKFLOW = '',
  GITHUB_JOB,
  GITHUB_RUN_ATTEMPT,
}: Environment): JobRun | undefined {
  if (GITHUB_ACTIONS !== 'true' || !GITHUB_REPOSITORY || !GITHUB_RUN_ID || !GITHUB_JOB) return undefined;
  const host = hostOf(GITHUB_SERVER_URL, 'github.com');
  const job = [host, GITHUB_REPOSITORY, 'actions/runs', GITHUB_RUN_ID, GITHUB_WORKFLOW, GITHUB_JOB];
  return numberedRun(job, GITHUB_RUN_ATTEMPT);
}

/** A job that is run again keeps its pipeline and its name, which is different for each job of a matrix; its id rises. */
function gitlabRun({
  GITLAB_CI,
  CI_SERVER_URL,
  CI_PROJECT_PATH,
  CI_PIPELINE_ID,
  CI_JOB_NAME,
  CI_JOB_ID,
}: Environment): JobRun | undefined {
  if (GITLAB_CI !== 'true' || !CI_PROJECT_PATH || !CI_PIPELINE_ID || !CI_JOB_NAME) return undefined;
  const host = hostOf(CI_SERVER_URL, 'gitlab.com');
  return numberedRun([host, CI_PROJECT_PATH, '-/pipelines', CI_PIPELINE_ID, CI_JOB_NAME], CI_JOB_ID);
}

/** Without a number, a run that is late could replace the file of the run that followed it. */
function numberedRun(parts: readonly string[], attempt: string | undefined): JobRun | undefined {
  const number = /^\d+$/.test(attempt ?? '') ? Number(attempt) : Number.NaN;
  const job = parts.filter((part) => part !== '').join('/');
  if (!Number.isSafeInteger(number) || job.length > MAX_JOB_LENGTH || /\p{C}/u.test(job)) return undefined;
  return { job, attempt: number };
}

function hostOf(url: string | undefined, fallback: string): string {
  return url !== undefined && URL.canParse(url) ? new URL(url).host : fallback;
}
