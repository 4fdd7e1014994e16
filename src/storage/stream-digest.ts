import { createHash, type Hash } from 'node:crypto';
import { countUsedBuffer } from '../runtime/used-buffers.ts';
import type { ContentDigest, DigestOptions } from './artifact-storage.ts';

/** Hashes bytes as they stream by, and compares their number with the declared size. */
export class StreamDigest {
  readonly #expected: number;
  readonly #sha256 = createHash('sha256');
  readonly #blake2b512: Hash | undefined;
  #size = 0;

  constructor({ size, blake2b512 }: DigestOptions) {
    this.#expected = size;
    this.#blake2b512 = blake2b512 ? createHash('blake2b512') : undefined;
  }

  /** @returns false once there are more bytes than declared: no more need be read */
  update(chunk: Uint8Array): boolean {
    this.#size += chunk.length;
    if (this.#size > this.#expected) return false;
    this.#sha256.update(chunk);
    this.#blake2b512?.update(chunk);
    countUsedBuffer(chunk.length);
    return true;
  }

  /** Call once, after the last `update`. */
  finish(): ContentDigest | 'size_differs' {
    if (this.#size !== this.#expected) return 'size_differs';
    const blake2b512 = this.#blake2b512?.digest();
    return { size: this.#size, sha256: this.#sha256.digest('hex'), ...(blake2b512 && { blake2b512 }) };
  }
}

/** Hashes a whole stream; reads no further once it is longer than declared. */
export async function digestStream(
  chunks: AsyncIterable<Uint8Array>,
  options: DigestOptions,
): Promise<ContentDigest | 'size_differs'> {
  const digest = new StreamDigest(options);
  for await (const chunk of chunks) {
    if (!digest.update(chunk)) return 'size_differs';
  }
  return digest.finish();
}
