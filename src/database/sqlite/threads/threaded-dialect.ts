import type Sqlite from 'better-sqlite3';
import {
  type CompiledQuery,
  type DatabaseConnection,
  type DatabaseIntrospector,
  type Dialect,
  type Driver,
  type Kysely,
  type QueryCompiler,
  type QueryResult,
  RawNode,
  SelectQueryNode,
  SqliteAdapter,
  SqliteIntrospector,
  SqliteQueryCompiler,
} from 'kysely';
import { isRolledBack } from '../sqlite-dialect.ts';
import type { SqliteWriter } from './sqlite-writer.ts';

export interface ThreadedConfig {
  /** Reads on this thread, which takes microseconds. */
  readonly reader: Sqlite.Database;
  readonly writer: SqliteWriter;
}

/**
 * A dialect for one SQLite file that reads on this thread, and writes on another. Transactions are there as a whole, and
 * start with `begin immediate`.
 */
export class ThreadedSqliteDialect implements Dialect {
  readonly #config: ThreadedConfig;

  constructor(config: ThreadedConfig) {
    this.#config = config;
  }

  createDriver(): Driver {
    return new ThreadedDriver(this.#config);
  }

  createAdapter(): SqliteAdapter {
    return new ConcurrentAdapter();
  }

  createQueryCompiler(): QueryCompiler {
    return new SqliteQueryCompiler();
  }

  createIntrospector(db: Kysely<unknown>): DatabaseIntrospector {
    return new SqliteIntrospector(db);
  }
}

/** Reads do not wait for transactions; these wait for each other in the driver. */
class ConcurrentAdapter extends SqliteAdapter {
  override get supportsMultipleConnections(): boolean {
    return true;
  }
}

class ThreadedDriver implements Driver {
  readonly #config: ThreadedConfig;

  constructor(config: ThreadedConfig) {
    this.#config = config;
  }

  async init(): Promise<void> {}

  async acquireConnection(): Promise<ThreadedConnection> {
    return new ThreadedConnection(this.#config);
  }

  beginTransaction(connection: DatabaseConnection): Promise<void> {
    return threaded(connection).begin();
  }

  commitTransaction(connection: DatabaseConnection): Promise<void> {
    return threaded(connection).run('commit');
  }

  async rollbackTransaction(connection: DatabaseConnection): Promise<void> {
    await threaded(connection)
      .run('rollback')
      .catch((error) => {
        if (!isRolledBack(error)) throw error;
      });
  }

  async releaseConnection(connection: DatabaseConnection): Promise<void> {
    threaded(connection).release();
  }

  destroy(): Promise<void> {
    return this.#config.writer.close();
  }
}

function threaded(connection: DatabaseConnection): ThreadedConnection {
  if (connection instanceof ThreadedConnection) return connection;
  throw new Error('the connection belongs to another driver');
}

/** Whoever has one reads on this thread, until a transaction begins. */
class ThreadedConnection implements DatabaseConnection {
  readonly #reader: Sqlite.Database;
  readonly #writer: SqliteWriter;
  /** Gives the writer back, where a transaction has it. */
  #release: (() => void) | undefined;

  constructor({ reader, writer }: ThreadedConfig) {
    this.#reader = reader;
    this.#writer = writer;
  }

  async begin(): Promise<void> {
    this.#release = await this.#writer.acquire();
    await this.run('begin immediate');
  }

  async run(sql: string): Promise<void> {
    await this.#writer.run(sql, []);
  }

  release(): void {
    this.#release?.();
    this.#release = undefined;
  }

  async executeQuery<R>(query: CompiledQuery): Promise<QueryResult<R>> {
    if (this.#release !== undefined) return this.#write(query);
    const statement = this.#readingStatement<R>(query);
    if (statement !== undefined) return { rows: statement.all(...query.parameters) };
    const release = await this.#writer.acquire();
    try {
      return await this.#write(query);
    } finally {
      release();
    }
  }

  // biome-ignore lint/correctness/useYield: nothing of this project reads rows one by one
  async *streamQuery<R>(): AsyncIterableIterator<QueryResult<R>> {
    throw new Error('queries cannot be streamed');
  }

  #readingStatement<R>({ query, sql }: CompiledQuery): Sqlite.Statement<unknown[], R> | undefined {
    if (!SelectQueryNode.is(query) && !RawNode.is(query)) return undefined;
    const statement = this.#reader.prepare<unknown[], R>(sql);
    return statement.reader && statement.readonly ? statement : undefined;
  }

  async #write<R>({ sql, parameters }: CompiledQuery): Promise<QueryResult<R>> {
    const { rows, changes, lastInsertRowid } = await this.#writer.run(sql, parameters);
    return {
      rows: rows as R[], // as the query's builder types them, on either thread
      ...(changes !== undefined && { numAffectedRows: BigInt(changes) }),
      ...(lastInsertRowid !== undefined && { insertId: BigInt(lastInsertRowid) }),
    };
  }
}
