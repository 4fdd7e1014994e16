import {
  type DatabaseConnection,
  type Driver,
  PostgresDialect,
  PostgresDriver,
  type PostgresPool,
} from 'kysely';
import { commitFailure } from '../database-error.ts';

/**
 * Kysely's PostgreSQL dialect with three differences: it tells of each commit, it says when a commit's outcome is not
 * known, and a rollback that fails does not hide what it was for.
 */
export class WatchfulPostgresDialect extends PostgresDialect {
  readonly #pool: PostgresPool;
  readonly #onCommit: () => void;

  constructor(pool: PostgresPool, onCommit: () => void) {
    super({ pool });
    this.#pool = pool;
    this.#onCommit = onCommit;
  }

  override createDriver(): Driver {
    return new WatchfulPostgresDriver(this.#pool, this.#onCommit);
  }
}

class WatchfulPostgresDriver extends PostgresDriver {
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
      // Only a connection that is lost cannot roll back: the server does, and the pool drops it.
    }
  }
}
