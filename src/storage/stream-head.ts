/** Keeps the first bytes of a stream that is read for something else. */
export class StreamHead {
  readonly #length: number;
  readonly #chunks: Buffer[] = [];
  #size = 0;

  /** @param length how many bytes to keep at most */
  constructor(length: number) {
    this.#length = length;
  }

  async *of(chunks: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array> {
    for await (const chunk of chunks) {
      const missing = this.#length - this.#size;
      if (missing > 0) {
        this.#chunks.push(Buffer.from(chunk.subarray(0, missing))); // a copy: buffers are used again
        this.#size = Math.min(this.#length, this.#size + chunk.length);
      }
      yield chunk;
    }
  }

  get bytes(): Buffer {
    return Buffer.concat(this.#chunks);
  }
}
