import { OtaError } from '../../errors.ts';
import type { CompleteUploadRequest, ReleaseResponse } from '../../protocol/messages.ts';
import type { Publisher } from '../publisher.ts';
import { whileThere } from '../server-state/withdrawal.ts';

/** How long to wait before a server is asked again that is still taking an upload's bytes, in milliseconds. */
const ASK_AGAIN_MS = 1000;
/** Our server answers after 25 s at the latest, so this is time enough for the largest files. */
const MAX_ASKED = 100;

/**
 * Extension `complete-upload`: has the server take an upload whose bytes have arrived in its store.
 * @param body with `multipart`, the parts
 * @returns whether the release went live by it; undefined where the server had taken it before
 * @throws OtaError as the call does; `network` when nothing has arrived, or it is never done
 */
export async function completeArrived(
  { client, appId, sleep }: Publisher,
  { id, version }: Pick<ReleaseResponse, 'id' | 'version'>,
  uploadId: string,
  body?: CompleteUploadRequest,
): Promise<boolean | undefined> {
  for (let asked = 0; asked < MAX_ASKED; asked++) {
    const answer = await whileThere(version, () => client.completeUpload(appId, id, uploadId, body));
    if (answer.status === 'complete') return answer.went_live;
    await sleep(ASK_AGAIN_MS);
  }
  throw new OtaError('network', 'the server does not come to an end of taking an upload', {
    hint: 'Run the same command again.',
  });
}
