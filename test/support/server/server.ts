import { setImmediate } from 'node:timers/promises';
import type { FastifyInstance } from 'fastify';
import pino from 'pino';
import type { Database } from '../../../src/database/database.ts';
import { createApp as createAppRecord, type NewApp } from '../../../src/database/queries/apps.ts';
import { createToken } from '../../../src/database/queries/tokens.ts';
import { urlSigningKeys } from '../../../src/database/queries/url-signing-keys.ts';
import { openSqlite } from '../../../src/database/sqlite/open-sqlite.ts';
import { SCOPES } from '../../../src/protocol/access/scope.ts';
import { createApp } from '../../../src/server/app.ts';
import { type Listening, listen } from '../../../src/server/listen.ts';
import type { Services } from '../../../src/server/services.ts';
import { DiskStorage } from '../../../src/storage/disk/disk-storage.ts';
import { undocumentedProblems } from '../docs/undocumented-problems.ts';
import { by } from './by.ts';

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
    options?: { scopes?: readonly string[]; expiresAt?: Date | null },
  ): Promise<string>;
  close(): Promise<void>;
}

/** Files are compared only when something asks for it, whatever else a test takes its time for. */
const NEVER_COMPARED = { interval: 1e9, perSecond: 1 };

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
    comparisonPace: NEVER_COMPARED,
    onDurabilityLost: (cause) => {
      throw cause;
    },
    ...overrides,
  };
  const app = createApp(services, pino({ level: 'silent' }));
  // Of two servers in one process, neither may begin a transaction in the middle of the other's: SQLite's wait blocks both.
  await setImmediate();
  const undocumented = undocumentedProblems(app);
  return Object.assign(server, {
    app,
    database,
    services,
    disk: storage,
    async listen(reachedBy) {
      const listening = await listen(app, { host: '127.0.0.1', port: 0 });
      publicUrl = reachedBy?.origin ?? listening.url;
      return listening;
    },
    async createApp(fields: Partial<NewApp> = {}) {
      const record = await createAppRecord(database.queries, { name: 'Test', ...fields }, by(clock()));
      if (record === 'slug_taken') throw new Error(`the slug ${fields.slug} is taken`);
      return { id: record.id, token: await server.createToken(record.id) };
    },
    async createToken(appId: string, { scopes = SCOPES as readonly string[], expiresAt = null } = {}) {
      const { token } = await createToken(
        database.queries,
        { appId, name: 'test', scopes, expiresAt },
        by(clock()),
      );
      return token;
    },
    async close() {
      await app.close();
      await database.close();
      if (undocumented.size > 0) throw new Error(`not documented: ${[...undocumented].join(', ')}`);
    },
  } satisfies Omit<TestServer, 'now'>);
}
