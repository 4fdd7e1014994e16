import type { KyselyPlugin } from 'kysely';
import type { Database } from '../../../src/database/database.ts';

/** A database with queries that fail or wait on demand. Its counters change only when a test says so. */
export class UnreliableDatabase {
  /** The error of every query; undefined if none fails. */
  failure: Error | undefined;
  /** The number of queries. */
  queries = 0;
  readonly #database: Database;
  #counter = 0;
  #doubts = 0;
  #counterFailure: Error | undefined;
  #held: Promise<void> | undefined;

  constructor(database: Database) {
    this.#database = database;
  }

  get database(): Database {
    const plugin: KyselyPlugin = {
      transformQuery: ({ node }) => {
        this.queries++;
        if (this.failure !== undefined) throw this.failure;
        return node;
      },
      transformResult: async ({ result }) => {
        await this.#held;
        return result;
      },
    };
    return {
      ...this.#database,
      queries: this.#database.queries.withPlugin(plugin),
      changeCounter: () => {
        if (this.#counterFailure !== undefined) throw this.#counterFailure;
        return this.#counter;
      },
      doubtCounter: () => this.#doubts,
    };
  }

  /** As after a change. */
  raiseCounter(): void {
    this.#counter++;
  }

  /** As once a second without notifications. */
  doubt(): void {
    this.#doubts++;
  }

  /** Makes queries and the counter fail, until `mend`. */
  break(failure = new Error('away')): void {
    this.failure = failure;
    this.doubt();
  }

  mend(): void {
    this.failure = undefined;
    this.#counterFailure = undefined;
    this.doubt();
  }

  breakCounter(): void {
    this.#counterFailure = new Error('the counter cannot be read');
  }

  /** Holds the results of queries until the returned function is called, with their outcome. */
  hold(): (failure?: Error) => void {
    let letGo: (failure?: Error) => void = () => {};
    this.#held = new Promise((resolve, reject) => {
      letGo = (failure) => {
        this.#held = undefined;
        if (failure === undefined) resolve();
        else reject(failure);
      };
    });
    this.#held.catch(() => {}); // also where no query waits
    return letGo;
  }
}
