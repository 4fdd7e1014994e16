import type { IncomingMessage, ServerResponse } from 'node:http';
import type { FastifyInstance } from 'fastify';
import { findUpload, type PendingUpload } from '../../database/queries/artifacts.ts';
import type { UploadResponse } from '../../protocol/messages.ts';
import { Problem } from '../../protocol/problem.ts';
import type { DiskStorage } from '../../storage/disk/disk-storage.ts';
import { registerRoute } from '../http/register-route.ts';
import type { Services } from '../services.ts';
import { finalizeUpload, wrongSize } from '../uploads/finalize-upload.ts';

/** api.md, "Upload Artifacts": the PUT to the presigned URL, which with disk storage leads to this server. */
export function registerUploads(app: FastifyInstance, services: Services, disk: DiskStorage): void {
  app.register(async (scope) => {
    // The body stays a stream, whatever its content type.
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser('*', (_request, _payload, done) => done(null));

    registerRoute(scope, 'upload', {
      handle: async ({ params, raw }, reply): Promise<UploadResponse> => {
        const upload = await findUpload(services.database.queries, params.upload_id);
        if (upload === undefined) throw new Problem('not_found', 'There is no such upload.');
        if (upload === 'complete') {
          throw new Problem('immutable', 'This URL was already used: its upload is complete.');
        }
        requireDeclaredLength(raw.raw, upload);
        const { fileSize: size, pubkey } = upload;
        const staged = await disk.receive(invitedBody(raw.raw, reply.raw), {
          size,
          blake2b512: pubkey !== null,
        });
        if (staged === 'size_differs') throw wrongSize(upload);
        const wentLive = await finalizeUpload(services, upload, staged);
        return { status: 'complete', size, sha256: staged.sha256, went_live: wentLive };
      },
    });
  });
}

/** The body; a client that sends `Expect: 100-continue` is invited to send it only when it is first read. */
async function* invitedBody(request: IncomingMessage, response: ServerResponse): AsyncIterable<Buffer> {
  if (request.headers.expect !== undefined) response.writeContinue();
  try {
    yield* request.iterator({ destroyOnReturn: false });
    // The rest, fsync above all, may take longer than the idle timeout. (An injected request has no socket.)
    request.socket.setTimeout?.(0);
  } catch (error) {
    if (!request.destroyed) throw error;
    throw new Problem('invalid_request', 'The upload ended before its last byte.');
  }
}

/** Refuses an upload before its body is read. */
function requireDeclaredLength({ headers }: IncomingMessage, upload: PendingUpload): void {
  if (headers['content-length'] === undefined) {
    throw new Problem(
      'length_required',
      'An upload needs a Content-Length; chunked uploads are not accepted.',
    );
  }
  if (Number(headers['content-length']) !== upload.fileSize) throw wrongSize(upload);
}
