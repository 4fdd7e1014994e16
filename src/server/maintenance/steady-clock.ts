import type { Clock } from '../../protocol/time.ts';

/** How far a clock may go beyond what it is expected to show, in milliseconds: a server is stopped for less, mostly. */
const MAX_LEAP_MS = 36 * 60 * 60 * 1000;
/** How long a clock that leapt is not believed, in milliseconds. Until then somebody, or NTP, sets it right. */
const DOUBT_MS = 6 * 60 * 60 * 1000;

export interface SteadyClockOptions {
  readonly clock: Clock;
  /** What the clock of this store showed last; undefined for a new one. */
  readonly lastSeen: Date | undefined;
  /** Milliseconds since any moment, which no one can set. */
  readonly monotonic?: () => number;
  /** Called with how many milliseconds a clock is ahead that is not believed. */
  readonly onLeap: (milliseconds: number) => void;
}

/**
 * The time by which something is old enough to be removed. A clock that is suddenly days ahead may be wrong, so that for
 * some hours this one goes on from where it was: by then, what was promised to anyone is over in any case. A clock that is
 * behind does no harm.
 */
export class SteadyClock {
  readonly #options: SteadyClockOptions;
  readonly #monotonic: () => number;
  /** A time that was believed, and when that was. */
  #believed: { readonly time: number; readonly at: number };
  #leaptAt: number | undefined;

  constructor(options: SteadyClockOptions) {
    const { clock, lastSeen, monotonic = () => performance.now() } = options;
    this.#options = options;
    this.#monotonic = monotonic;
    this.#believed = { time: (lastSeen ?? clock()).getTime(), at: monotonic() };
  }

  now(): Date {
    const at = this.#monotonic();
    const time = this.#options.clock().getTime();
    const expected = this.#believed.time + (at - this.#believed.at);
    if (time - expected > MAX_LEAP_MS && !this.#isDoubtOver(at, time - expected)) return new Date(expected);
    this.#leaptAt = undefined;
    this.#believed = { time, at };
    return new Date(time);
  }

  #isDoubtOver(at: number, leap: number): boolean {
    if (this.#leaptAt === undefined) {
      this.#leaptAt = at;
      this.#options.onLeap(leap);
    }
    return at - this.#leaptAt >= DOUBT_MS;
  }
}
