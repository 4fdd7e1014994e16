import { createHash, type Hash } from 'node:crypto';
import { readlinkSync, readSync } from 'node:fs';
import { setPriority } from 'node:os';
import { basename } from 'node:path';
import { parentPort } from 'node:worker_threads';
import { errorCode, messageOf } from '../error-details.ts';
import type { HashCommand, HashReply } from './hash-messages.ts';

// A thread that hashes files while they are written, and as many at once as it is asked to, in turn.

const READ_SIZE = 1024 * 1024;
/** Bytes of one file that are hashed before another gets its turn, or is cancelled. */
const TURN_SIZE = 4 * READ_SIZE;
/** Where cores are short, the event loop goes first. */
const PRIORITY = 10;

interface Job {
  readonly descriptor: number;
  readonly hash: Hash;
  position: number;
  /** Bytes up to here can be read; infinite for all that the file has. */
  limit: number;
  /** Whether it ends at the limit. */
  isLast: boolean;
}

const jobs = new Map<number, Job>();
const buffer = Buffer.allocUnsafeSlow(READ_SIZE);
let isScheduled = false;

/** Linux has a priority for each thread, and no other system a name for this one. */
function yieldToEventLoop(): void {
  try {
    setPriority(Number(basename(readlinkSync('/proc/thread-self'))), PRIORITY);
  } catch {
    // all threads stay equal
  }
}

function reply(message: HashReply): void {
  parentPort?.postMessage(message);
}

function schedule(): void {
  if (isScheduled) return;
  isScheduled = true;
  setImmediate(() => {
    isScheduled = false;
    let hasMore = false;
    for (const [id, job] of jobs) hasMore = attempt(id, () => takeTurn(id, job)) || hasMore;
    if (hasMore) schedule();
  });
}

/** @returns whether the job has more to read now */
function takeTurn(id: number, job: Job): boolean {
  for (let read = 0; read < TURN_SIZE && job.position < job.limit; ) {
    const wanted = Math.min(READ_SIZE, job.limit - job.position);
    const count = readSync(job.descriptor, buffer, 0, wanted, job.position);
    if (count === 0) {
      if (job.limit !== Number.POSITIVE_INFINITY) throw new Error('the file became shorter');
      job.limit = job.position;
    }
    job.hash.update(buffer.subarray(0, count));
    job.position += count;
    read += count;
  }
  if (job.position < job.limit) return true;
  if (job.isLast) {
    jobs.delete(id);
    reply({ job: id, kind: 'hashed', size: job.position, digest: job.hash.digest() });
  }
  return false;
}

/** A failure is that of one job, and not of the thread. */
function attempt(id: number, work: () => boolean): boolean {
  try {
    return work();
  } catch (error) {
    jobs.delete(id);
    const code = errorCode(error);
    reply({ job: id, kind: 'failed', message: messageOf(error), ...(code && { code }) });
    return false;
  }
}

function handle(command: HashCommand): boolean {
  const { job: id } = command;
  switch (command.kind) {
    case 'start': {
      const { descriptor, algorithm } = command;
      jobs.set(id, { descriptor, hash: createHash(algorithm), position: 0, limit: 0, isLast: false });
      return false;
    }
    case 'read': {
      const job = jobs.get(id);
      if (job) Object.assign(job, { limit: command.limit, isLast: command.isLast });
      schedule();
      return false;
    }
    case 'cancel':
      jobs.delete(id);
      reply({ job: id, kind: 'cancelled' });
      return false;
  }
}

yieldToEventLoop();
parentPort?.on('message', (command: HashCommand) => attempt(command.job, () => handle(command)));
