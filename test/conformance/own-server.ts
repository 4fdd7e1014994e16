import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createToken, revokeTokens } from '../../src/database/queries/tokens.ts';
import { SCOPES } from '../../src/protocol/access/scope.ts';
import { by } from '../support/server/by.ts';
import { openTestServer, type TestServer } from '../support/server/server.ts';
import { fetchRequest } from './fetch-request.ts';
import type { OpenTarget } from './run-scenarios.ts';
import type { CallOptions, Reply, Target } from './target.ts';

/** Sends a request for a path of the server. */
export type Send = (method: string, path: string, options: CallOptions) => Promise<Reply>;

/** Opens a server on an empty folder, with what is special to it as a target. */
export interface Opening {
  readonly server: TestServer;
  readonly special?: Partial<Target>;
}

/** Our own server as a target, on an empty store; `connect` decides how requests reach it. */
export async function openOwnServer(
  connect: (server: TestServer) => Promise<Send>,
  open: (dataDir: string) => Promise<Opening> = openOnDisk,
): Promise<OpenTarget> {
  const dataDir = await mkdtemp(join(tmpdir(), 'synckit-ota-test-'));
  const { server, special } = await open(dataDir);
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
      follow: (method, url, options = {}) =>
        url.startsWith(`${publicUrl}/`)
          ? send(method, url.slice(publicUrl.length), options)
          : fetchRequest(method, url, options),
      ...special,
    },
    async close() {
      await server.close();
      await rm(dataDir, { recursive: true });
    },
  };
}

/** SQLite and files in the folder. */
async function openOnDisk(dataDir: string): Promise<Opening> {
  const server = await openTestServer(dataDir);
  const advance = (milliseconds: number) => {
    server.now = new Date(server.now.getTime() + milliseconds);
  };
  return { server, special: { advance } };
}

async function revokedToken({ database, now }: TestServer, appId: string): Promise<string> {
  const fields = { appId, name: 'revoked', scopes: SCOPES, expiresAt: null };
  const { record, token } = await createToken(database.queries, fields, by(now));
  await revokeTokens(database.queries, { id: record.id }, by(now));
  return token;
}
