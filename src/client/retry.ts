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

/**
 * Retries with exponential backoff and full jitter
 * (https://aws.amazon.com/builders-library/timeouts-retries-and-backoff-with-jitter/). Only errors of the code
 * `network` are retried: of the 4xx only 408, 425 and 429. A run has one instance, as all its requests go to one server.
 */
export class Retry {
  readonly #budget = new RetryBudget();
  readonly #onRetry: (notice: RetryNotice) => void;
  readonly #maxAttempts: number;
  readonly #random: () => number;
  readonly #sleep: (ms: number) => Promise<unknown>;
  #failuresInARow = 0;

  constructor({ onRetry, signal, maxAttempts = MAX_ATTEMPTS, random, sleep }: RetryOptions = {}) {
    this.#maxAttempts = maxAttempts;
    this.#onRetry = onRetry ?? (() => {});
    this.#random = random ?? Math.random;
    this.#sleep = sleep ?? ((ms) => sleepFor(ms, undefined, signal && { signal }));
  }

  /** @param operation gets the number of the attempt, from 1 */
  async run<T>(operation: (attempt: number) => Promise<T>): Promise<T> {
    for (let attempt = 1; ; attempt++) {
      try {
        const result = await operation(attempt);
        this.#budget.giveBack();
        this.#failuresInARow = 0;
        return result;
      } catch (error) {
        if (!(error instanceof OtaError) || !error.retryable || attempt >= this.#maxAttempts) throw error;
        if (!this.#budget.spend()) throw error;
        this.#failuresInARow += 1;
        const waitMs = this.#wait(error);
        this.#onRetry({ error, attempt: attempt + 1, waitMs });
        await this.#sleep(waitMs);
      }
    }
  }

  #wait({ retryAfterMs }: OtaError): number {
    const bound = Math.min(MAX_WAIT_MS, BASE_WAIT_MS * 2 ** (this.#failuresInARow - 1));
    const jittered = Math.round(this.#random() * bound);
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
