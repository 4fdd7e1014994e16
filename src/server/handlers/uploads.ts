import type { IncomingMessage, ServerResponse } from 'node:http';
import type { FastifyInstance } from 'fastify';
import { findUpload, type PendingUpload } from '../../database/queries/artifacts.ts';
import type { UploadResponse } from '../../protocol/messages.ts';
import { Problem } from '../../protocol/problem.ts';
import type { DiskStorage } from '../../storage/disk/disk-storage.ts';
import { registerRoute } from '../http/register-route.ts';
import type { Services } from '../services.ts';
import { completeUpload, wrongSize } from '../uploads/finalize-upload.ts';

/** api.md, "Upload Artifacts": the PUT to the presigned URL, which on disk is this server's own. */
export function registerUploads(app: FastifyInstance, services: Services, disk: DiskStorage): void {
  app.register(async (scope) => {
    // The body stays a stream, whatever its content type says.
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser('*', (_request, _payload, done) => done(null));

    registerRoute(scope, 'upload', {
      handle: async ({ params, raw }, reply) => {
        const upload = await findUpload(services.database.queries, params.upload_id);
        if (upload === undefined) throw new Problem('not_found', 'There is no such upload.');
        if (upload === 'complete')
          throw new Problem('immutable', 'This URL was used: its upload is complete.');
        requireDeclaredLength(raw.raw, upload);
        return await receive(services, disk, upload, invited(raw.raw, reply.raw));
      },
    });
  });
}

async function receive(
  services: Services,
  disk: DiskStorage,
  upload: PendingUpload,
  body: AsyncIterable<Buffer>,
): Promise<UploadResponse> {
  const staged = await disk.receive(body, {
    size: upload.fileSize,
    blake2b512: upload.pubkey !== null,
  });
  if (staged === 'size_differs') throw wrongSize(upload);
  const wentLive = await completeUpload(services, upload, staged);
  return { status: 'complete', size: staged.size, sha256: staged.sha256, went_live: wentLive };
}

/** The body, asked for only once somebody wants to read it: until then a client that waits has sent nothing. */
async function* invited(request: IncomingMessage, response: ServerResponse): AsyncIterable<Buffer> {
  if (request.headers.expect !== undefined) response.writeContinue();
  try {
    yield* request.iterator({ destroyOnReturn: false });
    // What is left, fsync above all, may take longer than a client may be silent. (An injected request has no socket.)
    request.socket.setTimeout?.(0);
  } catch (error) {
    if (!request.destroyed) throw error;
    throw new Problem('invalid_request', 'The upload broke off before its end.');
  }
}

/** Refused before a byte of the body is read. */
function requireDeclaredLength({ headers }: IncomingMessage, upload: PendingUpload): void {
  if (headers['content-length'] === undefined) {
    throw new Problem('length_required', 'An upload needs a Content-Length; chunked ones are not accepted.');
  }
  if (Number(headers['content-length']) !== upload.fileSize) throw wrongSize(upload);
}
