import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import { workerFile } from '../worker-file.ts';
import type { HashAlgorithm, HashCommand, HashReply } from './hash-messages.ts';

/** More would only compete for the disk. */
const MAX_THREADS = 4;
/** How long a thread without work is kept, in milliseconds: it takes some 15 MiB. */
const IDLE_MS = 500;
/** A thread reads into one buffer of its own, so its heap stays small. */
const LIMITS = { maxOldGenerationSizeMb: 32, maxYoungGenerationSizeMb: 4, stackSizeMb: 1 };

export interface FileDigest {
  readonly size: number; // bytes
  readonly digest: Buffer;
}

/** One file that is hashed by one algorithm, on a thread. */
export interface HashJob {
  /** Rejects when the file cannot be read, the job was cancelled, or its thread died. Until then the file stays open. */
  readonly ended: Promise<FileDigest>;
  advance(limit: number): void;
  /** Lets it hash the rest up to there and end; all that is left of the file when that is infinite. */
  finish(size: number): void;
  cancel(): void;
}

interface Thread {
  idle: NodeJS.Timeout | undefined;
  readonly worker: Worker;
  readonly jobs: Map<number, Settle>;
}

interface Settle {
  readonly resolve: (digest: FileDigest) => void;
  readonly reject: (error: Error) => void;
}

/** A few threads for all hashing of this process, which are started when they are first needed. */
class HashThreads {
  readonly #threads: Thread[] = [];
  #lastJob = 0;

  /** @param descriptor of an open file */
  start(descriptor: number, algorithm: HashAlgorithm): HashJob {
    const job = ++this.#lastJob;
    const thread = this.#leastBusy();
    const { worker, jobs } = thread;
    clearTimeout(thread.idle);
    const send = (command: HashCommand) => worker.postMessage(command);
    const ended = new Promise<FileDigest>((resolve, reject) => jobs.set(job, { resolve, reject }));
    ended.catch(() => {}); // it may fail before anything waits for it
    worker.ref();
    send({ kind: 'start', job, descriptor, algorithm });
    return {
      ended,
      advance: (limit) => send({ kind: 'read', job, limit, isLast: false }),
      finish: (size) => send({ kind: 'read', job, limit: size, isLast: true }),
      cancel: () => send({ kind: 'cancel', job }),
    };
  }

  /** Ends all threads that have no work; by themselves they wait for more. */
  endIdle(): void {
    for (const thread of this.#threads.filter(({ jobs }) => jobs.size === 0)) this.#stop(thread);
  }

  #leastBusy(): Thread {
    const [thread] = this.#threads.toSorted((a, b) => a.jobs.size - b.jobs.size);
    const isFull = this.#threads.length >= Math.min(MAX_THREADS, availableParallelism());
    return thread !== undefined && (thread.jobs.size === 0 || isFull) ? thread : this.#startThread();
  }

  #startThread(): Thread {
    const worker = new Worker(workerFile(import.meta.url, 'hash-worker'), {
      resourceLimits: LIMITS,
      execArgv: [],
    });
    const thread: Thread = { worker, jobs: new Map(), idle: undefined };
    worker.unref(); // an idle thread does not keep the process alive
    worker.on('message', (reply: HashReply) => this.#settle(thread, reply));
    worker.on('error', (cause) => this.#drop(thread, cause));
    worker.on('exit', () => this.#drop(thread, undefined));
    this.#threads.push(thread);
    return thread;
  }

  #settle(thread: Thread, reply: HashReply): void {
    const { worker, jobs } = thread;
    const job = jobs.get(reply.job);
    jobs.delete(reply.job);
    if (jobs.size === 0) {
      worker.unref();
      clearTimeout(thread.idle);
      thread.idle = setTimeout(() => this.#stop(thread), IDLE_MS).unref();
    }
    switch (reply.kind) {
      case 'hashed':
        job?.resolve({ size: reply.size, digest: Buffer.from(reply.digest) });
        break;
      case 'cancelled':
        job?.reject(new Error('hashing was cancelled'));
        break;
      case 'failed': {
        const { code, message } = reply;
        job?.reject(Object.assign(new Error(message), code === undefined ? {} : { code }));
      }
    }
  }

  #stop(thread: Thread): void {
    clearTimeout(thread.idle);
    this.#drop(thread, undefined);
    void thread.worker.terminate();
  }

  /** A thread that died fails what it was hashing; another is started for what comes next. */
  #drop(thread: Thread, cause: unknown): void {
    const at = this.#threads.indexOf(thread);
    if (at >= 0) this.#threads.splice(at, 1);
    for (const { reject } of thread.jobs.values()) {
      reject(new Error('the thread that hashed the file ended', { cause }));
    }
    thread.jobs.clear();
  }
}

export const hashThreads = new HashThreads();
