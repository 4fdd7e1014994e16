import type { DatabaseConnection } from 'kysely';
import type { Queries } from './schema.ts';

/** The changes of that many apps are remembered. */
const MAX_APPS = 10_000;

/** Numbers the changes of what apps offer, as this process hears of them. */
export class AppChanges {
  #count = 0;
  /** The number of each app's last change, the latest last. */
  readonly #byApp = new Map<string, number>();
  /** Of the last change that is forgotten. */
  #forgotten = 0;

  /** As `Database.changeCounter`. An app that is not remembered counts as changed with the last one forgotten. */
  last(appId: string | undefined): number {
    return appId === undefined ? this.#count : (this.#byApp.get(appId) ?? this.#forgotten);
  }

  record(appId: string): void {
    this.#byApp.delete(appId);
    this.#byApp.set(appId, ++this.#count);
    if (this.#byApp.size <= MAX_APPS) return;
    for (const [oldest, number] of this.#byApp) {
      this.#byApp.delete(oldest);
      this.#forgotten = number;
      return;
    }
  }
}

/** The apps with offers that an open transaction changes. */
const changedBy = new WeakMap<DatabaseConnection, Set<string>>();

/** Notes that a transaction changes what an app offers, so that this process knows it with the commit. */
export async function noteChange(transaction: Queries, appId: string): Promise<void> {
  await transaction.getExecutor().provideConnection(async (connection) => {
    changedBy.set(connection, (changedBy.get(connection) ?? new Set()).add(appId));
  });
}

/** The apps that the connection's transaction has changed, which ends. */
export function takeChanges(connection: DatabaseConnection): ReadonlySet<string> {
  const apps = changedBy.get(connection) ?? new Set();
  changedBy.delete(connection);
  return apps;
}
