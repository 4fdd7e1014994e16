import {
  type DatabaseConnection,
  type Driver,
  PostgresDialect,
  PostgresDriver,
  type PostgresPool,
} from 'kysely';
import { commitFailure } from '../database-error.ts';

/**
 * Kysely's PostgreSQL dialect with three differences: it reports each commit, a commit of unknown outcome fails as such,
 * and a rollback that fails does not hide the error before it.
 */
export class CommitReportingDialect extends PostgresDialect {
  readonly #pool: PostgresPool;
  readonly #onCommit: () => void;

  constructor(pool: PostgresPool, onCommit: () => void) {
    super({ pool });
    this.#pool = pool;
    this.#onCommit = onCommit;
  }

  override createDriver(): Driver {
    return new CommitReportingDriver(this.#pool, this.#onCommit);
  }
}

class CommitReportingDriver extends PostgresDriver {
  readonly #onCommit: () => void;

  constructor(pool: PostgresPool, onCommit: () => void) {
    super({ pool });
    this.#onCommit = onCommit;
  }

  override async commitTransaction(connection: DatabaseConnection): Promise<void> {
    try {
      await super.commitTransaction(connection);
    } catch (error) {
      throw commitFailure(error);
    }
    this.#onCommit();
  }

  override async rollbackTransaction(
    connection: Parameters<PostgresDriver['rollbackTransaction']>[0],
  ): Promise<void> {
    try {
      await super.rollbackTransaction(connection);
    } catch {
      // Only a lost connection cannot roll back: the server does it, and the pool drops the connection.
    }
  }
}
