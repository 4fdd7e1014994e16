import { describe } from 'vitest';
import { fetchRequest } from './fetch-request.ts';
import { runScenarios } from './run-scenarios.ts';

const {
  SYNCKIT_OTA_CONFORMANCE_URL: url,
  SYNCKIT_OTA_CONFORMANCE_APP: id,
  SYNCKIT_OTA_CONFORMANCE_TOKEN: token,
  SYNCKIT_OTA_CONFORMANCE_SLUG: slug = 'synckit-ota-conformance',
} = process.env;

describe.skipIf(!url || !id || !token)('the server at $SYNCKIT_OTA_CONFORMANCE_URL', () => {
  const publicUrl = (url ?? '').replace(/\/$/, '');
  runScenarios(
    async () => ({
      target: {
        publicUrl,
        app: { id: id ?? '', token: token ?? '' },
        slug,
        request: (method, path, options = {}) => fetchRequest(method, publicUrl + path, options),
        follow: (method, fullUrl, options = {}) => fetchRequest(method, fullUrl, options),
      },
      close: async () => {},
    }),
    { complete: false },
  );
});
