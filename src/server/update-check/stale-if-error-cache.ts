import { withQueryTimeout } from '../../database/query-timeout.ts';
import type { Clock } from '../../protocol/time.ts';

/** How long a caller waits for the source while there is a stale value to use instead, in milliseconds. */
const PATIENCE_MS = 1000;
/** How long after a failure the source is not asked again while there is a stale value, in milliseconds. */
const RETRY_AFTER_MS = 1000;

export interface StaleIfErrorCacheOptions<Value> {
  /** A number that is different after every change of the source. Called before each use of a value. */
  readonly changeCounter: () => number;
  /**
   * Loads a value from the source.
   * @param previous the value before the change
   * @returns undefined for an unknown key, which is not cached: there is no limit to their number
   */
  readonly load: (key: string, previous: Value | undefined) => Promise<Value | undefined>;
  readonly clock: Clock;
  /** Seconds for which a value may be used after it was last known to be current; 0: not at all. */
  readonly staleIfError: number;
  /** Called when the first stale value is used, and again after the source has recovered in between. */
  readonly onStale: (cause: unknown) => void;
}

/** A time in which the source did not change, as far as its counter shows. */
interface CacheEpoch {
  readonly counter: number;
  /** When the counter last had this value, in milliseconds since 1970. */
  lastSeen: number;
}

interface Load<Value> {
  readonly epoch: CacheEpoch;
  /** In milliseconds since 1970. */
  readonly startedAt: number;
  readonly result: Promise<Value | undefined>;
}

interface Cached<Value> {
  readonly value: Value;
  /** The value is current for as long as this epoch lasts. */
  readonly epoch: CacheEpoch;
}

interface Entry<Value> {
  cached?: Cached<Value>;
  running?: Load<Value> | undefined;
  /** The load after the running one. */
  next?: Promise<Value | undefined> | undefined;
  /** When the last load failed, in milliseconds since 1970; undefined when it succeeded. */
  failedAt?: number | undefined;
}

/**
 * Values in memory, each current until the source changes; loaded once however many ask for them (single flight). While
 * the source is unavailable, a value that was current a short time ago is used instead (RFC 5861, `stale-if-error`).
 */
export class StaleIfErrorCache<Value> {
  readonly #options: StaleIfErrorCacheOptions<Value>;
  readonly #entries = new Map<string, Entry<Value>>();
  #epoch: CacheEpoch | undefined;
  /** Since when `get` has been called without a longer pause, in milliseconds since 1970. */
  #activeSince = 0;
  #isStale = false;

  constructor(options: StaleIfErrorCacheOptions<Value>) {
    this.#options = options;
  }

  /**
   * @returns undefined when the source does not know the key
   * @throws what the source threw when there is no stale value to use: an unknown key is never inferred from a failure
   */
  async get(key: string): Promise<Value | undefined> {
    const entry = this.#entries.get(key);
    const cached = entry?.cached;
    try {
      const epoch = this.#currentEpoch();
      if (cached?.epoch === epoch) return cached.value;
      if (cached === undefined || !this.#withinStaleWindow(cached)) return await this.#load(key, epoch);
      return this.#isUnavailable(entry)
        ? cached.value
        : await withQueryTimeout(this.#load(key, epoch), PATIENCE_MS);
    } catch (error) {
      if (cached === undefined || !this.#withinStaleWindow(cached)) throw error;
      if (!this.#isStale) this.#options.onStale(error);
      this.#isStale = true;
      return cached.value;
    }
  }

  /** Asks the source, once for all callers that have seen the same epoch. */
  #load(key: string, epoch: CacheEpoch): Promise<Value | undefined> {
    const entry = this.#entries.get(key) ?? {};
    this.#entries.set(key, entry);
    if (entry.running === undefined) return this.#start(key, entry, epoch);
    if (entry.running.epoch === epoch) return entry.running.result;
    // The running load may have read before the change: one more follows, for all callers until it starts.
    const again = () => {
      entry.next = undefined;
      return this.#load(key, this.#currentEpoch());
    };
    entry.next ??= entry.running.result.then(again, again); // its failure may predate the change, too
    return entry.next;
  }

  #start(key: string, entry: Entry<Value>, epoch: CacheEpoch): Promise<Value | undefined> {
    const startedAt = this.#now();
    const result = this.#options.load(key, entry.cached?.value).then(
      (value) => {
        entry.running = undefined;
        entry.failedAt = undefined;
        this.#isStale = false;
        if (value === undefined) this.#entries.delete(key);
        else entry.cached = { value, epoch };
        return value;
      },
      (error) => {
        entry.running = undefined;
        if (startedAt >= this.#activeSince) entry.failedAt = this.#now();
        if (entry.cached === undefined) this.#entries.delete(key);
        throw error;
      },
    );
    entry.running = { epoch, startedAt, result };
    return result;
  }

  /** Call before each load, so that a change after it starts a new epoch. */
  #currentEpoch(): CacheEpoch {
    const counter = this.#options.changeCounter();
    const now = this.#now();
    // After a pause the process may have been frozen: how long a load has been running, or when one failed, proves nothing.
    if (now - (this.#epoch?.lastSeen ?? 0) > PATIENCE_MS) this.#activeSince = now;
    const epoch = this.#epoch?.counter === counter ? this.#epoch : { counter, lastSeen: 0 };
    epoch.lastSeen = now;
    this.#epoch = epoch;
    return epoch;
  }

  /** Whether it is no use waiting for the source now. */
  #isUnavailable({ running, failedAt = 0 }: Entry<Value> = {}): boolean {
    const now = this.#now();
    const waitingSince = Math.max(running?.startedAt ?? now, this.#activeSince);
    return now - failedAt < RETRY_AFTER_MS || now - waitingSince > PATIENCE_MS;
  }

  #withinStaleWindow({ epoch }: Cached<Value>): boolean {
    return this.#now() - epoch.lastSeen < this.#options.staleIfError * 1000;
  }

  #now(): number {
    return this.#options.clock().getTime();
  }
}
