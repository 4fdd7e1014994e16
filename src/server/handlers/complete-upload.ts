import type { FastifyInstance } from 'fastify';
import { findUploadState, type UploadState } from '../../database/queries/pending-uploads.ts';
import {
  CompleteUploadRequest,
  type CompleteUploadResponse,
  MAX_PARTS_BODY_BYTES,
} from '../../protocol/messages.ts';
import { Problem } from '../../protocol/problem.ts';
import { registerRoute, type ValidParameters } from '../http/register-route.ts';
import type { Services } from '../services.ts';
import type { RemoteUploads } from '../uploads/remote-uploads.ts';

/** How long a request waits for the upload to be assembled and finalized, in milliseconds: less than a proxy's timeout. */
const MAX_WAIT_MS = 25_000;

/** Extension `complete-upload`: a client reports the end of its PUT, and receives the outcome. */
export function registerUploadCompletion(
  app: FastifyInstance,
  services: Services,
  { finalizer, assembly }: RemoteUploads,
): void {
  registerRoute(app, 'completeUpload', {
    body: CompleteUploadRequest,
    bodyLimit: MAX_PARTS_BODY_BYTES,
    handle: async ({ params, body }, reply): Promise<CompleteUploadResponse> => {
      const id = params.upload_id;
      const before = await requireUpload(services, params);
      const etags = body?.parts?.map(quoted);
      const outcome =
        before.status === 'complete'
          ? ({ kind: 'complete', wentLive: undefined } as const)
          : await finalizer.finalize(id, {
              withinMs: MAX_WAIT_MS,
              ...(etags && { assemble: () => assembly.assemble(id, before, etags) }),
            });
      if (outcome.kind === 'not_there') {
        throw new Problem('not_uploaded', 'Nothing has arrived at the upload URL yet.');
      }
      if (outcome.kind === 'pending') {
        reply.code(202).header('retry-after', '1');
        return { status: 'pending' };
      }
      const { fileSize, sha256 } = await requireUpload(services, params);
      const wentLive = outcome.kind === 'complete' ? outcome.wentLive : undefined;
      return {
        status: 'complete',
        size: fileSize,
        ...(sha256 !== null && { sha256 }),
        ...(wentLive !== undefined && { went_live: wentLive }),
      };
    },
  });
}

async function requireUpload(
  { database }: Services,
  { app_id: appId, release_id: releaseId, upload_id: uploadId }: ValidParameters<'completeUpload'>,
): Promise<UploadState> {
  const upload = await findUploadState(database.queries, { appId, releaseId, uploadId });
  if (upload === undefined) throw new Problem('not_found', 'There is no such upload.');
  return upload;
}

/** As S3 writes an ETag. */
function quoted(etag: string): string {
  return `"${etag.replaceAll('"', '')}"`;
}
