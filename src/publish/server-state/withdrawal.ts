import { OtaError } from '../../errors.ts';
import { type Issue, toError } from '../../issue.ts';
import type { ReleaseResponse } from '../../protocol/messages.ts';
import type { Publisher } from '../publisher.ts';

/** Why nothing is published into a yanked release. */
export function yankedIssue(version: string): Issue {
  const hint = 'Restore it with `releases restore`, or publish a new version.';
  return { id: 'release.yanked', code: 'conflict', message: `${version} is yanked`, hint };
}

/**
 * A release as it is by now, which somebody may have withdrawn between two requests of this run.
 * @param now undefined when the server has it no more
 * @throws OtaError `conflict` when it was yanked or deleted
 */
export function requireKept(version: string, now: ReleaseResponse | undefined): ReleaseResponse {
  if (now === undefined) throw deletedMeanwhile(version);
  if (now.status === 'yanked') throw toError([yankedIssue(version)]);
  return now;
}

/** Looks at a release that was there a moment ago. @throws OtaError `conflict` when it was yanked or deleted */
export async function findKept(
  { client, appId }: Publisher,
  { id, version }: Pick<ReleaseResponse, 'id' | 'version'>,
): Promise<ReleaseResponse> {
  const releases = await client.listReleases(appId);
  return requireKept(
    version,
    releases.find((release) => release.id === id),
  );
}

/** A call on a release that was there a moment ago. @throws OtaError `conflict` for a 404 */
export async function whileThere<T>(version: string, call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    throw error instanceof OtaError && error.code === 'usage' ? deletedMeanwhile(version, error) : error;
  }
}

/** By a person, or by the job that created it and took it back. */
function deletedMeanwhile(version: string, cause?: unknown): OtaError {
  return new OtaError('conflict', `${version} was deleted meanwhile`, {
    cause,
    hint: 'Run the same command again if it is still to be published.',
  });
}
