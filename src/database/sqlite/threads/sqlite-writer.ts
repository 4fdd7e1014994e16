import { Worker } from 'node:worker_threads';
import { OtaError } from '../../../errors.ts';
import { messageOf } from '../../../runtime/error-details.ts';
import { workerFile } from '../../../runtime/worker-file.ts';
import { fullDisk } from '../full-disk.ts';
import { checkpointFailure } from './checkpointer.ts';
import type { WriterCommand, WriterReply, WriterResult } from './writer-messages.ts';

/** It reads few rows, one transaction at a time, so its heap stays small. */
const LIMITS = { maxOldGenerationSizeMb: 256, maxYoungGenerationSizeMb: 4, stackSizeMb: 1 };

interface Waiting {
  readonly resolve: (result: WriterResult) => void;
  readonly reject: (error: Error) => void;
}

/** A connection to a SQLite file on a thread of its own, which waits for the disk so that this one never does. */
export class SqliteWriter {
  readonly #file: string;
  readonly #worker: Worker;
  /** Those that wait for an answer, in the order in which it answers. */
  readonly #waiting: Waiting[] = [];
  /** When whoever has the connection gives it back. */
  #free: Promise<void> = Promise.resolve();
  #ended: OtaError | undefined;

  private constructor(file: string) {
    this.#file = file;
    this.#worker = new Worker(workerFile(import.meta.url, 'writer-worker'), {
      workerData: file,
      resourceLimits: LIMITS,
      execArgv: [],
    });
    this.#worker.on('message', (reply: WriterReply) => this.#settle(reply));
    this.#worker.on('error', (cause) => this.#end(cause));
    this.#worker.on('exit', () => this.#end(undefined));
  }

  /** @throws OtaError `durability_lost` when the thread cannot open the file */
  static async start(file: string): Promise<SqliteWriter> {
    const writer = new SqliteWriter(file);
    await writer.#wait();
    return writer;
  }

  /** Resolves when the connection is the caller's. @returns gives it back */
  async acquire(): Promise<() => void> {
    const before = this.#free;
    let giveBack = () => {};
    this.#free = new Promise((resolve) => {
      giveBack = resolve;
    });
    await before;
    return giveBack;
  }

  /** Runs a statement; only for who has the connection. Rejects with SQLite's error, which has its code. */
  run(sql: string, parameters: readonly unknown[]): Promise<WriterResult> {
    return this.#send({ kind: 'run', sql, parameters });
  }

  /**
   * Closes the connection, once no one has it, and ends the thread. First it makes a checkpoint, so that closing the last
   * connection writes nothing that could fail unnoticed.
   * @throws OtaError `durability_lost`
   */
  async close(): Promise<void> {
    await this.acquire();
    try {
      await this.run('pragma wal_checkpoint(PASSIVE)', []);
    } catch (error) {
      const failure = checkpointFailure(error, this.#file);
      if (failure.code === 'durability_lost') throw failure; // else the -wal stays, and nothing is lost
    } finally {
      await this.#send({ kind: 'close' });
    }
  }

  async #send(command: WriterCommand): Promise<WriterResult> {
    if (this.#ended) throw this.#ended;
    this.#worker.postMessage(command);
    return this.#wait();
  }

  #wait(): Promise<WriterResult> {
    this.#worker.ref(); // an idle thread does not keep the process alive
    return new Promise((resolve, reject) => this.#waiting.push({ resolve, reject }));
  }

  #settle(reply: WriterReply): void {
    const waiting = this.#waiting.shift();
    if (this.#waiting.length === 0) this.#worker.unref();
    if (reply.kind === 'done') waiting?.resolve(reply);
    else waiting?.reject(this.#errorOf(reply));
  }

  #errorOf({ message, code }: Extract<WriterReply, { readonly kind: 'failed' }>): Error {
    const error = Object.assign(new Error(message), { name: 'SqliteError', code });
    return fullDisk(this.#file, error) ?? error;
  }

  /** What it was writing may be lost, or not: nothing may be acknowledged any more. */
  #end(cause: Error | undefined): void {
    const reason = cause === undefined ? '' : `: ${messageOf(cause)}`;
    this.#ended ??= new OtaError('durability_lost', `the thread that writes to the database ended${reason}`, {
      cause,
    });
    for (const { reject } of this.#waiting.splice(0)) reject(this.#ended);
  }
}
