import { send } from '@fastify/send';
import type { FastifyInstance } from 'fastify';
import { findStoredFile } from '../../database/queries/artifacts.ts';
import { Problem } from '../../protocol/problem.ts';
import type { DiskStorage } from '../../storage/disk/disk-storage.ts';
import { downloadName } from '../http/download-name.ts';
import { registerRoute } from '../http/register-route.ts';
import type { Services } from '../services.ts';

/** Bytes read from disk at once. */
const READ_SIZE = 256 * 1024;

/** Serves the signed download URLs of the disk storage. */
export function registerStoredFiles(app: FastifyInstance, { database }: Services, disk: DiskStorage): void {
  registerRoute(app, 'storedFile', {
    handle: async ({ params, raw }, reply) => {
      const file = await findStoredFile(database.queries, params.storage_key);
      if (file === undefined) throw new Problem('not_found', 'There is no such file.');
      const options = {
        root: disk.servedFolder,
        cacheControl: false,
        contentType: false,
        highWaterMark: READ_SIZE,
      };
      const { type, statusCode, headers, stream } = await send(raw.raw, `/${file.storageKey}`, options);
      if (statusCode === 416) {
        reply.header('content-range', headers['Content-Range']);
        throw new Problem('range_not_satisfiable', 'The file has no such range.');
      }
      if (type !== 'file' && statusCode >= 400) {
        throw new Error(`${file.storageKey} is in the database but cannot be read (${statusCode})`);
      }
      reply.code(statusCode).headers(headers).type('application/octet-stream');
      reply.headers({
        'cache-control': 'private, max-age=3600, immutable',
        'content-disposition': `attachment; filename="${downloadName(file)}"`,
        'x-content-type-options': 'nosniff',
        'repr-digest': `sha-256=:${Buffer.from(file.sha256 ?? '', 'hex').toString('base64')}:`, // RFC 9530
      });
      return reply.send(stream);
    },
  });
}
