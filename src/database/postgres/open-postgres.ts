import { setTimeout as sleep } from 'node:timers/promises';
import { Kysely, PostgresDialect, type PostgresPoolClient, sql } from 'kysely';
import type PgModule from 'pg';
import type { Client, ClientConfig } from 'pg';
import { OtaError } from '../../errors.ts';
import { CHANGE_CHANNEL } from '../change-channel.ts';
import type { Database, OpenOptions } from '../database.ts';
import { type MigrateOptions, migrate } from '../migrate.ts';
import { queryLog } from '../query-log.ts';
import { withQueryTimeout } from '../query-timeout.ts';
import type { Schema } from '../schema.ts';
import { ChangeListener, type ChangeListenerOptions } from './change-listener.ts';
import { CurrentServer } from './current-server.ts';
import { FailoverProbe } from './failover-probe.ts';
import { CommitReportingDialect } from './postgres-dialect.ts';
import { postgresIdentity } from './postgres-identity.ts';
import { ResilientPool } from './postgres-pool.ts';
import { parsePostgresUrl } from './postgres-url.ts';
import { ServerList } from './server-list.ts';
import { cannotOpen, mayPass, requireSupportedServer, SERVER_FACTS } from './startup-error.ts';

const CONNECT_TIMEOUT_MS = 5000;
/** The maximum of connections for queries; one more listens, and another is opened for a moment now and then. */
const DEFAULT_CONNECTIONS = 10;
const IDLE_TIMEOUT_MS = 60_000;
/** How long a connection is used at most: a proxy may lead a new one elsewhere. */
const LIFETIME_SECONDS = 300;
/** The longest wait between two attempts to start, in milliseconds. */
const MAX_START_PAUSE_MS = 1000;
const POOLER_HINT =
  'Connect to it directly, or through a pooler that keeps sessions (PgBouncer: pool_mode = session).';
/** The type of `bigint`: times, sizes and counts, which JavaScript's numbers hold exactly. */
const INT8 = 20;

export interface PostgresOptions
  extends OpenOptions,
    Pick<ChangeListenerOptions, 'onConnection' | 'diskPatienceMs' | 'responseTimeoutMs'> {
  /** As libpq reads it; defaults come from PGPASSWORD and the like. */
  readonly url: string;
  /** Which option gives the URL, for messages. Default: `--database`. */
  readonly option?: string;
  /** The maximum of connections for queries. */
  readonly connections?: number;
  /** In milliseconds. */
  readonly connectTimeoutMs?: number;
  /** How long to try again while it does not start up, in milliseconds; 0 by default. */
  readonly startPatienceMs?: number;
  /** Called when it is tried again for the first time. */
  readonly onWaiting?: (cause: unknown) => void;
  /** Called when queries and passwords go over a network in clear text. */
  readonly onExposed?: () => void;
  /** How often a new connection finds out whether there was a failover, in milliseconds. */
  readonly probeIntervalMs?: number;
}

/**
 * Opens a store on PostgreSQL, creating and migrating its tables as needed. Any number of processes may open it.
 * @throws OtaError `store_unavailable`
 */
export async function openPostgres(options: PostgresOptions): Promise<Database> {
  const { url, option = '--database', connectTimeoutMs = CONNECT_TIMEOUT_MS } = options;
  const { hosts, config: fromUrl } = parsePostgresUrl(url, option);
  const { default: pg } = await import('pg'); // on first use: SQLite does not need it
  const types = new pg.TypeOverrides();
  types.setTypeParser(INT8, Number);
  const config: ClientConfig = {
    connectionTimeoutMillis: connectTimeoutMs,
    keepAlive: true,
    keepAliveInitialDelayMillis: 5000,
    types,
    ...fromUrl,
  };
  const servers = new ServerList(hosts, config, pg.Client);
  if (servers.isExposed) options.onExposed?.();
  try {
    return await retryStart(() => open(servers, options, pg), options);
  } catch (error) {
    throw cannotOpen(servers.location, error, { option, isEncrypted: servers.isEncrypted });
  }
}

async function open(
  servers: ServerList,
  { connectTimeoutMs = CONNECT_TIMEOUT_MS, connections = DEFAULT_CONNECTIONS, ...options }: PostgresOptions,
  { Pool, Client }: Pick<typeof PgModule, 'Pool' | 'Client'>,
): Promise<Database> {
  const currentServer = new CurrentServer();
  const { location } = servers;
  const migrateOptions = {
    onNewStore: () => options.onNewStore?.(location),
    beforeChange: async () => options.onOlderStore?.(location),
  };
  const timeoutMs = connectTimeoutMs;
  await servers.find((client) => prepare(client, { location, currentServer, timeoutMs, migrateOptions }));
  const unguarded = new Pool({
    Client: class extends Client {
      constructor() {
        super(servers.currentConfig);
      }
    },
    connectionTimeoutMillis: connectTimeoutMs,
    max: connections,
    idleTimeoutMillis: IDLE_TIMEOUT_MS,
    maxLifetimeSeconds: LIFETIME_SECONDS,
  });
  const pool = new ResilientPool(unguarded, { currentServer });
  const onServerChanged = () => pool.flush();
  const listener = await ChangeListener.start({ ...options, servers, currentServer, onServerChanged });
  const probe = new FailoverProbe(servers, currentServer, options.probeIntervalMs);
  const dialect = new CommitReportingDialect(pool, (appId) => listener.recordChange(appId));
  const queries = new Kysely<Schema>({ dialect, ...queryLog(options.onQuery) });
  const close = async () => void (await Promise.all([probe.close(), listener.close(), queries.destroy()]));
  await requireNotifications(listener, queries, location).catch(async (error) => {
    await close();
    throw error;
  });
  return {
    queries,
    location,
    clock: () => listener.clock.now(),
    identity: () => postgresIdentity(queries),
    changeCounter: (appId) => listener.changeCounter(appId),
    doubtCounter: () => listener.doubtCounter(),
    fault: () => listener.fault(),
    lockDisk: (onLost) => listener.lockDisk(onLost),
    close,
  };
}

/** Tries again while the server starts, or a failover is under way. */
async function retryStart<T>(
  start: () => Promise<T>,
  { startPatienceMs = 0, onWaiting }: PostgresOptions,
): Promise<T> {
  const deadline = performance.now() + startPatienceMs;
  for (let attempt = 0; ; attempt++) {
    try {
      return await start();
    } catch (error) {
      const pause = Math.min(MAX_START_PAUSE_MS, 100 * 2 ** attempt);
      if (!mayPass(error) || performance.now() + pause > deadline) throw error;
      if (attempt === 0) onWaiting?.(error);
      await sleep(pause);
    }
  }
}

interface Preparation {
  readonly location: string;
  readonly currentServer: CurrentServer;
  readonly timeoutMs: number;
  readonly migrateOptions: MigrateOptions;
}

/** Checks the server and migrates the schema, on a connection without timeouts for statements. */
async function prepare(
  client: Client,
  { location, currentServer, timeoutMs, migrateOptions }: Preparation,
): Promise<void> {
  client.on('error', () => {}); // the query that waits for a response fails with it
  const ask = async (statement: string) => {
    const { rows } = await withQueryTimeout(client.query<Record<string, unknown>>(statement), timeoutMs);
    return rows[0];
  };
  try {
    await client.connect();
    requireSupportedServer(location, await ask(SERVER_FACTS));
    await currentServer.prepare((columns) => ask(`select ${columns}`));
    await requireTransactions(ask, location);
    const session = { query: client.query.bind(client), release() {} } as PostgresPoolClient;
    const pool = { connect: async () => session, async end() {}, options: {} };
    await migrate(new Kysely<Schema>({ dialect: new PostgresDialect({ pool }) }), migrateOptions);
  } finally {
    client.end().catch(() => {});
  }
}

/** A pooler that shares sessions between statements refuses transactions, or ends the connection. */
async function requireTransactions(
  ask: (statement: string) => Promise<unknown>,
  where: string,
): Promise<void> {
  try {
    await ask('begin');
    await ask('rollback');
  } catch {
    throw new OtaError('store_unavailable', `PostgreSQL at ${where} does not keep transactions together`, {
      hint: POOLER_HINT,
    });
  }
}

/** A pooler that shares sessions between clients passes on queries, but loses notifications. */
async function requireNotifications(
  listener: ChangeListener,
  db: Kysely<Schema>,
  where: string,
): Promise<void> {
  const notify = () => sql`select pg_notify(${CHANGE_CHANNEL}, '')`.execute(db);
  if (await listener.receives(notify)) return;
  throw new OtaError('store_unavailable', `PostgreSQL at ${where} does not deliver notifications`, {
    hint: POOLER_HINT,
  });
}
