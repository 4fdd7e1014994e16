import { OtaError } from '../../errors.ts';
import type { CompleteUploadRequest } from '../../protocol/messages.ts';
import { requireNotDeleted } from '../server-state/withdrawal.ts';
import type { UploadContext } from './upload-grant.ts';

/** How long to wait before a server that is still processing an upload is polled again, in milliseconds. */
const POLL_INTERVAL_MS = 1000;
/** Our server responds after 25 s at the latest, so this is enough for the largest files. */
const MAX_POLLS = 100;

/**
 * Extension `complete-upload`: waits until the server has processed an upload that arrived in its storage.
 * @param body with `multipart`, the parts
 * @returns whether the release went live by it; undefined where the server had processed it before
 * @throws OtaError as the call does; `network` when nothing has arrived, or the server does not finish
 */
export async function completeUpload(
  { publisher, release }: UploadContext,
  uploadId: string,
  body?: CompleteUploadRequest,
): Promise<boolean | undefined> {
  const { client, appId, sleep } = publisher;
  const upload = { releaseId: release.id, uploadId };
  for (let polls = 0; polls < MAX_POLLS; polls++) {
    const call = () => client.completeUpload(appId, upload, body);
    const response = await requireNotDeleted(release.version, call);
    if (response.status === 'complete') return response.went_live;
    await sleep(POLL_INTERVAL_MS);
  }
  throw new OtaError('network', 'timed out waiting for the server to process the upload', {
    hint: 'Run the same command again.',
  });
}
