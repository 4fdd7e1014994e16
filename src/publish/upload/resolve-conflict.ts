import { Retry } from '../../client/retry.ts';
import type { OtaError } from '../../errors.ts';
import { platformName } from '../../protocol/platform.ts';
import type { PlannedArtifact } from '../plan/planned-artifact.ts';
import { listedArtifacts, servedArtifacts } from '../server-state/server-state.ts';
import { refetchRelease } from '../server-state/withdrawal.ts';
import type { UploadContext } from './upload-grant.ts';

/**
 * Another job, or an earlier attempt that got no response, may have uploaded the same file: that is a success.
 * @returns the signature that is served for it
 * @throws the conflict when the server has a different file, or none
 */
export async function resolveConflict(
  { publisher, release, slug }: UploadContext,
  artifact: PlannedArtifact,
  conflict: OtaError,
): Promise<string> {
  const current = await refetchRelease(publisher, release);
  const once = { ...publisher, retry: new Retry({ maxAttempts: 1 }) }; // the caller retries the whole upload
  const artifacts =
    current.artifacts === undefined && slug !== undefined
      ? await servedArtifacts(once, { slug, releaseId: current.id }, [artifact])
      : listedArtifacts(current);
  const stored = artifacts.get(platformName(artifact));
  if (stored?.sha256 !== artifact.sha256 || stored.lost) throw conflict;
  return stored.signature ?? artifact.signature;
}
