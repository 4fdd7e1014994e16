import { Retry } from '../../client/retry.ts';
import type { OtaError } from '../../errors.ts';
import type { ReleaseResponse } from '../../protocol/messages.ts';
import { platformName } from '../../protocol/platform.ts';
import type { PlannedArtifact } from '../plan/planned-artifact.ts';
import type { Publisher } from '../publisher.ts';
import { listedArtifacts, servedArtifacts } from '../server-state/server-state.ts';
import { findKept } from '../server-state/withdrawal.ts';

/**
 * An earlier try that got no answer, or another job, may have stored these very bytes: then all is well.
 * @returns the signature that is served for them
 */
export async function resolveConflict(
  publisher: Publisher,
  { id, version, slug }: Pick<ReleaseResponse, 'id' | 'version'> & { readonly slug: string | undefined },
  artifact: PlannedArtifact,
  conflict: OtaError,
): Promise<string> {
  const release = await findKept(publisher, { id, version });
  const asked = { ...publisher, retry: new Retry({ maxTries: 1 }) }; // a failure is tried again with the upload
  const artifacts =
    release.artifacts === undefined && slug !== undefined
      ? await servedArtifacts(asked, release, slug, [artifact])
      : listedArtifacts(release);
  const stored = artifacts.get(platformName(artifact));
  if (stored?.sha256 !== artifact.sha256) throw conflict;
  return stored.signature ?? artifact.signature;
}
