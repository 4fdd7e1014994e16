import type { FastifyInstance } from 'fastify';
import { findUploadState, type UploadState } from '../../database/queries/pending-uploads.ts';
import {
  CompleteUploadRequest,
  type CompleteUploadResponse,
  MAX_PARTS_BODY_BYTES,
} from '../../protocol/messages.ts';
import { Problem } from '../../protocol/problem.ts';
import type { RemoteStorage } from '../../storage/remote-storage.ts';
import { registerRoute } from '../http/register-route.ts';
import type { Services } from '../services.ts';
import { PartAssembly } from '../uploads/part-assembly.ts';
import type { UploadPoller } from '../uploads/upload-poller.ts';

/** How long a request waits until parts are joined and the bytes are taken, in milliseconds: less than proxies wait for an answer. */
const ANSWER_WITHIN_MS = 25_000;

/** Extension `complete-upload`: says that a PUT is done, and is told what became of it. */
export function registerUploadCompletion(
  app: FastifyInstance,
  { database }: Services,
  { parts }: RemoteStorage,
  uploads: UploadPoller,
): void {
  const joins = new PartAssembly(parts);
  registerRoute(app, 'completeUpload', {
    body: CompleteUploadRequest,
    bodyLimit: MAX_PARTS_BODY_BYTES,
    handle: async ({ params, body }, reply): Promise<CompleteUploadResponse> => {
      const { app_id: appId, release_id: releaseId, upload_id: id } = params;
      const requireUpload = async (): Promise<UploadState> => {
        const upload = await findUploadState(database.queries, { appId, releaseId }, id);
        if (upload === undefined) throw new Problem('not_found', 'There is no such upload.');
        return upload;
      };
      const before = await requireUpload();
      const etags = body?.parts?.map(quoted);
      const join = etags && (() => joins.join(id, before, etags));
      const look =
        before.status === 'complete'
          ? { wentLive: undefined }
          : await uploads.complete(id, ANSWER_WITHIN_MS, join);
      if (look === 'not_there') {
        throw new Problem('not_uploaded', 'Nothing has arrived at the upload URL yet.');
      }
      if (look === 'pending') {
        reply.code(202).header('retry-after', '1');
        return { status: 'pending' };
      }
      const { fileSize, sha256 } = await requireUpload();
      const wentLive = look === 'gone' ? undefined : look.wentLive;
      return {
        status: 'complete',
        size: fileSize,
        ...(sha256 !== null && { sha256 }),
        ...(wentLive !== undefined && { went_live: wentLive }),
      };
    },
  });
}

/** As S3 writes an ETag. */
function quoted(etag: string): string {
  return `"${etag.replaceAll('"', '')}"`;
}
