import {
  CompiledQuery,
  type DatabaseConnection,
  type Driver,
  SqliteAdapter,
  SqliteDialect,
  type SqliteDialectConfig,
  SqliteDriver,
} from 'kysely';
import { takeChanges } from '../app-changes.ts';

/**
 * Kysely's SQLite dialect with two differences. Transactions start with `begin immediate`: a deferred one that reads
 * before it writes fails with SQLITE_BUSY_SNAPSHOT when another process wrote in between. And migrations run in a
 * transaction, as SQLite has transactional DDL.
 */
export class ImmediateSqliteDialect extends SqliteDialect {
  readonly #config: SqliteDialectConfig;

  constructor(config: SqliteDialectConfig) {
    super(config);
    this.#config = config;
  }

  override createDriver(): Driver {
    return new ImmediateSqliteDriver(this.#config);
  }

  override createAdapter(): SqliteAdapter {
    return new TransactionalDdlAdapter();
  }
}

class ImmediateSqliteDriver extends SqliteDriver {
  override async beginTransaction(connection: DatabaseConnection): Promise<void> {
    takeChanges(connection); // its table of changes says what those before have changed
    await connection.executeQuery(CompiledQuery.raw('begin immediate'));
  }

  override async rollbackTransaction(connection: DatabaseConnection): Promise<void> {
    try {
      await super.rollbackTransaction(connection);
    } catch (error) {
      if (!isRolledBack(error)) throw error;
    }
  }
}

/** Whether SQLite has rolled back by itself, because the disk is full or fails: that is the error to report. */
export function isRolledBack(error: unknown): boolean {
  return /no transaction is active/.test(String(error));
}

class TransactionalDdlAdapter extends SqliteAdapter {
  override get supportsTransactionalDdl(): boolean {
    return true;
  }
}
