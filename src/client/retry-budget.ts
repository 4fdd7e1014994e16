/** Retries available at first, and at most, however much a run does at once. */
const CAPACITY = 8;
/** What a success gives back: in the long run one retry for every two. */
const GAIN = 0.5;

/**
 * Retries that all requests of a run share, so that a server in trouble gets at most half as much again as a healthy
 * one. (As gRPC's retry throttling: https://github.com/grpc/proposal/blob/master/A6-client-retries.md)
 */
export class RetryBudget {
  #left = CAPACITY;

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
