import { describe } from 'vitest';
import { fetchRequest } from './fetch-request.ts';
import { openOwnServer } from './own-server.ts';
import { runScenarios } from './run-scenarios.ts';

describe('the server over loopback', () => {
  runScenarios(
    () =>
      openOwnServer(async (server) => {
        const { url } = await server.listen();
        return (method, path, options) => fetchRequest(method, url + path, options);
      }),
    { complete: true },
  );
});
