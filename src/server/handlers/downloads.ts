import type { FastifyInstance } from 'fastify';
import { findDownload } from '../../database/queries/artifacts.ts';
import { DownloadQuery } from '../../protocol/messages.ts';
import { platformName, platformOf } from '../../protocol/platform.ts';
import { Problem } from '../../protocol/problem.ts';
import { COHORT_HEADER, parseCohort } from '../../protocol/rollout/cohort.ts';
import { precedenceOf } from '../../protocol/version.ts';
import { clientAddressReader, trustedHops } from '../http/client-address.ts';
import { downloadName } from '../http/download-name.ts';
import { useCanonicalNames } from '../http/lenient-names.ts';
import { registerRoute } from '../http/register-route.ts';
import { fileLost } from '../maintenance/file-lost.ts';
import { DOWNLOAD_URL_LIFE_MS, type Services } from '../services.ts';

export function registerDownloads(app: FastifyInstance, services: Services): void {
  const { database, storage, clock, counting, trustProxy } = services;
  const addressOf = clientAddressReader(trustedHops(trustProxy));
  // api.md, "Download Endpoint". A redirect with disk storage too: clients drop their Authorization header on it.
  registerRoute(app, 'download', {
    query: DownloadQuery,
    before: useCanonicalNames,
    handle: async ({ params, query, raw }, reply) => {
      const platform = platformOf({ ...params, ...query });
      const { slug, release_id: releaseId } = params;
      const file = await findDownload(database.queries, { slug, releaseId, platform });
      if (file === undefined) throw new Problem('not_found', 'There is no such download.');
      if (file.isLost) throw fileLost(file);
      const expiresAt = new Date(clock().getTime() + DOWNLOAD_URL_LIFE_MS);
      const { storageKey } = file;
      const method = raw.method === 'HEAD' ? 'HEAD' : 'GET';
      const fileName = downloadName(file);
      if (method === 'GET') {
        const { appId, version } = file;
        const tally = {
          appId,
          version: precedenceOf(version),
          platform: platformName(params),
          isDownload: true,
        };
        const cohort = parseCohort(raw.headers[COHORT_HEADER]);
        counting?.count(tally, { address: addressOf(raw.raw), cohort });
      }
      const location = await storage.downloadUrl({ storageKey, fileName, expiresAt, method });
      return reply.code(302).header('location', location).send();
    },
  });
}
