import { OtaError } from '../../errors.ts';
import type { PlannedArtifact } from '../plan/planned-artifact.ts';
import { uploadArtifact } from './upload-artifact.ts';
import type { UploadContext, UploadGrant } from './upload-grant.ts';

/**
 * Extension `lost-files`: uploads a file again that was skipped, because the server has recorded it, and that it turns out
 * not to have.
 * @returns false where it has it
 */
export async function repairIfLost(context: UploadContext, artifact: PlannedArtifact): Promise<boolean> {
  const grant = await grantIfLost(context, artifact);
  if (grant === undefined) return false;
  await uploadArtifact(context, { ...artifact, action: 'upload', repairs: true }, grant);
  return true;
}

/** A server that has the file refuses that it is uploaded again. */
async function grantIfLost(
  { publisher, release }: UploadContext,
  { body }: PlannedArtifact,
): Promise<UploadGrant | undefined> {
  const { client, retry, appId } = publisher;
  try {
    return await retry.run(() => client.createArtifact(appId, release.id, body));
  } catch (error) {
    // Also where the token may not upload: what is wrong with the file is reported by the verification then.
    if (error instanceof OtaError && error.status !== undefined && !error.retryable) return undefined;
    throw error;
  }
}
