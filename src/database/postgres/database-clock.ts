/** How long a reading is used at most, in milliseconds: clocks drift apart. */
const MAX_AGE_MS = 60_000;

interface Reading {
  /** On this process's monotonic clock. */
  readonly at: number;
  /** Of the database, in milliseconds since 1970. */
  readonly time: number;
  /** How far off that may be, in milliseconds: half the round trip. */
  readonly uncertainty: number;
}

/** A question to the database for its time; the moments are from `performance.now()`. */
export interface ClockQuery {
  readonly sentAt: number;
  readonly receivedAt: number;
  /** The response, in milliseconds since 1970. */
  readonly time: number;
}

/**
 * A database's clock, so that several nodes go by the same time. It runs on while the database is unavailable, and is
 * not affected when this machine's clock is set. Until the first query it is this machine's.
 */
export class DatabaseClock {
  #reading: Reading = { at: 0, time: performance.timeOrigin, uncertainty: Number.POSITIVE_INFINITY };

  /** Uses a reading if its query was faster than the last, or if the last is old or cannot be true. */
  observe({ sentAt, receivedAt, time }: ClockQuery): void {
    const uncertainty = (receivedAt - sentAt) / 2;
    const reading = { at: sentAt + uncertainty, time, uncertainty };
    const last = this.#reading;
    const isBetter = uncertainty <= last.uncertainty || reading.at - last.at > MAX_AGE_MS;
    // Readings contradict each other when a clock was set or this machine slept.
    const difference = Math.abs(time - (last.time + (reading.at - last.at)));
    if (isBetter || difference > uncertainty + last.uncertainty) this.#reading = reading;
  }

  now(monotonic = performance.now()): Date {
    return new Date(this.#reading.time + (monotonic - this.#reading.at));
  }
}
