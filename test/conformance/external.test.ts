import { setTimeout as sleep } from 'node:timers/promises';
import { describe, vi } from 'vitest';
import { fetchRequest } from './fetch-request.ts';
import { runScenarios } from './run-scenarios.ts';
import { World } from './world.ts';

const {
  SYNCKIT_OTA_CONFORMANCE_URL: url,
  SYNCKIT_OTA_CONFORMANCE_APP: id,
  SYNCKIT_OTA_CONFORMANCE_TOKEN: token,
  SYNCKIT_OTA_CONFORMANCE_SLUG: slug = 'synckit-ota-conformance',
} = process.env;

/** Within this time our server has polled a remote store for uploads, in milliseconds. */
const LOOKED_AT_MS = 7000;
vi.setConfig({ testTimeout: 120_000 });

describe.skipIf(!url || !id || !token)('the server at $SYNCKIT_OTA_CONFORMANCE_URL', () => {
  const publicUrl = (url ?? '').replace(/\/$/, '');
  runScenarios(
    async () => {
      const target = {
        publicUrl,
        app: { id: id ?? '', token: token ?? '' },
        slug,
        request: (method: string, path: string, options = {}) =>
          fetchRequest(method, publicUrl + path, options),
        follow: (method: string, fullUrl: string, options = {}) => fetchRequest(method, fullUrl, options),
      };
      const remote = (await new World(target).offered()).has('complete-upload');
      const settle = () => sleep(LOOKED_AT_MS);
      return { target: { ...target, ...(remote && { settle }) }, close: async () => {} };
    },
    { lacks: 'unknown' },
  );
});
