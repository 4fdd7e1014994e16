import type { PlannedArtifact } from '../plan/planned-artifact.ts';
import type { UploadContext, UploadedFile, UploadGrant } from './upload-grant.ts';
import { uploadMultipart } from './upload-multipart.ts';
import { uploadSingle } from './upload-single.ts';

/**
 * Uploads one file, by a single PUT or (extension `multipart`) in parts.
 * @param grant one that was requested before, for the first attempt
 * @throws OtaError `conflict` when the platform has a different file by now, or the release was withdrawn
 */
export async function uploadArtifact(
  context: UploadContext,
  artifact: PlannedArtifact,
  grant?: UploadGrant,
): Promise<UploadedFile> {
  const { report } = context.publisher;
  report({ type: 'upload_started', artifact });
  const upload = artifact.body.multipart ? uploadMultipart : uploadSingle;
  const uploaded = await upload(context, artifact, grant);
  report({ type: 'uploaded', artifact });
  return uploaded;
}
