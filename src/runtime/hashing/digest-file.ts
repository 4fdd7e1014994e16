import type { HashAlgorithm } from './hash-messages.ts';
import { hashThreads } from './hash-threads.ts';

export interface FileDigests {
  readonly size: number; // bytes
  readonly digests: ReadonlyMap<HashAlgorithm, Buffer>;
}

/** Hashes an open file to its end, each algorithm on a thread of its own. Nothing reads it once this has settled. */
export async function digestFile(
  descriptor: number,
  algorithms: readonly HashAlgorithm[],
  signal: AbortSignal,
): Promise<FileDigests> {
  signal.throwIfAborted();
  const jobs = algorithms.map((algorithm) => hashThreads.start(descriptor, algorithm));
  const cancel = () => {
    for (const job of jobs) job.cancel();
  };
  signal.addEventListener('abort', cancel, { once: true });
  for (const job of jobs) job.finish(Number.POSITIVE_INFINITY);
  try {
    const ended = await Promise.all(jobs.map((job) => job.ended));
    const digests = new Map(
      algorithms.map((algorithm, i) => [algorithm, ended[i]?.digest ?? Buffer.alloc(0)]),
    );
    return { size: Math.max(0, ...ended.map(({ size }) => size)), digests };
  } catch (error) {
    cancel();
    await Promise.allSettled(jobs.map((job) => job.ended));
    throw signal.aborted ? signal.reason : error;
  } finally {
    signal.removeEventListener('abort', cancel);
  }
}
