import { setTimeout as sleepFor } from 'node:timers/promises';
import { OtaError } from '../errors.ts';
import { RetryBudget } from './retry-budget.ts';

const MAX_TRIES = 6;
/** The first wait is up to this, in milliseconds; after each further failure in a row up to twice the last. */
const BASE_WAIT_MS = 500;
const MAX_WAIT_MS = 20_000;
/** A `Retry-After` is obeyed up to this, in milliseconds. */
const MAX_RETRY_AFTER_MS = 60_000;

/** A try that failed, and how long it is until the next. */
export interface RetryNotice {
  readonly error: OtaError;
  /** The try that comes, from 2 on. */
  readonly attempt: number;
  readonly waitMs: number;
}

export interface RetryOptions {
  readonly onRetry?: (notice: RetryNotice) => void;
  readonly signal?: AbortSignal | undefined;
  /** Tries of one operation, the first included. */
  readonly maxTries?: number;
  /** Seams to chance and time. */
  readonly random?: () => number;
  readonly sleep?: (ms: number) => Promise<unknown>;
}

/**
 * Tries again what can be tried again: exponential backoff with full jitter
 * (https://aws.amazon.com/builders-library/timeouts-retries-and-backoff-with-jitter/), at most 6 tries,
 * `Retry-After` obeyed. Only errors of the code `network` are retried: never a 4xx other than 429.
 * One for each run: what runs at once meets the same server, so it shares one budget, and failures count together.
 */
export class Retry {
  readonly #budget = new RetryBudget();
  readonly #onRetry: (notice: RetryNotice) => void;
  readonly #maxTries: number;
  readonly #random: () => number;
  readonly #sleep: (ms: number) => Promise<unknown>;
  #failuresInARow = 0;

  constructor({ onRetry, signal, maxTries = MAX_TRIES, random, sleep }: RetryOptions = {}) {
    this.#maxTries = maxTries;
    this.#onRetry = onRetry ?? (() => {});
    this.#random = random ?? Math.random;
    this.#sleep = sleep ?? ((ms) => sleepFor(ms, undefined, signal && { signal }));
  }

  /** @param operation gets the number of the try, from 1 */
  async run<T>(operation: (attempt: number) => Promise<T>): Promise<T> {
    for (let attempt = 1; ; attempt++) {
      try {
        const result = await operation(attempt);
        this.#budget.giveBack();
        this.#failuresInARow = 0;
        return result;
      } catch (error) {
        if (!(error instanceof OtaError) || !error.retryable || attempt >= this.#maxTries) throw error;
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
