import { setTimeout as sleepFor } from 'node:timers/promises';
import { OtaError } from '../errors.ts';
import { RetryBudget } from './retry-budget.ts';

const MAX_ATTEMPTS = 6;
/** The longest first wait, in milliseconds; it doubles with each further failure in a row. */
const BASE_WAIT_MS = 500;
const MAX_WAIT_MS = 20_000;
/** The longest `Retry-After` that is obeyed, in milliseconds. */
const MAX_RETRY_AFTER_MS = 60_000;

export interface RetryNotice {
  readonly error: OtaError;
  /** The next attempt's number, from 2. */
  readonly attempt: number;
  readonly waitMs: number;
}

export interface RetryOptions {
  readonly onRetry?: (notice: RetryNotice) => void;
  readonly signal?: AbortSignal | undefined;
  /** Attempts of one operation, the first included. */
  readonly maxAttempts?: number;
  /** Replaced in tests. */
  readonly random?: () => number;
  readonly sleep?: (ms: number) => Promise<unknown>;
}

/** What all requests of a run share. */
interface RetryState {
  readonly budget: RetryBudget;
  failuresInARow: number;
}

/**
 * Retries with exponential backoff and full jitter
 * (https://aws.amazon.com/builders-library/timeouts-retries-and-backoff-with-jitter/). Only errors of the code
 * `network` are retried: of the 4xx only 408, 425 and 429. A run has one instance, as all its requests go to one server.
 */
export class Retry {
  readonly #options: RetryOptions;
  readonly #shared: RetryState;
  readonly #giveUp: AbortSignal | undefined;

  /**
   * @param shared that of another instance, for the same run
   * @param giveUp see `until`
   */
  constructor(options: RetryOptions = {}, shared?: RetryState, giveUp?: AbortSignal) {
    this.#options = options;
    this.#shared = shared ?? { budget: new RetryBudget(), failuresInARow: 0 };
    this.#giveUp = giveUp;
  }

  /** The same, but once `giveUp` is aborted nothing is tried again: the last failure is thrown, also during a wait. */
  until(giveUp: AbortSignal): Retry {
    return new Retry(this.#options, this.#shared, giveUp);
  }

  /** @param operation gets the number of the attempt, from 1 */
  async run<T>(operation: (attempt: number) => Promise<T>): Promise<T> {
    for (let attempt = 1; ; attempt++) {
      try {
        const result = await operation(attempt);
        this.#shared.budget.giveBack();
        this.#shared.failuresInARow = 0;
        return result;
      } catch (error) {
        const { onRetry, maxAttempts = MAX_ATTEMPTS } = this.#options;
        if (!(error instanceof OtaError) || !error.retryable || attempt >= maxAttempts) throw error;
        if (this.#giveUp?.aborted || !this.#shared.budget.spend()) throw error;
        this.#shared.failuresInARow += 1;
        const waitMs = this.#wait(error);
        onRetry?.({ error, attempt: attempt + 1, waitMs });
        await this.#sleep(waitMs);
        if (this.#giveUp?.aborted) throw error;
      }
    }
  }

  async #sleep(ms: number): Promise<void> {
    const { sleep, signal } = this.#options;
    if (sleep !== undefined) {
      await sleep(ms);
      return;
    }
    const signals = [signal, this.#giveUp].filter((one) => one !== undefined);
    await sleepFor(ms, undefined, { signal: AbortSignal.any(signals) }).catch((error) => {
      if (signal?.aborted || !this.#giveUp?.aborted) throw error;
    });
  }

  #wait({ retryAfterMs }: OtaError): number {
    const bound = Math.min(MAX_WAIT_MS, BASE_WAIT_MS * 2 ** (this.#shared.failuresInARow - 1));
    const jittered = Math.round((this.#options.random ?? Math.random)() * bound);
    return Math.max(jittered, Math.min(retryAfterMs ?? 0, MAX_RETRY_AFTER_MS));
  }
}

/** RFC 9110 section 10.2.3: seconds or a date. Undefined when absent or unreadable. */
export function parseRetryAfter(value: string | undefined, now: Date): number | undefined {
  if (value === undefined) return undefined;
  if (/^\d+$/.test(value)) return Number(value) * 1000;
  const date = Date.parse(value);
  return Number.isNaN(date) ? undefined : Math.max(0, date - now.getTime());
}
