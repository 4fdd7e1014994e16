import type { PostgresCursor, PostgresPool, PostgresPoolClient, PostgresQueryResult } from 'kysely';
import type { Pool, PoolClient } from 'pg';
import { OtaError } from '../../errors.ts';
import { endsSession, unreachable } from '../database-error.ts';
import { withQueryTimeout } from '../query-timeout.ts';
import { SET_UP_SESSION } from './postgres-session.ts';

/** How long to wait for a response, in milliseconds: longer than the server runs a statement. */
const RESPONSE_TIMEOUT_MS = 10_000;
/** After being idle for this long, in milliseconds, a connection is checked before it is used. */
const MAX_UNCHECKED_MS = 1000;
/** In milliseconds; connections that take longer to close are destroyed. */
const CLOSE_TIMEOUT_MS = 1000;

/**
 * A pool that survives the loss of connections: errors always reach the caller, as an OtaError or with an SQLSTATE; no
 * response is waited for without a timeout; and a connection that failed is not used again.
 */
export class ResilientPool implements PostgresPool {
  /** Kysely's configuration of connections that cancel queries, which are not used here. */
  readonly options = {};
  readonly #pool: Pool;
  readonly #responseTimeoutMs: number;
  readonly #open = new Set<PoolClient>();
  /** When each connection that is set up was used last, on the monotonic clock. */
  readonly #usedAt = new WeakMap<PoolClient, number>();
  readonly #lost = new WeakSet<PoolClient>();

  constructor(pool: Pool, responseTimeoutMs = RESPONSE_TIMEOUT_MS) {
    this.#pool = pool;
    this.#responseTimeoutMs = responseTimeoutMs;
    pool.on('error', () => {}); // idle connections that the pool drops: without a listener, the process would exit
    pool.on('connect', (client) => {
      this.#open.add(client);
      client.once('end', () => this.#open.delete(client));
      client.on('error', () => this.#lost.add(client));
    });
  }

  async connect(): Promise<PostgresPoolClient> {
    for (;;) {
      const client = await this.#pool.connect().catch((cause) => {
        throw unreachable(cause);
      });
      const usedAt = this.#usedAt.get(client);
      if (usedAt === undefined) return this.#setUp(client);
      if (await this.#isUsable(client, usedAt)) return this.#sessionOf(client);
    }
  }

  async #setUp(client: PoolClient): Promise<PostgresPoolClient> {
    const session = this.#sessionOf(client);
    try {
      await session.query(SET_UP_SESSION, []);
      return session;
    } catch (error) {
      client.release(true); // lacks some of the settings
      throw error;
    }
  }

  #sessionOf(client: PoolClient): PooledSession {
    return new PooledSession({
      client,
      responseTimeoutMs: this.#responseTimeoutMs,
      isLost: () => this.#lost.has(client),
      onRelease: () => this.#usedAt.set(client, performance.now()),
    });
  }

  /**
   * Drops a connection that was lost while the process was suspended, or without notice: it would fail the next query
   * although the database is available.
   */
  async #isUsable(client: PoolClient, usedAt: number): Promise<boolean> {
    if (performance.now() - usedAt < MAX_UNCHECKED_MS) return true;
    try {
      await withQueryTimeout(client.query('select 1'), this.#responseTimeoutMs);
      return true;
    } catch (error) {
      client.release(true);
      if (error instanceof OtaError) throw error; // a timeout: other connections would get no response, either
      return false;
    }
  }

  async end(): Promise<void> {
    const forced = setTimeout(() => {
      for (const client of this.#open) client.connection.stream.destroy();
    }, CLOSE_TIMEOUT_MS);
    await this.#pool.end();
    clearTimeout(forced);
  }
}

interface PooledSessionOptions {
  readonly client: PoolClient;
  readonly responseTimeoutMs: number;
  readonly isLost: () => boolean;
  readonly onRelease: () => void;
}

class PooledSession implements PostgresPoolClient {
  readonly #options: PooledSessionOptions;
  /** Why the session is over. */
  #endedBy: unknown;

  constructor(options: PooledSessionOptions) {
    this.#options = options;
  }

  query<R>(sql: string, parameters: readonly unknown[]): Promise<PostgresQueryResult<R>>;
  query<R>(cursor: PostgresCursor<R>): PostgresCursor<R>;
  query<R>(
    sql: string | PostgresCursor<R>,
    parameters: readonly unknown[] = [],
  ): Promise<PostgresQueryResult<R>> | PostgresCursor<R> {
    if (typeof sql !== 'string') throw new Error('cursors are not supported');
    return this.#query<R>(sql, parameters);
  }

  async #query<R>(sql: string, parameters: readonly unknown[]): Promise<PostgresQueryResult<R>> {
    if (this.#endedBy !== undefined) throw unreachable(this.#endedBy);
    const { client, responseTimeoutMs, isLost } = this.#options;
    try {
      const response: Promise<unknown> = client.query(sql, [...parameters]);
      return (await withQueryTimeout(response, responseTimeoutMs)) as PostgresQueryResult<R>;
    } catch (error) {
      if (endsSession(error)) this.#endedBy = error;
      throw isLost() ? unreachable(error) : error;
    }
  }

  release(): void {
    this.#options.onRelease();
    this.#options.client.release(this.#endedBy !== undefined);
  }
}
