import type { Renewal } from '../database/queries/storage-ownership.ts';

/**
 * How long a renewal stays in a place at least, in milliseconds, before whoever wrote it counts as stopped: one renewal may
 * fail, and the next be late.
 */
export const CLAIM_LIFE_MS = 150_000;
/** How much of the time between two observations counts, in milliseconds: in an outage no one can renew. */
const MAX_GAP_MS = 15_000;

/** Milliseconds. */
export type MonotonicClock = () => number;

/** Rejects when the caller gives up. */
export type Pause = (milliseconds: number) => Promise<void>;

export const monotonicClock: MonotonicClock = () => performance.now();

/**
 * Measures how long a renewal has stayed the same: only by this process's monotonic clock, because the time that a renewal
 * was recorded at is another machine's, and every wall clock may be wrong or be set.
 */
export class RenewalWatch {
  readonly #now: MonotonicClock;
  readonly #maxGap: number;
  #last: (Renewal & { readonly at: number }) | undefined;
  #unchangedFor = 0;

  constructor(now: MonotonicClock, maxGap = MAX_GAP_MS) {
    this.#now = now;
    this.#maxGap = maxGap;
  }

  /** Takes note of what was read just now. @returns for how many milliseconds it was seen there */
  observe({ epoch, nonce }: Renewal): number {
    const last = this.#last;
    const at = this.#now();
    const isSame = last?.epoch === epoch && last.nonce === nonce;
    this.#unchangedFor = isSame ? this.#unchangedFor + Math.min(at - last.at, this.#maxGap) : 0;
    this.#last = { epoch, nonce, at };
    return this.#unchangedFor;
  }
}
