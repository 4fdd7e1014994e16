import type { FileHandle } from 'node:fs/promises';
import type { ServerResponse } from 'node:http';
import type { Readable } from 'node:stream';
import type { FastifyInstance, FastifyReply } from 'fastify';
import { findStoredFile, type StoredFile } from '../../database/queries/artifacts.ts';
import { Problem } from '../../protocol/problem.ts';
import { errorCode } from '../../runtime/error-details.ts';
import { freeBuffer } from '../../runtime/used-buffers.ts';
import { contentDisposition } from '../../storage/content-disposition.ts';
import type { DiskStorage } from '../../storage/disk/disk-storage.ts';
import { openRegularFile } from '../../storage/regular-file.ts';
import { downloadName } from '../http/download-name.ts';
import { type ByteRange, evaluatePreconditions, requestedRange } from '../http/preconditions.ts';
import { registerRoute } from '../http/register-route.ts';
import { fileLost } from '../maintenance/file-lost.ts';
import type { Services } from '../services.ts';

/** Bytes read from disk at once, and while there are many downloads: each has a few times as many in memory. */
const READ_SIZE = 256 * 1024;
const SMALL_READ_SIZE = 64 * 1024;
const MANY_DOWNLOADS = 16;

/** Serves the signed download URLs of the disk storage. */
export function registerStoredFiles(
  app: FastifyInstance,
  { database, lostFiles }: Services,
  disk: DiskStorage,
): void {
  const isLost = async (file: StoredFile) => (await lostFiles?.find([file]))?.has(file.storageKey) ?? false;
  const downloads = new Downloads();
  registerRoute(app, 'storedFile', {
    handle: async ({ params, raw }, reply) => {
      const file = await findStoredFile(database.queries, params.storage_key);
      if (file === undefined) throw new Problem('not_found', 'There is no such file.');
      const validators = { etag: `"${file.sha256}"`, lastModified: file.createdAt };
      const precondition = evaluatePreconditions(raw.headers, validators);
      if (precondition === 'failed') {
        throw new Problem('precondition_failed', 'The file is not the one that the request asks for.');
      }
      if (precondition === 'not_modified') return reply.code(304).headers(fileHeaders(file)).send();
      const handle = await openWhole(disk.path(file.storageKey), file.fileSize).catch(async (error) => {
        throw (await isLost(file)) ? fileLost(file) : error;
      });
      // Only GET has ranges. The other conditions are evaluated above.
      const mayBePart = raw.method === 'GET' && precondition === 'send';
      const range = mayBePart ? requestedRange(raw.headers.range, file.fileSize) : undefined;
      if (range === 'unsatisfiable' || raw.method === 'HEAD') await handle.close();
      if (range === 'unsatisfiable') {
        reply.header('content-range', `bytes */${file.fileSize}`);
        throw new Problem('range_not_satisfiable', 'The file has no such range.');
      }
      const part = range ?? { start: 0, end: file.fileSize };
      if (range !== undefined) {
        reply.code(206).header('content-range', `bytes ${part.start}-${part.end - 1}/${file.fileSize}`);
      }
      reply.headers(fileHeaders(file)).type('application/octet-stream');
      reply.header('content-length', part.end - part.start);
      return raw.method === 'HEAD' ? reply.send() : downloads.send(reply, handle, part);
    },
  });
}

/**
 * Opens a file that is in the database. After the headers are sent, it is too late to find that it cannot be read.
 * @throws the file system's error; Error when it has another size
 */
async function openWhole(path: string, recordedSize: number): Promise<FileHandle> {
  const { handle, size } = await openRegularFile(path).catch((cause: unknown) => {
    const message = `a file in the database cannot be read (${errorCode(cause)})`;
    throw new Error(message, { cause });
  });
  if (size === recordedSize) return handle;
  await handle.close();
  throw new Error(`a file in the database has ${size} bytes instead of ${recordedSize}`);
}

function fileHeaders(file: StoredFile): Readonly<Record<string, string>> {
  return {
    'accept-ranges': 'bytes',
    'cache-control': 'private, max-age=3600, immutable, no-transform',
    'content-disposition': contentDisposition(downloadName(file)),
    etag: `"${file.sha256}"`,
    'last-modified': file.createdAt.toUTCString(),
    'repr-digest': `sha-256=:${Buffer.from(file.sha256, 'hex').toString('base64')}:`, // RFC 9530
  };
}

/** The files that are being sent. */
class Downloads {
  #count = 0;

  /** Sends a part of an open file, and closes it. */
  send(reply: FastifyReply, handle: FileHandle, { start, end }: ByteRange): FastifyReply {
    this.#count += 1;
    const highWaterMark = this.#count < MANY_DOWNLOADS ? READ_SIZE : SMALL_READ_SIZE;
    const stream = handle.createReadStream({ start, end: end - 1, highWaterMark });
    stream.once('close', () => {
      this.#count -= 1;
    });
    freeOnceSent(stream, reply.raw);
    return reply.send(stream);
  }
}

/**
 * Frees each chunk of a stream that is piped into a response, once the response has no more bytes to send than came after
 * it. Otherwise tens of MiB of them pile up until they are collected.
 */
function freeOnceSent(stream: Readable, response: ServerResponse): void {
  const unsent: Buffer[] = [];
  let unsentBytes = 0;
  const onData = (chunk: Buffer) => {
    for (
      let [first] = unsent;
      first && unsentBytes - first.length >= response.writableLength;
      [first] = unsent
    ) {
      unsentBytes -= first.length;
      unsent.shift();
      freeBuffer(first);
    }
    unsent.push(chunk);
    unsentBytes += chunk.length;
  };
  stream.pause().on('data', onData); // it flows once it is piped
}
