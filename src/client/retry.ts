import { setTimeout as sleepFor } from 'node:timers/promises';
import { OtaError } from '../errors.ts';
import { Recovery } from './recovery.ts';
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
  /** How long it goes on being tried, in milliseconds; undefined where attempts are counted instead. */
  readonly leftMs?: number;
}

export interface RetryOptions {
  readonly onRetry?: (notice: RetryNotice) => void;
  readonly signal?: AbortSignal | undefined;
  /** Attempts of one operation, the first included. */
  readonly maxAttempts?: number;
  /**
   * How long an operation is tried again after its first failure, in milliseconds, however often: for servers that come
   * back within a known time. 0: it is tried once. Undefined: attempts are counted, and share a budget.
   */
  readonly patienceMs?: number | undefined;
  /** Replaced in tests. */
  readonly random?: () => number;
  readonly sleep?: (ms: number) => Promise<unknown>;
  /** Milliseconds, rising. */
  readonly now?: () => number;
}

/** What all requests of a run share. */
interface RetryState {
  readonly budget: RetryBudget;
  readonly recovery: Recovery;
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
    this.#shared = shared ?? { budget: new RetryBudget(), recovery: new Recovery(), failuresInARow: 0 };
    this.#giveUp = giveUp;
  }

  /** As in `RetryOptions`. */
  get patienceMs(): number | undefined {
    return this.#options.patienceMs;
  }

  /** The same, but once `giveUp` is aborted nothing is tried again: the last failure is thrown, also during a wait. */
  until(giveUp: AbortSignal): Retry {
    return new Retry(this.#options, this.#shared, giveUp);
  }

  /** @param operation gets the number of the attempt, from 1 */
  async run<T>(operation: (attempt: number) => Promise<T>): Promise<T> {
    const request = {};
    try {
      return await this.#tryUntilDone(operation, request);
    } finally {
      this.#shared.recovery.end(request);
    }
  }

  async #tryUntilDone<T>(operation: (attempt: number) => Promise<T>, request: object): Promise<T> {
    let failingSince: number | undefined;
    for (let attempt = 1; ; attempt++) {
      try {
        const result = await operation(attempt);
        this.#shared.budget.giveBack();
        this.#shared.failuresInARow = 0;
        this.#shared.recovery.recovered();
        return result;
      } catch (error) {
        if (!(error instanceof OtaError) || !error.retryable || this.#giveUp?.aborted) throw error;
        failingSince ??= this.#now();
        await this.#beforeRetry(error, { request, attempt, failingSince });
        if (this.#giveUp?.aborted) throw error;
      }
    }
  }

  /** Waits for the time of the next attempt. @throws `error` when there is to be none */
  async #beforeRetry(
    error: OtaError,
    failed: { readonly request: object; readonly attempt: number; readonly failingSince: number },
  ): Promise<void> {
    const limits = { giveUp: this.#giveUp, maxMs: this.#requireMore(error, failed) };
    const hasRecovered = await this.#shared.recovery.lead(failed.request, limits);
    if (this.#giveUp?.aborted) throw error;
    const leftMs = this.#requireMore(error, failed);
    if (leftMs === undefined && !this.#shared.budget.spend()) throw error;
    if (!hasRecovered) this.#shared.failuresInARow += 1;
    const waitMs = this.#wait(error, leftMs);
    if (waitMs === undefined) throw error;
    const patience = leftMs !== undefined && { leftMs };
    this.#options.onRetry?.({ error, attempt: failed.attempt + 1, waitMs, ...patience });
    await this.#sleep(waitMs);
  }

  /**
   * @returns how long the operation may still be tried; undefined where attempts are counted
   * @throws `error` when there may be no more attempts
   */
  #requireMore(
    error: OtaError,
    { attempt, failingSince }: { readonly attempt: number; readonly failingSince: number },
  ): number | undefined {
    const { patienceMs, maxAttempts = MAX_ATTEMPTS } = this.#options;
    const leftMs = patienceMs === undefined ? undefined : failingSince + patienceMs - this.#now();
    if (leftMs === undefined ? attempt >= maxAttempts : leftMs <= 0) throw error;
    return leftMs;
  }

  #now(): number {
    return (this.#options.now ?? (() => performance.now()))();
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

  /** Undefined where the server asks for more than is left. The last try comes at the end of what is left. */
  #wait({ retryAfterMs = 0 }: OtaError, leftMs = Number.POSITIVE_INFINITY): number | undefined {
    const bound = Math.min(MAX_WAIT_MS, BASE_WAIT_MS * 2 ** Math.max(0, this.#shared.failuresInARow - 1));
    const jittered = Math.round((this.#options.random ?? Math.random)() * bound);
    const asked = Math.min(retryAfterMs, MAX_RETRY_AFTER_MS);
    return asked > leftMs ? undefined : Math.min(Math.max(jittered, asked), leftMs);
  }
}

/** RFC 9110 section 10.2.3: seconds or a date. Undefined when absent or unreadable. */
export function parseRetryAfter(value: string | undefined, now: Date): number | undefined {
  if (value === undefined) return undefined;
  if (/^\d+$/.test(value)) return Number(value) * 1000;
  const date = Date.parse(value);
  return Number.isNaN(date) ? undefined : Math.max(0, date - now.getTime());
}
