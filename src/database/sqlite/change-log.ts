import type Sqlite from 'better-sqlite3';
import { AppChanges } from '../app-changes.ts';

/** Hears of the changes that any connection has committed, whichever process it belongs to. */
export class ChangeLog {
  readonly #changes = new AppChanges();
  readonly #commits: Sqlite.Statement;
  readonly #changesAfter: Sqlite.Statement<[number], { readonly app_id: string; readonly number: number }>;
  #lastCommit: unknown;
  #last: number;

  /** @param observer a connection that writes nothing: SQLite counts the commits of other connections only */
  constructor(observer: Sqlite.Database) {
    this.#commits = observer.prepare('pragma data_version').pluck();
    this.#changesAfter = observer.prepare(
      'select app_id, number from changed_apps where number > ? order by number',
    );
    this.#lastCommit = this.#commits.get();
    this.#last = Number(observer.prepare('select max(number) from changed_apps').pluck().get() ?? 0);
  }

  /** As `Database.changeCounter`. */
  lastChange(appId?: string): number {
    const commit = this.#commits.get();
    if (commit !== this.#lastCommit) {
      this.#readChanges();
      this.#lastCommit = commit;
    }
    return this.#changes.last(appId);
  }

  #readChanges(): void {
    for (const { app_id, number } of this.#changesAfter.iterate(this.#last)) {
      this.#changes.record(app_id);
      this.#last = number;
    }
  }
}
