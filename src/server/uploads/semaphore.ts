/** Limits how many hold a permit at once; the others wait in order. */
export class Semaphore {
  #free: number;
  readonly #waiting = new Set<() => void>();

  constructor(permits: number) {
    this.#free = permits;
  }

  /** @returns the function that releases the permit, to call once; undefined when `signal` aborted before one was free */
  async acquire(signal: AbortSignal): Promise<(() => void) | undefined> {
    if (signal.aborted) return undefined;
    if (this.#free > 0) this.#free--;
    else if (!(await this.#waitForPermit(signal))) return undefined;
    return () => {
      const [next] = this.#waiting;
      if (next) next();
      else this.#free++;
    };
  }

  #waitForPermit(signal: AbortSignal): Promise<boolean> {
    return new Promise((resolve) => {
      const settle = (isAcquired: boolean) => {
        this.#waiting.delete(take);
        signal.removeEventListener('abort', giveUp);
        resolve(isAcquired);
      };
      const take = () => settle(true);
      const giveUp = () => settle(false);
      this.#waiting.add(take);
      signal.addEventListener('abort', giveUp);
    });
  }
}
