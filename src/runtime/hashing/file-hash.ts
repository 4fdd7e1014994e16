import { closeSync, openSync } from 'node:fs';
import type { HashAlgorithm } from './hash-messages.ts';
import { type HashJob, hashThreads } from './hash-threads.ts';

/** Smaller files are hashed sooner without a thread, in bytes. */
export const THREADS_FROM = 4 * 1024 * 1024;

/** Hashes of a file; BLAKE2b-512 only if it was requested. */
export interface FileHashes {
  readonly size: number; // bytes
  readonly sha256: string; // lowercase hexadecimal
  readonly blake2b512?: Buffer;
}

/**
 * Hashes a file on other threads, each algorithm on one of its own, also while the file is still being written. Has to be
 * finished or cancelled.
 */
export class FileHash {
  readonly blake2b512: boolean;
  readonly #jobs: readonly HashJob[];

  /** @throws the file system's error */
  constructor(file: string, { blake2b512 }: { readonly blake2b512: boolean }) {
    const algorithms: HashAlgorithm[] = blake2b512 ? ['sha256', 'blake2b512'] : ['sha256'];
    const descriptor = openSync(file, 'r'); // at once: the file may be moved before a thread gets to it
    this.blake2b512 = blake2b512;
    this.#jobs = algorithms.map((algorithm) => hashThreads.start(descriptor, algorithm));
    void Promise.allSettled(this.#jobs.map(({ ended }) => ended)).then(() => closeSync(descriptor));
  }

  /** Lets it read on: the bytes up to there are written, and do not change any more. */
  advance(limit: number): void {
    for (const job of this.#jobs) job.advance(limit);
  }

  /**
   * Rejects when the file cannot be read, it was cancelled, or a thread died.
   * @param size where the file ends; by default wherever it ends now
   */
  async finish(size = Number.POSITIVE_INFINITY): Promise<FileHashes> {
    for (const job of this.#jobs) job.finish(size);
    try {
      const [sha256, blake2b512] = await Promise.all(this.#jobs.map(({ ended }) => ended));
      if (sha256 === undefined) throw new Error('no hash was computed');
      return {
        size: sha256.size,
        sha256: sha256.digest.toString('hex'),
        ...(blake2b512 && { blake2b512: blake2b512.digest }),
      };
    } catch (error) {
      this.cancel();
      throw error;
    }
  }

  cancel(): void {
    for (const job of this.#jobs) job.cancel();
  }
}
