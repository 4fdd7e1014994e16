import type { PostgresCursor, PostgresPool, PostgresPoolClient, PostgresQueryResult } from 'kysely';
import type { Pool, PoolClient } from 'pg';
import { OtaError } from '../../errors.ts';
import { endsSession, unreachable } from '../database-error.ts';
import { withQueryTimeout } from '../query-timeout.ts';
import { SET_UP_SESSION } from './postgres-session.ts';

/** How long an answer is waited for, in milliseconds: longer than the server lets a statement run. */
const ANSWER_TIMEOUT_MS = 10_000;
/** A connection that was not used for longer, in milliseconds, may have been lost unnoticed. */
const SILENCE_MS = 1000;
/** How long connections may take to end by themselves, in milliseconds. */
const CLOSE_TIMEOUT_MS = 1000;

/**
 * A pool of pg's whose connections may be lost at any time without harm: an error always reaches whoever asked, as an
 * OtaError or with its SQLSTATE; no answer is waited for without end; and a connection that failed is not used again.
 */
export class WatchfulPool implements PostgresPool {
  /** Kysely takes from it how a session is to be reached that it cancels; nothing here is cancelled so. */
  readonly options = {};
  readonly #pool: Pool;
  readonly #answerTimeoutMs: number;
  readonly #open = new Set<PoolClient>();
  /** When a connection that was set up was used last, on the monotonic clock. */
  readonly #usedAt = new WeakMap<PoolClient, number>();
  readonly #lost = new WeakSet<PoolClient>();

  constructor(pool: Pool, answerTimeoutMs = ANSWER_TIMEOUT_MS) {
    this.#pool = pool;
    this.#answerTimeoutMs = answerTimeoutMs;
    pool.on('error', () => {}); // of an idle connection, which the pool drops; unheard, it would end the process
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
      if (usedAt !== undefined && !(await this.#isThere(client, usedAt))) continue;
      const session = new WatchfulSession(
        client,
        () => this.#lost.has(client),
        this.#answerTimeoutMs,
        () => this.#usedAt.set(client, performance.now()),
      );
      if (usedAt !== undefined) return session;
      try {
        await session.query(SET_UP_SESSION, []);
        return session;
      } catch (error) {
        client.release(true); // it has none of what was to be set
        throw error;
      }
    }
  }

  /**
   * Whether a connection can be used. One that was lost while this process stood still, or without a word, would fail
   * whoever comes next, though the database is there. What cannot be used is dropped.
   */
  async #isThere(client: PoolClient, usedAt: number): Promise<boolean> {
    if (performance.now() - usedAt < SILENCE_MS) return true;
    try {
      await withQueryTimeout(client.query('select 1'), this.#answerTimeoutMs);
      return true;
    } catch (error) {
      client.release(true);
      if (error instanceof OtaError) throw error; // no answer at all: nor would there be to others
      return false;
    }
  }

  /** Ends all connections, by force those that do not end in time. */
  async end(): Promise<void> {
    const forced = setTimeout(() => {
      for (const client of this.#open) client.connection.stream.destroy();
    }, CLOSE_TIMEOUT_MS);
    await this.#pool.end();
    clearTimeout(forced);
  }
}

/** A connection while somebody has it. */
class WatchfulSession implements PostgresPoolClient {
  readonly #client: PoolClient;
  readonly #isLost: () => boolean;
  readonly #answerTimeoutMs: number;
  readonly #onRelease: () => void;
  /** Why nothing more can be asked. */
  #over: unknown;

  constructor(client: PoolClient, isLost: () => boolean, answerTimeoutMs: number, onRelease: () => void) {
    this.#client = client;
    this.#isLost = isLost;
    this.#answerTimeoutMs = answerTimeoutMs;
    this.#onRelease = onRelease;
  }

  query<R>(sql: string, parameters: readonly unknown[]): Promise<PostgresQueryResult<R>>;
  query<R>(cursor: PostgresCursor<R>): PostgresCursor<R>;
  query<R>(
    sql: string | PostgresCursor<R>,
    parameters: readonly unknown[] = [],
  ): Promise<PostgresQueryResult<R>> | PostgresCursor<R> {
    if (typeof sql !== 'string') throw new Error('cursors are not used here');
    return this.#ask<R>(sql, parameters);
  }

  async #ask<R>(sql: string, parameters: readonly unknown[]): Promise<PostgresQueryResult<R>> {
    if (this.#over !== undefined) throw unreachable(this.#over);
    try {
      const answer: Promise<unknown> = this.#client.query(sql, [...parameters]);
      return (await withQueryTimeout(answer, this.#answerTimeoutMs)) as PostgresQueryResult<R>;
    } catch (error) {
      if (endsSession(error)) this.#over = error;
      throw this.#isLost() ? unreachable(error) : error;
    }
  }

  release(): void {
    this.#onRelease();
    this.#client.release(this.#over !== undefined);
  }
}
