import type { FastifyInstance } from 'fastify';
import { findDownload } from '../../database/queries/artifacts.ts';
import { DownloadQuery } from '../../protocol/messages.ts';
import { platformOf } from '../../protocol/platform.ts';
import { Problem } from '../../protocol/problem.ts';
import { downloadName } from '../http/download-name.ts';
import { registerRoute } from '../http/register-route.ts';
import { DOWNLOAD_URL_LIFE_MS, type Services } from '../services.ts';

export function registerDownloads(app: FastifyInstance, { database, storage, clock }: Services): void {
  // api.md, "Download Endpoint". A redirect with disk storage too: clients drop their Authorization header on it.
  registerRoute(app, 'download', {
    query: DownloadQuery,
    handle: async ({ params, query, raw }, reply) => {
      const platform = platformOf({ ...params, ...query });
      const { slug, release_id: releaseId } = params;
      const file = await findDownload(database.queries, { slug, releaseId, platform });
      if (file === undefined) throw new Problem('not_found', 'There is no such download.');
      const expiresAt = new Date(clock().getTime() + DOWNLOAD_URL_LIFE_MS);
      const { storageKey } = file;
      const method = raw.method === 'HEAD' ? 'HEAD' : 'GET';
      const fileName = downloadName(file);
      const location = await storage.downloadUrl({ storageKey, fileName, expiresAt, method });
      return reply.code(302).header('location', location).send();
    },
  });
}
