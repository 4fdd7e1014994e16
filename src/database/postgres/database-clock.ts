/** A reading is replaced after this long at the latest, in milliseconds: clocks drift apart. */
const MAX_AGE_MS = 60_000;

interface Reading {
  /** When the database was asked, halfway between question and answer, on this process's monotonic clock. */
  readonly at: number;
  /** What it answered, in milliseconds since 1970. */
  readonly told: number;
  /** How far off that may be, in milliseconds: half the round trip. */
  readonly uncertainty: number;
}

/**
 * A database's clock as seen from here, between readings: several nodes go by the same time, whatever their machines
 * say. Goes on when the database is away, and is not moved by changes of this machine's clock.
 */
export class DatabaseClock {
  #reading: Reading | undefined;

  /**
   * Takes note of what the database's clock said. Kept are the readings that were answered fastest.
   * @param sentAt when it was asked, by `performance.now()`, as is `receivedAt`
   * @param told milliseconds since 1970
   */
  observe(sentAt: number, receivedAt: number, told: number): void {
    const uncertainty = (receivedAt - sentAt) / 2;
    const reading = { at: sentAt + uncertainty, told, uncertainty };
    const last = this.#reading;
    if (last === undefined || uncertainty <= last.uncertainty || reading.at - last.at > MAX_AGE_MS) {
      this.#reading = reading;
      return;
    }
    // The two contradict each other: a clock was set, or this machine slept.
    const expected = last.told + (reading.at - last.at);
    if (Math.abs(told - expected) > uncertainty + last.uncertainty) this.#reading = reading;
  }

  /** @throws when it was never observed */
  now(monotonic = performance.now()): Date {
    if (this.#reading === undefined) throw new Error('the database was not asked for its time');
    return new Date(this.#reading.told + (monotonic - this.#reading.at));
  }
}
