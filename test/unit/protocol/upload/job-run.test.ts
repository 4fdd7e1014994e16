import { expect, test } from 'vitest';
import { isLaterRun, type JobRun } from '../../../../src/protocol/upload/job-run.ts';

test.each<[JobRun | undefined, JobRun | undefined, boolean]>([
  [{ job: 'a', attempt: 2 }, { job: 'a', attempt: 1 }, true],
  [{ job: 'a', attempt: 1 }, { job: 'a', attempt: 0 }, true],
  [{ job: 'a' }, { job: 'a' }, true],
  [{ job: 'a', attempt: 1 }, { job: 'a', attempt: 1 }, false],
  [{ job: 'a', attempt: 1 }, { job: 'a', attempt: 2 }, false],
  [{ job: 'a', attempt: 2 }, { job: 'b', attempt: 1 }, false],
  [{ job: 'a' }, { job: 'b' }, false],
  [{ job: 'a', attempt: 2 }, { job: 'a' }, false],
  [{ job: 'a' }, { job: 'a', attempt: 1 }, false],
  [undefined, { job: 'a' }, false],
  [{ job: 'a' }, undefined, false],
  [undefined, undefined, false],
])('field 3: the run %j may replace the file of %j: %s', (run, than, expected) => {
  expect(isLaterRun(run, than)).toBe(expected);
});
