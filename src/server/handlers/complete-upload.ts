import type { FastifyInstance } from 'fastify';
import { findUploadState, type UploadState } from '../../database/queries/pending-uploads.ts';
import {
  CompleteUploadRequest,
  type CompleteUploadResponse,
  MAX_PARTS_BODY_BYTES,
} from '../../protocol/messages.ts';
import { Problem } from '../../protocol/problem.ts';
import { requireScope } from '../http/auth.ts';
import { registerRoute, type ValidParameters } from '../http/register-route.ts';
import type { Services } from '../services.ts';
import type { ArrivingUploads } from '../uploads/arriving-uploads.ts';
import { noSuchUpload } from '../uploads/finalize-upload.ts';

/** How long a request waits for the upload to be assembled and finalized, in milliseconds: less than a proxy's timeout. */
const MAX_WAIT_MS = 25_000;

/** Extensions `complete-upload` and `multipart`: a client reports the end of its PUTs, and receives the outcome. */
export function registerUploadCompletion(
  app: FastifyInstance,
  services: Services,
  { finalizer, assembly }: ArrivingUploads,
): void {
  registerRoute(app, 'completeUpload', {
    body: CompleteUploadRequest,
    bodyLimit: MAX_PARTS_BODY_BYTES,
    handle: async ({ params, body, raw }, reply): Promise<CompleteUploadResponse> => {
      const id = params.upload_id;
      const before = await requireUpload(services, params);
      requireScope(raw, { scope: 'release:upload', channel: before.channel });
      const etags = body?.parts?.map(quoted);
      const outcome =
        before.status === 'complete'
          ? ({ kind: 'complete', wentLive: undefined } as const)
          : await finalizer.finalize(id, {
              withinMs: MAX_WAIT_MS,
              origin: raw.origin,
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
  if (upload === undefined) throw noSuchUpload();
  return upload;
}

/** As S3 writes an ETag. */
function quoted(etag: string): string {
  return `"${etag.replaceAll('"', '')}"`;
}
