import { send } from '@fastify/send';
import type { FastifyInstance } from 'fastify';
import { findDownload, findStoredFile, type StoredFile } from '../../database/artifacts.ts';
import { DownloadQuery } from '../../protocol/messages.ts';
import { type Platform, platformName, platformOf } from '../../protocol/platform.ts';
import { Problem } from '../../protocol/problem.ts';
import { registerRoute } from '../register-route.ts';
import { DOWNLOAD_URL_LIFE_MS, type Services } from '../services.ts';

/** Bytes read from disk at once. */
const READ_SIZE = 256 * 1024;

export function registerDownloads(app: FastifyInstance, { database, storage, clock }: Services): void {
  // api.md, "Download Endpoint". The hop is kept on disk too: clients drop an Authorization of theirs on it.
  registerRoute(app, 'download', {
    query: DownloadQuery,
    handle: async ({ params, query }, reply) => {
      const platform = platformOf({ ...(params as Pick<Platform, 'target' | 'arch'>), ...query });
      const file = await findDownload(database.queries, params.slug, params.release_id, platform);
      if (file === undefined) throw new Problem('not_found', 'There is no such download.');
      const expiresAt = new Date(clock().getTime() + DOWNLOAD_URL_LIFE_MS);
      const location = await storage.downloadUrl({ id: file.storageKey, expiresAt });
      return reply.code(302).headers({ location, 'cache-control': 'no-store' }).send();
    },
  });

  registerRoute(app, 'storedFile', {
    handle: async ({ params, raw }, reply) => {
      const file = await findStoredFile(database.queries, params.storage_key);
      if (file === undefined) throw new Problem('not_found', 'There is no such file.');
      const options = {
        root: storage.servedFolder,
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
        throw new Error(`${file.storageKey} is recorded but cannot be read (${statusCode})`);
      }
      reply.code(statusCode).headers(headers).type('application/octet-stream');
      reply.headers({
        'cache-control': 'private, max-age=3600, immutable',
        'content-disposition': `attachment; filename="${fileName(file)}"`,
        'x-content-type-options': 'nosniff',
        'repr-digest': `sha-256=:${Buffer.from(file.sha256 ?? '', 'hex').toString('base64')}:`, // RFC 9530
      });
      return reply.send(stream);
    },
  });
}

function fileName(file: StoredFile): string {
  return `${file.slug ?? 'app'}-${file.version}-${platformName(file)}`;
}
