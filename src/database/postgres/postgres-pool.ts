import { setTimeout as sleep } from 'node:timers/promises';
import type { PostgresCursor, PostgresPool, PostgresPoolClient, PostgresQueryResult } from 'kysely';
import type { Pool, PoolClient } from 'pg';
import { OtaError } from '../../errors.ts';
import { errorCode } from '../../runtime/error-details.ts';
import { endsSession, unreachable } from '../database-error.ts';
import { withQueryTimeout } from '../query-timeout.ts';
import { type CurrentServer, faultOf } from './current-server.ts';
import { SET_UP_SESSION } from './postgres-session.ts';

/** How long to wait for a response, in milliseconds: longer than the server runs a statement. */
const RESPONSE_TIMEOUT_MS = 10_000;
/** After being idle for this long, in milliseconds, a connection is checked before it is used. */
const MAX_UNCHECKED_MS = 1000;
/** SQLSTATE too_many_connections. */
const TOO_MANY_CONNECTIONS = '53300';
/** How long to wait for one of the server's connections, in milliseconds, and between two attempts. */
const CONNECTION_PATIENCE_MS = 5000;
const CONNECTION_RETRY_MS = 200;
/** How long after the server refused more connections the pool makes do with those it has, in milliseconds. */
const LIMITED_MS = 5000;
/** In milliseconds; connections that take longer to close are destroyed. */
const CLOSE_TIMEOUT_MS = 1000;

export interface ResilientPoolOptions {
  /** The server that every connection has to be on. */
  readonly currentServer: CurrentServer;
  /** How long to wait for a response, in milliseconds. */
  readonly responseTimeoutMs?: number;
}

/**
 * A pool that survives the loss of connections: errors always reach the caller, as an OtaError or with an SQLSTATE; no
 * response is waited for without a timeout; and a connection that failed is not used again.
 */
export class ResilientPool implements PostgresPool {
  /** Kysely's configuration of connections that cancel queries, which are not used here. */
  readonly options = {};
  readonly #pool: Pool;
  readonly #responseTimeoutMs: number;
  readonly #currentServer: CurrentServer;
  readonly #size: number;
  #limitedUntil = 0;
  readonly #open = new Set<PoolClient>();
  /** When each connection that is set up was used last, on the monotonic clock. */
  readonly #usedAt = new WeakMap<PoolClient, number>();
  readonly #lost = new WeakSet<PoolClient>();

  constructor(pool: Pool, { currentServer, responseTimeoutMs = RESPONSE_TIMEOUT_MS }: ResilientPoolOptions) {
    this.#pool = pool;
    this.#size = pool.options.max;
    this.#responseTimeoutMs = responseTimeoutMs;
    this.#currentServer = currentServer;
    pool.on('error', () => {}); // idle connections that the pool drops: without a listener, the process would exit
    pool.on('connect', (client) => {
      this.#open.add(client);
      client.once('end', () => this.#open.delete(client));
      client.on('error', () => this.#lost.add(client));
    });
  }

  async connect(): Promise<PostgresPoolClient> {
    for (;;) {
      const client = await this.#checkOut();
      const usedAt = this.#usedAt.get(client);
      if (usedAt === undefined) return this.#setUp(client);
      if (await this.#isUsable(client, usedAt)) return this.#sessionOf(client);
    }
  }

  /** A free connection, or a new one. Where the server has no more, the one that is free next. */
  async #checkOut(): Promise<PoolClient> {
    const { options } = this.#pool;
    for (const deadline = performance.now() + CONNECTION_PATIENCE_MS; ; ) {
      if (performance.now() > this.#limitedUntil) options.max = this.#size;
      try {
        return await this.#pool.connect();
      } catch (cause) {
        if (errorCode(cause) !== TOO_MANY_CONNECTIONS || performance.now() > deadline)
          throw unreachable(cause);
      }
      options.max = Math.max(1, this.#open.size);
      this.#limitedUntil = performance.now() + LIMITED_MS;
      if (this.#open.size === 0) await sleep(CONNECTION_RETRY_MS);
    }
  }

  async #setUp(client: PoolClient): Promise<PostgresPoolClient> {
    const session = this.#sessionOf(client);
    try {
      const { rows } = await session.query(`${SET_UP_SESSION}, ${this.#currentServer.columns}`, []);
      this.#currentServer.admit(rows[0]);
      return session;
    } catch (error) {
      client.release(true); // lacks some of the settings, or is on another server
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
      const check = client.query(`select ${this.#currentServer.columns}`);
      const { rows } = await withQueryTimeout(check, this.#responseTimeoutMs);
      this.#currentServer.confirm(rows[0]);
      return true;
    } catch (error) {
      client.release(true);
      // A timeout: other connections would get no response, either.
      if (error instanceof OtaError && faultOf(error) === 'unreachable') throw error;
      return false;
    }
  }

  /** Closes all connections, also those in use: new ones may be to another server. */
  flush(): void {
    for (const client of this.#open) client.connection.stream.destroy();
  }

  async end(): Promise<void> {
    const forced = setTimeout(() => this.flush(), CLOSE_TIMEOUT_MS);
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
