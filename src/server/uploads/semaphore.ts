/** So many may be at work at once; the others wait for their turn, in order. */
export class Semaphore {
  #free: number;
  readonly #waiting = new Set<() => void>();

  constructor(count: number) {
    this.#free = count;
  }

  /** @returns what gives the slot back, to be called once; undefined when the signal came first */
  async acquire(signal: AbortSignal): Promise<(() => void) | undefined> {
    if (signal.aborted) return undefined;
    if (this.#free > 0) this.#free--;
    else if (!(await this.#turn(signal))) return undefined;
    return () => {
      const [next] = this.#waiting;
      if (next) next();
      else this.#free++;
    };
  }

  #turn(signal: AbortSignal): Promise<boolean> {
    return new Promise((resolve) => {
      const settle = (isOurs: boolean) => {
        this.#waiting.delete(begin);
        signal.removeEventListener('abort', giveUp);
        resolve(isOurs);
      };
      const begin = () => settle(true);
      const giveUp = () => settle(false);
      this.#waiting.add(begin);
      signal.addEventListener('abort', giveUp);
    });
  }
}
