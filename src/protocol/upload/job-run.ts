export const MAX_JOB_LENGTH = 300; // characters

/** Extension `replace-draft-files`: a run of the job that uploads a file. */
export interface JobRun {
  readonly job: string; // the same each time it is run again
  readonly attempt?: number; // rises each time that it is run again; absent where that is not known
}

/**
 * Whether a run may replace the file that another one has put into a draft: it is a later run of the same job. Several
 * jobs may share a name within one attempt, like those of a matrix, so an equal attempt is not a later one.
 */
export function isLaterRun(run: JobRun | undefined, than: JobRun | undefined): boolean {
  if (run === undefined || than === undefined || run.job !== than.job) return false;
  if (run.attempt === undefined || than.attempt === undefined) return run.attempt === than.attempt;
  return run.attempt > than.attempt;
}

export function jobRunOf({ job, attempt }: JobRunFields): JobRun | undefined {
  if (job == null) return undefined;
  return { job, ...(attempt != null && { attempt }) };
}

export interface JobRunFields {
  readonly job?: string | null | undefined;
  readonly attempt?: number | null | undefined;
}
