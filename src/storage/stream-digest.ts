import { createHash, type Hash } from 'node:crypto';
import type { MeasuredBytes, MeasureOptions } from './artifact-storage.ts';

/** Measures bytes as they stream by. */
export class Measure {
  readonly #expected: number;
  readonly #sha256 = createHash('sha256');
  readonly #blake2b512: Hash | undefined;
  #size = 0;

  constructor({ size, blake2b512 }: MeasureOptions) {
    this.#expected = size;
    this.#blake2b512 = blake2b512 ? createHash('blake2b512') : undefined;
  }

  /** @returns false when these are more bytes than expected: no more need be read */
  add(chunk: Uint8Array): boolean {
    this.#size += chunk.length;
    if (this.#size > this.#expected) return false;
    this.#sha256.update(chunk);
    this.#blake2b512?.update(chunk);
    return true;
  }

  /** Once all bytes were added. @returns `size_differs` when they are not as many as expected */
  finish(): MeasuredBytes | 'size_differs' {
    if (this.#size !== this.#expected) return 'size_differs';
    const blake2b512 = this.#blake2b512?.digest();
    return { size: this.#size, sha256: this.#sha256.digest('hex'), ...(blake2b512 && { blake2b512 }) };
  }
}

/** Measures all of what is read, or as much as is expected. */
export async function measureAll(
  chunks: AsyncIterable<Uint8Array>,
  options: MeasureOptions,
): Promise<MeasuredBytes | 'size_differs'> {
  const measure = new Measure(options);
  for await (const chunk of chunks) {
    if (!measure.add(chunk)) return 'size_differs';
  }
  return measure.finish();
}
