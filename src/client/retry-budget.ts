/** Retries that are there at first, and at most: so many come on top of a run, however much it does at once. */
const CAPACITY = 8;
/** What a success gives back: in the long run one retry for every two. */
const GAIN = 0.5;

/**
 * What all requests of a run may spend on retries together. One request alone may be tried as often as `Retry` lets it;
 * many that fail at once share, so that clients of a server in trouble send it at most half as much again as when it
 * is well. (As gRPC's retry throttling: https://github.com/grpc/proposal/blob/master/A6-client-retries.md)
 */
export class RetryBudget {
  #left = CAPACITY;

  /** @returns whether there was something left for one more */
  spend(): boolean {
    if (this.#left < 1) return false;
    this.#left -= 1;
    return true;
  }

  /** Something succeeded. */
  giveBack(): void {
    this.#left = Math.min(CAPACITY, this.#left + GAIN);
  }
}
