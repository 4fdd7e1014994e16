import type { FastifyInstance } from 'fastify';
import pino from 'pino';
import type { Database } from '../../../src/database/database.ts';
import { createApp as createAppRecord, type NewApp } from '../../../src/database/queries/apps.ts';
import { createToken } from '../../../src/database/queries/tokens.ts';
import { urlSigningKeys } from '../../../src/database/queries/url-signing-keys.ts';
import { openSqlite } from '../../../src/database/sqlite/open-sqlite.ts';
import { SCOPES, type Scope } from '../../../src/protocol/token.ts';
import { createApp } from '../../../src/server/app.ts';
import { type Listening, listen } from '../../../src/server/listen.ts';
import type { Services } from '../../../src/server/services.ts';
import { DiskStorage } from '../../../src/storage/disk/disk-storage.ts';

/** The real server on a real store, in this process; `now` can be moved. */
export interface TestServer {
  readonly app: FastifyInstance;
  readonly database: Database;
  readonly services: Services;
  /** Its storage, unless another was given. */
  readonly disk: DiskStorage;
  now: Date;
  /** Starts listening on loopback; from then on its URLs point there, or to the proxy in front of it. */
  listen(reachedBy?: URL): Promise<Listening>;
  createApp(app?: Partial<NewApp>): Promise<{ id: string; token: string }>;
  createToken(
    appId: string,
    options?: { scopes?: readonly Scope[]; expiresAt?: Date | null },
  ): Promise<string>;
  close(): Promise<void>;
}

export const TEST_PUBLIC_URL = 'https://updates.example.com';

/**
 * Opens a server on `dataDir`, which may have an earlier store, or on another database, which it closes. The caller
 * closes the server.
 */
export async function openTestServer(
  dataDir: string,
  overrides: Partial<Services> = {},
): Promise<TestServer> {
  const database = overrides.database ?? (await openSqlite({ dataDir }));
  let publicUrl = TEST_PUBLIC_URL;
  const server = { now: new Date('2026-03-13T12:00:00Z') } as TestServer;
  const clock = overrides.clock ?? (() => server.now);
  const signingKeys = urlSigningKeys(database.queries, clock);
  const storage = await DiskStorage.open({ dataDir, keys: signingKeys, publicUrl: () => publicUrl });
  const services: Services = {
    database,
    storage,
    signingKeys,
    clock,
    publicUrl: () => publicUrl,
    maxArtifactSize: 2 * 1024 ** 3,
    checkMaxAge: 0,
    staleIfError: 0,
    allowVersionReuse: false,
    trustProxy: [],
    version: '0.0.0-test',
    onDurabilityLost: (cause) => {
      throw cause;
    },
    ...overrides,
  };
  const app = createApp(services, pino({ level: 'silent' }));
  return Object.assign(server, {
    app,
    database,
    services,
    disk: storage,
    async listen(reachedBy) {
      const listening = await listen(app, '127.0.0.1', 0);
      publicUrl = reachedBy?.origin ?? listening.url;
      return listening;
    },
    async createApp(fields: Partial<NewApp> = {}) {
      const record = await createAppRecord(database.queries, { name: 'Test', ...fields }, clock());
      if (record === 'slug_taken') throw new Error(`the slug ${fields.slug} is taken`);
      return { id: record.id, token: await server.createToken(record.id) };
    },
    async createToken(appId: string, { scopes = SCOPES, expiresAt = null } = {}) {
      const { token } = await createToken(
        database.queries,
        { appId, name: 'test', scopes, expiresAt },
        clock(),
      );
      return token;
    },
    async close() {
      await app.close();
      await database.close();
    },
  } satisfies Omit<TestServer, 'now'>);
}
