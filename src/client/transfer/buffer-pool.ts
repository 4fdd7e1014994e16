import { collectAllGarbage } from '../../runtime/used-buffers.ts';

/** Memory for parts that are read and sent at once, in bytes. */
const BUDGET = 32 * 1024 * 1024;

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
    if (this.#lent === 0 && this.#free.length === 0) collectAllGarbage(); // makes room, above all of ended threads
    this.#lent += size;
    const bytes = this.#reuse(size) ?? Buffer.allocUnsafeSlow(size);
    return {
      bytes,
      release: () => {
        this.#lent -= size;
        this.#free.push(bytes);
        if (this.#lent === 0 && this.#waiting.length === 0) this.#drop();
        for (const wake of this.#waiting.splice(0)) wake();
      },
    };
  }

  /** So that what follows the last upload does not come on top of them. Collected: the network may still hold one. */
  #drop(): void {
    this.#free = [];
    collectAllGarbage();
  }

  /** A free buffer of that size. Those of other sizes are dropped, as they would add to the budget. */
  #reuse(size: number): Buffer | undefined {
    this.#free = this.#free.filter(({ length }) => length === size);
    return this.#free.pop();
  }
}
