import type { IncomingMessage, ServerResponse } from 'node:http';
import type { FastifyInstance, FastifyReply } from 'fastify';
import { findUpload } from '../../database/queries/artifacts.ts';
import { newStorageKey } from '../../database/queries/orphans.ts';
import { isMultipartGrant } from '../../database/queries/pending-uploads.ts';
import type { UploadResponse } from '../../protocol/messages.ts';
import { Problem } from '../../protocol/problem.ts';
import { type PartRange, partSizeOf, partsOf } from '../../protocol/upload/multipart.ts';
import { readChunks } from '../../runtime/read-chunks.ts';
import type { DiskStorage } from '../../storage/disk/disk-storage.ts';
import { NO_ORIGIN, type Origin } from '../audit/request-author.ts';
import { registerRoute } from '../http/register-route.ts';
import { atMinimumRate } from '../limits/minimum-rate.ts';
import { Turns } from '../limits/request-limits.ts';
import { DEFAULT_LIMITS } from '../limits/server-limits.ts';
import type { Services } from '../services.ts';
import { finalizeUpload, noSuchUpload, wrongSize } from '../uploads/finalize-upload.ts';
import { OpenUploads } from '../uploads/open-uploads.ts';

/** api.md, "Upload Artifacts": the PUT to the presigned URL, which with disk storage leads to this server. */
export function registerUploads(app: FastifyInstance, services: Services, disk: DiskStorage): void {
  app.register(async (scope) => {
    // The body stays a stream, whatever its content type.
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser('*', (_request, _payload, done) => done(null));

    const { limits = DEFAULT_LIMITS } = services;
    const turns = new Turns(limits.uploads);
    const open = new OpenUploads(disk);
    registerRoute(scope, 'upload', {
      handle: async ({ params, raw }, reply): Promise<UploadResponse> => {
        const upload = await open.begin(params.upload_id, raw.raw);
        if (upload === undefined) throw inProgress(reply);
        try {
          const body = upload.watch(invitedBody(raw.raw, reply.raw));
          const takeTurn = (appId: string) => turns.take(appId, reply);
          const { raw: request, origin = NO_ORIGIN } = raw;
          return await receiveUpload({ services, disk }, params.upload_id, {
            ...{ request, body, takeTurn, origin },
          });
        } finally {
          upload.end();
        }
      },
    });
    registerParts(scope, { services, disk, turns });
  });
}

interface ArrivingUpload {
  readonly request: IncomingMessage;
  /** Not read until the upload is known to be possible. */
  readonly body: AsyncIterable<Buffer>;
  readonly origin: Origin;
  /** Waits until the app may have another upload under way. */
  readonly takeTurn: (appId: string) => Promise<void>;
}

async function receiveUpload(
  { services, disk }: { readonly services: Services; readonly disk: DiskStorage },
  uploadId: string,
  { request, body, takeTurn, origin }: ArrivingUpload,
): Promise<UploadResponse> {
  const upload = await findUpload(services.database.queries, uploadId);
  if (upload === undefined) throw noSuchUpload();
  if (upload === 'complete') {
    throw new Problem('immutable', 'This URL was already used: its upload is complete.');
  }
  requireDeclaredLength(request, upload.fileSize, () => wrongSize(upload));
  const { fileSize: size, pubkey } = upload;
  await takeTurn(upload.appId);
  const staged = await disk.receive(body, {
    size,
    blake2b512: pubkey !== null,
    newStorageKey: () => newStorageKey(services.database.queries, services.clock()),
  });
  if (staged === 'size_differs') throw wrongSize(upload);
  const wentLive = await finalizeUpload(services, { ...upload, origin }, staged);
  return { status: 'complete', size, sha256: staged.sha256, went_live: wentLive };
}

function inProgress(reply: FastifyReply): Problem {
  reply.header('retry-after', '5');
  return new Problem(
    'upload_in_progress',
    'Another request is uploading to this URL. It is not disturbed; if it fails, the URL can be used again.',
  );
}

interface PartHandling {
  readonly services: Services;
  readonly disk: DiskStorage;
  readonly turns: Turns;
}

/** Extension `multipart`: the PUT of one part. As at S3, an upload that is complete has no parts any more. */
function registerParts(scope: FastifyInstance, { services, disk, turns }: PartHandling): void {
  const { arrivals } = disk;
  const partSizeOfFile = services.partSizeOf ?? partSizeOf;
  registerRoute(scope, 'uploadPart', {
    handle: async ({ params, raw }, reply) => {
      const { upload_id: uploadId, multipart_id: multipartId } = params;
      const { queries } = services.database;
      const upload = await findUpload(queries, uploadId);
      const isOpen = typeof upload === 'object' && (await isMultipartGrant(queries, uploadId, multipartId));
      if (!isOpen) throw uploadGone();
      const partSize = partSizeOfFile(upload.fileSize);
      const part = partsOf(upload.fileSize, partSize)[Number(params.part_number) - 1];
      if (part === undefined) throw uploadGone();
      requireDeclaredLength(raw.raw, part.size, () => wrongPartSize(part));
      await turns.take(upload.appId, reply);
      const result = await arrivals.parts.write(
        { uploadId, multipartId },
        {
          ...part,
          offset: (part.number - 1) * partSize,
          blake2b512: upload.pubkey !== null,
          body: invitedBody(raw.raw, reply.raw),
        },
      );
      if (result.kind === 'stored') return reply.header('etag', result.etag).send();
      if (result.kind === 'size_differs') throw wrongPartSize(part);
      if (result.kind === 'gone') throw uploadGone();
      if (result.kind === 'in_progress') throw inProgress(reply);
      throw new Problem('unavailable', 'Another request has taken over this part.');
    },
  });
}

function uploadGone(): Problem {
  return new Problem('not_found', 'There is no such upload in parts, or no longer.');
}

function wrongPartSize({ size }: PartRange): Problem {
  const message = `must be the part's size of ${size} bytes`;
  return new Problem('content_mismatch', `The Content-Length ${message}.`, [{ field: 'part_size', message }]);
}

/** The body; a client that sends `Expect: 100-continue` is invited to send it only when it is first read. */
async function* invitedBody(request: IncomingMessage, response: ServerResponse): AsyncIterable<Buffer> {
  if (request.headers.expect !== undefined) response.writeContinue();
  try {
    yield* atMinimumRate(readChunks(request));
  } catch (error) {
    if (!request.destroyed || error instanceof Problem) throw error;
    throw new Problem('invalid_request', 'The upload ended before its last byte.');
  }
}

/** Refuses an upload before its body is read. */
function requireDeclaredLength({ headers }: IncomingMessage, size: number, wrongLength: () => Problem): void {
  if (headers['content-length'] === undefined) {
    throw new Problem(
      'length_required',
      'An upload needs a Content-Length; chunked uploads are not accepted.',
    );
  }
  if (Number(headers['content-length']) !== size) throw wrongLength();
}
