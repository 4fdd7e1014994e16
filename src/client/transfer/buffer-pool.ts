/** Memory for parts that are read and sent at once, in bytes. */
const BUDGET = 64 * 1024 * 1024;

/** A piece of memory that is lent. */
export interface LentBuffer {
  readonly bytes: Buffer;
  /** To be called once, when nothing reads or writes it any more. */
  release(): void;
}

/**
 * The memory that all uploads in parts of a run share: so much and no more, whatever runs at once. A single part may
 * exceed it when there is no other.
 */
export class BufferPool {
  readonly #budget: number;
  readonly #waiting: (() => void)[] = [];
  #free: Buffer[] = [];
  #lent = 0;

  constructor(budget = BUDGET) {
    this.#budget = budget;
  }

  /** Waits until there is room for so many bytes. */
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

  /** One of that size; those of others are let go, so that they do not count beside the budget. */
  #reuse(size: number): Buffer | undefined {
    this.#free = this.#free.filter(({ length }) => length === size);
    return this.#free.pop();
  }
}
