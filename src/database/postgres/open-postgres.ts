import { Kysely, PostgresDialect, type PostgresPoolClient, sql } from 'kysely';
import type { Client, ClientConfig } from 'pg';
import { OtaError } from '../../errors.ts';
import { CHANGE_CHANNEL } from '../change-channel.ts';
import type { Database } from '../database.ts';
import { migrate } from '../migrate.ts';
import { withQueryTimeout } from '../query-timeout.ts';
import type { Schema } from '../schema.ts';
import { ChangeListener, type ChangeListenerOptions } from './change-listener.ts';
import { WatchfulPostgresDialect } from './postgres-dialect.ts';
import { WatchfulPool } from './postgres-pool.ts';
import { cannotOpen, requireFit, type ServerFacts } from './startup-error.ts';

/** How long a connection may take to be made, in milliseconds. */
const CONNECT_TIMEOUT_MS = 5000;
/** Connections for queries, at most; one more listens. */
const POOL_SIZE = 10;
/** How long a connection is kept that nobody needs, in milliseconds. */
const IDLE_TIMEOUT_MS = 60_000;
/** The type of `bigint`: here times, sizes and counts, which numbers hold exactly. */
const INT8 = 20;

const SERVER_FACTS = `select current_setting('server_version_num')::int4 as version,
  current_setting('server_encoding') as encoding`;

/** A `postgres://` URL; it may hold a password. */
const POSTGRES_URL = /^postgres(ql)?:\/\//i;

export function isPostgresUrl(text: string): boolean {
  return POSTGRES_URL.test(text);
}

export interface PostgresOptions extends Omit<ChangeListenerOptions, 'newClient'> {
  /** As pg reads it, with `sslmode` and the rest; what it lacks comes from PGPASSWORD and its like. */
  readonly url: string;
}

/**
 * Opens a store on PostgreSQL, creating and migrating its tables as needed. Any number of processes may have it open.
 * @throws OtaError `store_unavailable`
 */
export async function openPostgres({ url, ...options }: PostgresOptions): Promise<Database> {
  const { default: pg } = await import('pg'); // not before: nothing but this needs it
  const config: ClientConfig = {
    connectionString: plain(url),
    application_name: 'synckit-ota',
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    keepAlive: true,
    keepAliveInitialDelayMillis: 5000,
    types: {
      getTypeParser: (type: number, format?: 'text' | 'binary') =>
        type === INT8 ? Number : pg.types.getTypeParser(type, format as 'text'),
    } as ClientConfig['types'],
  };
  const newClient = () => new pg.Client(config);
  const newListener = () => new pg.Client({ ...config, application_name: 'synckit-ota listener' });
  const where = whereIs(newClient);
  try {
    await prepare(newClient(), where);
    const sentinel = await ChangeListener.start({ newClient: newListener, ...options });
    const pool = new WatchfulPool(
      new pg.Pool({ ...config, max: POOL_SIZE, idleTimeoutMillis: IDLE_TIMEOUT_MS }),
    );
    const dialect = new WatchfulPostgresDialect(pool, () => sentinel.changed());
    const queries = new Kysely<Schema>({ dialect });
    const close = async () => void (await Promise.all([sentinel.close(), queries.destroy()]));
    await requireNews(sentinel, queries, where).catch(async (error) => {
      await close();
      throw error;
    });
    return {
      queries,
      location: where,
      clock: () => sentinel.clock.now(),
      changeCounter: () => sentinel.changeCounter(),
      lockDisk: (onLost) => sentinel.lockDisk(onLost),
      close,
    };
  } catch (error) {
    throw cannotOpen(where, error);
  }
}

/** Some modes of TLS are the strictest by other names, of which pg warns on stderr, because a version to come differs. */
function plain(url: string): string {
  if (/[?&]uselibpqcompat=true/.test(url)) return url;
  return url.replace(/([?&]sslmode=)(?:prefer|require|verify-ca)(?=&|$)/, '$1verify-full');
}

/** Where the URL leads, without its secrets. @throws OtaError `store_unavailable` */
function whereIs(newClient: () => Client): string {
  try {
    const { host, port, database } = newClient();
    return `${host.startsWith('/') ? host : `${host}:${port}`}/${database ?? ''}`;
  } catch (error) {
    // Without the cause, which may hold the URL.
    throw new OtaError('store_unavailable', `--database cannot be understood: ${(error as Error).message}`, {
      hint: 'Give it like postgres://user@host:5432/database?sslmode=verify-full.',
    });
  }
}

/** Looks whether the server will do, and brings the schema up to date, on a connection without limits of time. */
async function prepare(client: Client, where: string): Promise<void> {
  client.on('error', () => {}); // whoever waits for an answer gets it
  try {
    await client.connect();
    const { rows } = await withQueryTimeout(client.query<ServerFacts>(SERVER_FACTS), CONNECT_TIMEOUT_MS);
    requireFit(where, rows[0] as ServerFacts);
    const session = { query: client.query.bind(client), release() {} } as PostgresPoolClient;
    const pool = { connect: async () => session, async end() {}, options: {} };
    await migrate(new Kysely<Schema>({ dialect: new PostgresDialect({ pool }) }));
  } finally {
    client.end().catch(() => {});
  }
}

/** A pooler that gives a session to whoever comes next takes the queries, and loses what is told. */
async function requireNews(sentinel: ChangeListener, db: Kysely<Schema>, where: string): Promise<void> {
  const tell = () => sql`select pg_notify(${CHANGE_CHANNEL}, '')`.execute(db);
  if (await sentinel.hears(tell)) return;
  throw new OtaError('store_unavailable', `PostgreSQL at ${where} does not tell this session of changes`, {
    hint: 'Connect to it directly, or by a pooler that keeps sessions (PgBouncer: pool_mode = session).',
  });
}
