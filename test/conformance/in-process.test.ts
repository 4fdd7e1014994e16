import { Readable } from 'node:stream';
import { describe } from 'vitest';
import { openOwnServer } from './own-server.ts';
import { runScenarios } from './run-scenarios.ts';
import type { CallOptions, Reply } from './target.ts';

describe('the server in process', () => {
  runScenarios(
    () =>
      openOwnServer(
        async ({ app }) =>
          async (method, path, { headers, body, chunked }: CallOptions): Promise<Reply> => {
            const payload = chunked ? Readable.from([body]) : body;
            const reply = await app.inject({
              method: method as 'GET',
              url: path,
              ...(headers && { headers }),
              ...(payload !== undefined && { payload }),
            });
            return {
              status: reply.statusCode,
              headers: Object.fromEntries(
                Object.entries(reply.headers).map(([name, value]) => [name, String(value)]),
              ),
              body: reply.rawPayload,
            };
          },
      ),
    { complete: true },
  );
});
