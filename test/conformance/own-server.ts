import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createToken, revokeToken } from '../../src/database/tokens.ts';
import { SCOPES } from '../../src/protocol/token.ts';
import type { Services } from '../../src/server/services.ts';
import { openTestServer, type TestServer } from '../support/server.ts';
import type { OpenTarget } from './run-scenarios.ts';
import type { CallOptions, Reply } from './target.ts';

/** Sends a request for a path of the server. */
export type Send = (method: string, path: string, options: CallOptions) => Promise<Reply>;

/**
 * Our own server as a target, on an empty store; `connect` decides how requests get to it.
 * @param overrides what it has instead of SQLite and the rest
 */
export async function openOwnServer(
  connect: (server: TestServer) => Promise<Send>,
  overrides: Partial<Services> = {},
): Promise<OpenTarget> {
  const dataDir = await mkdtemp(join(tmpdir(), 'synckit-ota-test-'));
  const server = await openTestServer(dataDir, overrides);
  const send = await connect(server);
  const app = await server.createApp();
  const publicUrl = server.services.publicUrl();
  return {
    target: {
      publicUrl,
      app,
      slug: 'my-app',
      credentials: {
        expired: await server.createToken(app.id, { expiresAt: server.now }),
        revoked: await revokedToken(server, app.id),
        readOnly: await server.createToken(app.id, { scopes: ['release:read'] }),
        otherApp: await server.createApp({ name: 'Other', slug: 'other-app' }),
      },
      request: (method, path, options = {}) => send(method, path, options),
      follow: (method, url, options = {}) => send(method, pathUnder(publicUrl, url), options),
      advance: (milliseconds) => {
        server.now = new Date(server.now.getTime() + milliseconds);
      },
    },
    async close() {
      await server.close();
      await rm(dataDir, { recursive: true });
    },
  };
}

async function revokedToken({ database, now }: TestServer, appId: string): Promise<string> {
  const fields = { appId, name: 'revoked', scopes: SCOPES, expiresAt: null };
  const { record, token } = await createToken(database.queries, fields, now);
  await revokeToken(database.queries, record.id, now);
  return token;
}

function pathUnder(publicUrl: string, url: string): string {
  if (!url.startsWith(`${publicUrl}/`)) throw new Error(`${url} is not under ${publicUrl}`);
  return url.slice(publicUrl.length);
}
