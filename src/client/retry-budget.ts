/** Retries available at first, and at most, however much a run does at once. */
const CAPACITY = 8;
/** What a success gives back: in the long run one retry for every two. */
const GAIN = 0.5;

/**
 * What all requests of a run may spend on retries together. A single request may be retried as often as `Retry` allows;
 * many that fail at once share, so that clients send a server in trouble at most half as much again as a healthy one.
 * (As gRPC's retry throttling: https://github.com/grpc/proposal/blob/master/A6-client-retries.md)
 */
export class RetryBudget {
  #left = CAPACITY;

  /** @returns whether there was one left */
  spend(): boolean {
    if (this.#left < 1) return false;
    this.#left -= 1;
    return true;
  }

  /** To be called after a success. */
  giveBack(): void {
    this.#left = Math.min(CAPACITY, this.#left + GAIN);
  }
}
