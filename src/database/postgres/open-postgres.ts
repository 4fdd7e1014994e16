import { Kysely, PostgresDialect, type PostgresPoolClient, sql } from 'kysely';
import type { Client, ClientConfig } from 'pg';
import { OtaError } from '../../errors.ts';
import { messageOf } from '../../runtime/error-details.ts';
import { CHANGE_CHANNEL } from '../change-channel.ts';
import type { Database } from '../database.ts';
import { migrate } from '../migrate.ts';
import { withQueryTimeout } from '../query-timeout.ts';
import type { Schema } from '../schema.ts';
import { ChangeListener, type ChangeListenerOptions } from './change-listener.ts';
import { CommitReportingDialect } from './postgres-dialect.ts';
import { ResilientPool } from './postgres-pool.ts';
import { cannotOpen, requireSupportedServer, SERVER_FACTS } from './startup-error.ts';

const CONNECT_TIMEOUT_MS = 5000;
/** The maximum of connections for queries; one more listens. */
const POOL_SIZE = 10;
const IDLE_TIMEOUT_MS = 60_000;
/** The type of `bigint`: times, sizes and counts, which JavaScript's numbers hold exactly. */
const INT8 = 20;

const POSTGRES_URL = /^postgres(ql)?:\/\//i;

export function isPostgresUrl(text: string): boolean {
  return POSTGRES_URL.test(text);
}

export interface PostgresOptions extends Omit<ChangeListenerOptions, 'newClient'> {
  /** As pg reads it, with `sslmode` and the rest; defaults come from PGPASSWORD and the like. */
  readonly url: string;
  /** In milliseconds. */
  readonly connectTimeoutMs?: number;
}

/**
 * Opens a store on PostgreSQL, creating and migrating its tables as needed. Any number of processes may open it.
 * @throws OtaError `store_unavailable`
 */
export async function openPostgres({
  url,
  connectTimeoutMs = CONNECT_TIMEOUT_MS,
  ...options
}: PostgresOptions): Promise<Database> {
  const { default: pg } = await import('pg'); // on first use: SQLite does not need it
  const types = new pg.TypeOverrides();
  types.setTypeParser(INT8, Number);
  const config: ClientConfig = {
    connectionString: withPlainSslMode(url),
    application_name: 'synckit-ota',
    connectionTimeoutMillis: connectTimeoutMs,
    keepAlive: true,
    keepAliveInitialDelayMillis: 5000,
    types,
  };
  const newClient = () => new pg.Client(config);
  const newListener = () => new pg.Client({ ...config, application_name: 'synckit-ota listener' });
  const where = locationOf(newClient);
  try {
    await prepare(newClient(), where, connectTimeoutMs);
    const listener = await ChangeListener.start({ newClient: newListener, ...options });
    const pool = new ResilientPool(
      new pg.Pool({ ...config, max: POOL_SIZE, idleTimeoutMillis: IDLE_TIMEOUT_MS }),
    );
    const dialect = new CommitReportingDialect(pool, () => listener.recordChange());
    const queries = new Kysely<Schema>({ dialect });
    const close = async () => void (await Promise.all([listener.close(), queries.destroy()]));
    await requireNotifications(listener, queries, where).catch(async (error) => {
      await close();
      throw error;
    });
    return {
      queries,
      location: where,
      clock: () => listener.clock.now(),
      changeCounter: () => listener.changeCounter(),
      lockDisk: (onLost) => listener.lockDisk(onLost),
      close,
    };
  } catch (error) {
    throw cannotOpen(where, error);
  }
}

/** pg treats some modes of TLS as `verify-full`, and warns on stderr that a later version will not. */
function withPlainSslMode(url: string): string {
  if (/[?&]uselibpqcompat=true/.test(url)) return url;
  return url.replace(/([?&]sslmode=)(?:prefer|require|verify-ca)(?=&|$)/, '$1verify-full');
}

/** Host, port and database of the URL, without its secrets. @throws OtaError `store_unavailable` */
function locationOf(newClient: () => Client): string {
  try {
    const { host, port, database } = newClient();
    return `${host.startsWith('/') ? host : `${host}:${port}`}/${database ?? ''}`;
  } catch (error) {
    // Without the cause, which may contain the URL.
    throw new OtaError('store_unavailable', `--database is not a valid URL: ${messageOf(error)}`, {
      hint: 'Use one like postgres://user@host:5432/database?sslmode=verify-full.',
    });
  }
}

/** Checks the server and migrates the schema, on a connection without timeouts for statements. */
async function prepare(client: Client, where: string, timeoutMs: number): Promise<void> {
  client.on('error', () => {}); // the query that waits for a response fails with it
  try {
    await client.connect();
    const { rows } = await withQueryTimeout(client.query(SERVER_FACTS), timeoutMs);
    requireSupportedServer(where, rows[0]);
    const session = { query: client.query.bind(client), release() {} } as PostgresPoolClient;
    const pool = { connect: async () => session, async end() {}, options: {} };
    await migrate(new Kysely<Schema>({ dialect: new PostgresDialect({ pool }) }));
  } finally {
    client.end().catch(() => {});
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
    hint: 'Connect to it directly, or through a pooler that keeps sessions (PgBouncer: pool_mode = session).',
  });
}
