/** Memory for parts that are read and sent at once, in bytes. */
const BUDGET = 64 * 1024 * 1024;

export interface LentBuffer {
  readonly bytes: Buffer;
  /** To be called once, when nothing reads or writes it any more. */
  release(): void;
}

/** The memory that all multipart uploads of a run share. A part may exceed the budget when no other buffer is lent. */
export class BufferPool {
  readonly #budget: number;
  readonly #waiting: (() => void)[] = [];
  #free: Buffer[] = [];
  #lent = 0;

  constructor(budget = BUDGET) {
    this.#budget = budget;
  }

  async take(size: number): Promise<LentBuffer> {
    while (this.#lent > 0 && this.#lent + size > this.#budget) {
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
    this.#lent += size;
    const bytes = this.#reuse(size) ?? Buffer.allocUnsafeSlow(size);
    return {
      bytes,
      release: () => {
        this.#lent -= size;
        this.#free.push(bytes);
        for (const wake of this.#waiting.splice(0)) wake();
      },
    };
  }

  /** A free buffer of that size. Those of other sizes are dropped, as they would add to the budget. */
  #reuse(size: number): Buffer | undefined {
    this.#free = this.#free.filter(({ length }) => length === size);
    return this.#free.pop();
  }
}
