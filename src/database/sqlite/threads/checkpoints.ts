import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import type Sqlite from 'better-sqlite3';
import { OtaError } from '../../../errors.ts';
import { messageOf } from '../../../runtime/error-details.ts';
import { workerFile } from '../../../runtime/worker-file.ts';
import { openSqliteFile } from '../sqlite-connection.ts';
import { type CheckpointReply, walState } from './checkpointer.ts';

/** As often as SQLite would by itself: 4 MiB. */
const PAGES = 1000;
const CHECK_INTERVAL_MS = 250;
/** How long one that failed is not tried again, in milliseconds. */
const RETRY_AFTER_MS = 5000;
/** It holds next to nothing. */
const LIMITS = { maxOldGenerationSizeMb: 32, maxYoungGenerationSizeMb: 4, stackSizeMb: 1 };

export interface CheckpointsOptions {
  readonly file: string;
  /** Called when nothing may be acknowledged any more. */
  readonly onDurabilityLost: (cause: OtaError) => void;
  /** Called when checkpoints begin to fail for want of space, and when they work again. The -wal grows in between. */
  readonly onChange: (problem: OtaError | undefined) => void;
}

/**
 * Makes the checkpoints of a database that is served, on another thread. Those that SQLite makes by itself hold up the
 * commits that they follow, and no one hears of it when their fsync fails.
 */
export class Checkpoints {
  readonly #options: CheckpointsOptions;
  readonly #observer: Sqlite.Database;
  readonly #timer: NodeJS.Timeout;
  #thread: Worker | undefined;
  #running: Promise<void> | undefined;
  #notBefore = 0;
  #problem: OtaError | undefined;

  private constructor(options: CheckpointsOptions, observer: Sqlite.Database) {
    this.#options = options;
    this.#observer = observer;
    this.#timer = setInterval(() => this.#check(), CHECK_INTERVAL_MS).unref();
  }

  /** @throws OtaError `store_unavailable` */
  static async start(options: CheckpointsOptions): Promise<Checkpoints> {
    return new Checkpoints(options, await openSqliteFile(options.file, { readonly: true }));
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.#running;
    this.#observer.close();
    const thread = this.#thread;
    if (thread !== undefined) {
      const ended = once(thread, 'exit');
      thread.ref();
      thread.postMessage('close');
      await ended;
    }
  }

  #check(): void {
    if (this.#running !== undefined || performance.now() < this.#notBefore) return;
    try {
      const { log, checkpointed } = walState(this.#observer);
      if (log - checkpointed >= PAGES) this.#run();
    } catch {
      // What the database cannot read now, the next query reports.
    }
  }

  #run(): void {
    this.#running = this.#runOnThread()
      .then(
        () => this.#note(undefined),
        (error: unknown) => this.#fail(error),
      )
      .finally(() => {
        this.#running = undefined;
      });
  }

  async #runOnThread(): Promise<void> {
    this.#thread ??= this.#startThread();
    const thread = this.#thread;
    thread.postMessage('run');
    const over = new AbortController();
    try {
      const ended = once(thread, 'exit', over).then((): never => {
        throw new OtaError('store_unavailable', 'the thread of checkpoints ended');
      });
      const [reply]: CheckpointReply[] = await Promise.race([once(thread, 'message', over), ended]);
      if (reply?.kind === 'failed') throw new OtaError(reply.code, reply.message);
    } finally {
      over.abort();
    }
  }

  #startThread(): Worker {
    const options = { workerData: this.#options.file, resourceLimits: LIMITS, execArgv: [] };
    const thread = new Worker(workerFile(import.meta.url, 'checkpoint-worker'), options);
    thread.unref();
    thread.on('exit', () => {
      this.#thread = undefined;
    });
    return thread;
  }

  #fail(error: unknown): void {
    this.#notBefore = performance.now() + RETRY_AFTER_MS;
    const cause = error instanceof OtaError ? error : new OtaError('store_unavailable', messageOf(error));
    if (cause.code === 'durability_lost') this.#options.onDurabilityLost(cause);
    else this.#note(cause);
  }

  #note(problem: OtaError | undefined): void {
    if (this.#problem?.message !== problem?.message) this.#options.onChange(problem);
    this.#problem = problem;
  }
}
