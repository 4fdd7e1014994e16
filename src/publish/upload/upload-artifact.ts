import type { ReleaseResponse } from '../../protocol/messages.ts';
import type { PlannedArtifact } from '../plan/planned-artifact.ts';
import type { Publisher } from '../publisher.ts';
import type { SentArtifact, UploadOptions } from './upload-grant.ts';
import { uploadMultipart } from './upload-multipart.ts';
import { uploadSingle } from './upload-single.ts';

/**
 * Brings one file to the server, in one piece or (extension `multipart`) in parts.
 * @throws OtaError `conflict` when the platform got other bytes meanwhile, or the release was withdrawn
 */
export async function uploadArtifact(
  publisher: Publisher,
  release: Pick<ReleaseResponse, 'id' | 'version'>,
  artifact: PlannedArtifact,
  options: UploadOptions = {},
): Promise<SentArtifact> {
  const { report } = publisher;
  report({ type: 'upload_started', artifact });
  const upload = artifact.body.multipart ? uploadMultipart : uploadSingle;
  const sent = await upload(publisher, release, artifact, options);
  report({ type: 'uploaded', artifact });
  return sent;
}
