import { hasStatus, OtaError } from '../../errors.ts';
import { type Issue, toError } from '../../issue.ts';
import type { ReleaseResponse } from '../../protocol/messages.ts';
import type { Publisher } from '../publisher.ts';
import { lookUpRelease } from './find-release.ts';

/** Why nothing is published into a yanked release. */
export function yankedIssue(version: string): Issue {
  const hint = 'Restore it with `releases restore`, or publish a new version.';
  return { id: 'release.yanked', code: 'conflict', message: `${version} is yanked`, hint };
}

/**
 * Others may withdraw a release between two requests of this run.
 * @param current undefined when the server does not have it any more
 * @throws OtaError `conflict` when it was yanked or deleted
 */
export function requireNotWithdrawn(version: string, current: ReleaseResponse | undefined): ReleaseResponse {
  if (current === undefined) throw deleted(version);
  if (current.status === 'yanked') throw toError([yankedIssue(version)]);
  return current;
}

/** Reads a release again. @throws OtaError `conflict` when it was yanked or deleted */
export async function refetchRelease(
  publisher: Pick<Publisher, 'client' | 'appId'>,
  { id, version }: Pick<ReleaseResponse, 'id' | 'version'>,
): Promise<ReleaseResponse> {
  const { release } = await lookUpRelease(publisher, id);
  return requireNotWithdrawn(version, release);
}

/** Makes a call on a release that existed a moment ago. @throws OtaError `conflict` for a 404 */
export async function requireNotDeleted<T>(version: string, call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    throw hasStatus(error, 404) ? deleted(version, error) : error;
  }
}

/** By a person, or by the job that created it and rolled it back. */
function deleted(version: string, cause?: unknown): OtaError {
  return new OtaError('conflict', `${version} was deleted while this command was running`, {
    cause,
    hint: 'Run the same command again if you still want to publish it.',
  });
}
