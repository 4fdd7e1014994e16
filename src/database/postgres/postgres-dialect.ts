import {
  type DatabaseConnection,
  type Driver,
  PostgresDialect,
  PostgresDriver,
  type PostgresPool,
} from 'kysely';
import { takeChanges } from '../app-changes.ts';
import { commitFailure, mayBeCommitted } from '../database-error.ts';

/**
 * Kysely's PostgreSQL dialect with three differences: it reports the apps that each commit changes, a commit of unknown outcome fails as such,
 * and a rollback that fails does not hide the error before it.
 */
export class CommitReportingDialect extends PostgresDialect {
  readonly #pool: PostgresPool;
  readonly #onChange: (appId: string) => void;

  constructor(pool: PostgresPool, onChange: (appId: string) => void) {
    super({ pool });
    this.#pool = pool;
    this.#onChange = onChange;
  }

  override createDriver(): Driver {
    return new CommitReportingDriver(this.#pool, this.#onChange);
  }
}

class CommitReportingDriver extends PostgresDriver {
  readonly #onChange: (appId: string) => void;

  constructor(pool: PostgresPool, onChange: (appId: string) => void) {
    super({ pool });
    this.#onChange = onChange;
  }

  override async commitTransaction(connection: DatabaseConnection): Promise<void> {
    const changed = takeChanges(connection);
    try {
      await super.commitTransaction(connection);
    } catch (error) {
      const failure = commitFailure(error);
      if (mayBeCommitted(failure)) for (const appId of changed) this.#onChange(appId);
      throw failure;
    }
    for (const appId of changed) this.#onChange(appId);
  }

  override async rollbackTransaction(
    connection: Parameters<PostgresDriver['rollbackTransaction']>[0],
  ): Promise<void> {
    takeChanges(connection);
    try {
      await super.rollbackTransaction(connection);
    } catch {
      // Only a lost connection cannot roll back: the server does it, and the pool drops the connection.
    }
  }
}
