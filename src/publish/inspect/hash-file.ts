import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';
import { type Checked, ok, refused } from '../../issue.ts';

/** Bytes read from a file at once. */
const READ_SIZE = 1024 * 1024;

export interface FileHashes {
  readonly sha256: string;
  readonly blake2b512: Buffer;
}

/** Reads a file once, for all its hashes. */
export async function hashFile(path: string, signal?: AbortSignal): Promise<Checked<FileHashes>> {
  const sha256 = createHash('sha256');
  const blake2b512 = createHash('blake2b512');
  const buffer = Buffer.allocUnsafe(READ_SIZE); // one for all reads: a stream's would pile up until collected
  try {
    const file = await open(path);
    try {
      for (;;) {
        signal?.throwIfAborted();
        const { bytesRead } = await file.read(buffer);
        if (bytesRead === 0) break;
        sha256.update(buffer.subarray(0, bytesRead));
        blake2b512.update(buffer.subarray(0, bytesRead));
      }
    } finally {
      await file.close();
    }
  } catch (error) {
    if (signal?.aborted) throw error;
    return unreadable(path, error);
  }
  return ok({ sha256: sha256.digest('hex'), blake2b512: blake2b512.digest() });
}

export function unreadable(file: string, error: unknown): Checked<never> {
  const reason = error instanceof Error ? error.message : String(error);
  const message = `${file} cannot be read: ${reason}`;
  return refused({ id: 'file.unreadable', code: 'usage', message, hint: 'Check its permissions.' });
}
