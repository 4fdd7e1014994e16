/** How long a request waits for another one's retry, in milliseconds: that one may hang. */
const MAX_FOLLOWING_MS = 5000;

/**
 * Lets one of the requests that failed together try the server again, and the others wait for what becomes of it: an
 * outage then costs the retry budget once, not once for each part that was on its way.
 */
export class Recovery {
  readonly #waiting = new Set<() => void>();
  #leader: object | undefined;
  #recoveries = 0;

  /**
   * To be called after a failure of `request`.
   * @param limits `giveUp` ends the wait, as does the end of `maxMs`
   * @returns whether the server has answered another request since
   */
  async lead(
    request: object,
    {
      giveUp,
      maxMs = MAX_FOLLOWING_MS,
    }: { readonly giveUp?: AbortSignal | undefined; readonly maxMs?: number | undefined } = {},
  ): Promise<boolean> {
    const seen = this.#recoveries;
    const deadline = performance.now() + Math.min(maxMs, MAX_FOLLOWING_MS);
    while (this.#leader !== undefined && this.#leader !== request) {
      const leftMs = deadline - performance.now();
      if (leftMs <= 0 || giveUp?.aborted) return false;
      await this.#change(leftMs, giveUp);
      if (this.#recoveries !== seen) return true;
    }
    this.#leader = request;
    return false;
  }

  /** To be called after a success of any request. */
  recovered(): void {
    this.#recoveries += 1;
    this.#leader = undefined;
    this.#wake();
  }

  /** To be called when `request` is not tried again. */
  end(request: object): void {
    if (this.#leader !== request) return;
    this.#leader = undefined;
    this.#wake();
  }

  #change(maxMs: number, giveUp: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        clearTimeout(timer);
        giveUp?.removeEventListener('abort', done);
        this.#waiting.delete(done);
        resolve();
      };
      const timer = setTimeout(done, maxMs);
      giveUp?.addEventListener('abort', done, { once: true });
      this.#waiting.add(done);
    });
  }

  #wake(): void {
    for (const done of this.#waiting) done();
  }
}
