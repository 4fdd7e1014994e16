import { createHash } from 'node:crypto';
import { type FileHandle, open } from 'node:fs/promises';
import { THREADS_FROM } from '../../runtime/hashing/file-hash.ts';
import { hashThreads } from '../../runtime/hashing/hash-threads.ts';

const READ_SIZE = 1024 * 1024;

export interface FileHashes {
  readonly sha256: string;
  readonly blake2b512: Buffer;
}

/**
 * Reads a file for all its hashes. BLAKE2b-512 of a large one, the slower of the two, is computed on another thread: a
 * second thread would not be faster, and each takes 12 MiB. Rejects with the file system's error.
 */
export function hashFile(path: string, signal?: AbortSignal): Promise<FileHashes> {
  return readFileWith(path, { ofSmall: hashesOf, ofLarge: hashLarge }, signal);
}

/** Reads a file for its SHA-256 alone, which takes half as long. Rejects with the file system's error. */
export function sha256OfFile(path: string, signal?: AbortSignal): Promise<string> {
  return readFileWith(path, { ofSmall: sha256Of, ofLarge: sha256OfLarge }, signal);
}

interface Hashing<T> {
  readonly ofSmall: (bytes: Buffer) => T;
  readonly ofLarge: (file: FileHandle, signal: AbortSignal | undefined) => Promise<T>;
}

async function readFileWith<T>(
  path: string,
  { ofSmall, ofLarge }: Hashing<T>,
  signal: AbortSignal | undefined,
): Promise<T> {
  signal?.throwIfAborted();
  const file = await open(path);
  try {
    const isSmall = (await file.stat()).size < THREADS_FROM;
    return isSmall ? ofSmall(await file.readFile()) : await ofLarge(file, signal);
  } finally {
    await file.close();
  }
}

/** To be called when no more files follow soon: the thread would wait for them, with its memory. */
export function endHashing(): void {
  hashThreads.endIdle();
}

async function hashLarge(file: FileHandle, signal: AbortSignal | undefined): Promise<FileHashes> {
  const blake2b512 = hashThreads.start(file.fd, 'blake2b512');
  blake2b512.finish(Number.POSITIVE_INFINITY);
  try {
    const sha256 = await sha256OfLarge(file, signal);
    return { sha256, blake2b512: (await blake2b512.ended).digest };
  } catch (error) {
    blake2b512.cancel();
    await blake2b512.ended.catch(() => {});
    throw error;
  }
}

/** Hashes while it reads on. */
async function sha256OfLarge(file: FileHandle, signal: AbortSignal | undefined): Promise<string> {
  const hash = createHash('sha256');
  let [block, next] = [Buffer.allocUnsafeSlow(READ_SIZE), Buffer.allocUnsafeSlow(READ_SIZE)];
  let position = 0;
  let reading = file.read(block, 0, READ_SIZE, position);
  for (;;) {
    const { bytesRead } = await reading;
    signal?.throwIfAborted();
    if (bytesRead === 0) return hash.digest('hex');
    position += bytesRead;
    reading = file.read(next, 0, READ_SIZE, position);
    hash.update(block.subarray(0, bytesRead));
    [block, next] = [next, block];
  }
}

function hashesOf(bytes: Buffer): FileHashes {
  return { sha256: sha256Of(bytes), blake2b512: createHash('blake2b512').update(bytes).digest() };
}

function sha256Of(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}
