import { LRUCache } from 'lru-cache';
import { withQueryTimeout } from '../../database/query-timeout.ts';
import type { Clock } from '../../protocol/time.ts';

/** How long a caller waits for the source while there is a stale value to use instead, in milliseconds. */
const PATIENCE_MS = 1000;
/** How long after a failure the source is not asked again while there is a stale value, in milliseconds. */
const RETRY_AFTER_MS = 1000;

export interface StaleIfErrorCacheOptions<Value> {
  /**
   * The number of the last change of the source that may concern the value; without a value, of the last change of any.
   * Called before each use of a value.
   */
  readonly changeCounter: (value?: Value) => number;
  /** A number that rises when changes may have been missed. Called before each use of a value. */
  readonly doubtCounter: () => number;
  /**
   * Loads a value from the source.
   * @param previous the value before the change
   * @returns undefined for an unknown key, which is not cached: there is no limit to their number
   */
  readonly load: (key: string, previous: Value | undefined) => Promise<Value | undefined>;
  /** When a value is outdated by itself, in milliseconds since 1970; by default never. */
  readonly expiresAt?: (value: Value) => number;
  /** About how much memory a value takes, in bytes. */
  readonly sizeOf: (value: Value) => number;
  /** Of all values together. Those that were not used for the longest time make room for others. */
  readonly maxBytes: number;
  readonly clock: Clock;
  /** Seconds for which a value may be used after it was last known to be current; 0: not at all. */
  readonly staleIfError: number;
  /** Called when the first stale value is used, and again after the source has recovered in between. */
  readonly onStale: (cause: unknown) => void;
}

/** A time in which no change was missed, as far as the counter of doubts shows. */
interface CacheEpoch {
  readonly doubts: number;
  /** When the counter last had this value, in milliseconds since 1970. */
  lastSeen: number;
}

/** A moment in the life of the source. */
interface Moment {
  readonly epoch: CacheEpoch;
  /** The number of the last change before it. */
  readonly change: number;
}

interface Load<Value> {
  /** Before it started. */
  readonly asOf: Moment;
  /** In milliseconds since 1970. */
  readonly startedAt: number;
  readonly result: Promise<Value | undefined>;
  /** The load after this one. */
  next?: Promise<Value | undefined> | undefined;
}

interface Cached<Value> {
  readonly value: Value;
  /** Before it was loaded. It is current until a change that concerns it, for as long as the epoch lasts. */
  readonly asOf: Moment;
  /** In milliseconds since 1970. */
  readonly expiresAt: number;
  /** Whether a change concerns it, as far as is known, or it has expired. */
  isOutdated: boolean;
  /** When it was last used while it was current, in milliseconds since 1970. */
  usedAt: number;
  /** When the last load failed, in milliseconds since 1970; undefined when it succeeded. */
  failedAt?: number | undefined;
}

/**
 * Values in memory, each current until a change of the source concerns it; loaded once however many ask for them (single
 * flight). While the source is unavailable, a value that was current a short time ago is used instead (RFC 5861,
 * `stale-if-error`).
 */
export class StaleIfErrorCache<Value> {
  readonly #options: StaleIfErrorCacheOptions<Value>;
  readonly #cached: LRUCache<string, Cached<Value>>;
  readonly #loads = new Map<string, Load<Value>>();
  #epoch: CacheEpoch | undefined;
  /** Since when `get` has been called without a longer pause, in milliseconds since 1970. */
  #activeSince = 0;
  #isStale = false;

  constructor(options: StaleIfErrorCacheOptions<Value>) {
    this.#options = options;
    const { maxBytes: maxSize, sizeOf } = options;
    // One that is larger than all may be is kept alone: without it, each use would load it.
    const sizeCalculation = ({ value }: Cached<Value>) => Math.min(Math.max(1, sizeOf(value)), maxSize);
    this.#cached = new LRUCache({ maxSize, sizeCalculation });
  }

  /**
   * @returns undefined when the source does not know the key
   * @throws what the source threw when there is no stale value to use: an unknown key is never inferred from a failure
   */
  async get(key: string): Promise<Value | undefined> {
    const cached = this.#cached.get(key);
    try {
      const now = this.#observe();
      if (cached === undefined) return await this.#load(key, now);
      if (this.#isCurrent(cached, now)) return cached.value;
      if (!this.#withinStaleWindow(cached)) return await this.#load(key, now);
      return this.#isUnavailable(key, cached)
        ? cached.value
        : await withQueryTimeout(this.#load(key, now), PATIENCE_MS);
    } catch (error) {
      if (cached === undefined || !this.#withinStaleWindow(cached)) throw error;
      if (!this.#isStale) this.#options.onStale(error);
      this.#isStale = true;
      return cached.value;
    }
  }

  /** The value if it is in memory and surely current, without asking the source. */
  peek(key: string): Value | undefined {
    const cached = this.#cached.get(key);
    try {
      return cached !== undefined && this.#isCurrent(cached, this.#observe()) ? cached.value : undefined;
    } catch {
      return undefined;
    }
  }

  /** The value in memory, current or not. */
  stored(key: string): Value | undefined {
    return this.#cached.peek(key)?.value;
  }

  #isCurrent(cached: Cached<Value>, { epoch }: Moment): boolean {
    const { value, asOf } = cached;
    cached.isOutdated ||=
      this.#options.changeCounter(value) > asOf.change || epoch.lastSeen >= cached.expiresAt;
    if (cached.isOutdated || asOf.epoch !== epoch) return false;
    cached.usedAt = epoch.lastSeen;
    return true;
  }

  /** Asks the source, once for all callers between two changes that concern the key. */
  #load(key: string, now: Moment): Promise<Value | undefined> {
    const running = this.#loads.get(key);
    if (running === undefined) return this.#start(key, now);
    // Without a value it is unknown what the key leads to: then any change may concern it.
    const lastChange = this.#options.changeCounter(this.stored(key));
    if (running.asOf.epoch === now.epoch && lastChange <= running.asOf.change) return running.result;
    // The running load may have read before the change: one more follows, for all callers until it starts.
    const again = () => this.#load(key, this.#observe());
    running.next ??= running.result.then(again, again); // its failure may predate the change, too
    return running.next;
  }

  #start(key: string, asOf: Moment): Promise<Value | undefined> {
    const startedAt = this.#now();
    const result = this.#options.load(key, this.stored(key)).then(
      (value) => {
        this.#loads.delete(key);
        this.#isStale = false;
        if (value === undefined) this.#cached.delete(key);
        else {
          const expiresAt = this.#options.expiresAt?.(value) ?? Number.POSITIVE_INFINITY;
          this.#cached.set(key, { value, asOf, expiresAt, isOutdated: false, usedAt: startedAt });
        }
        return value;
      },
      (error) => {
        this.#loads.delete(key);
        const cached = this.#cached.peek(key);
        if (cached !== undefined && startedAt >= this.#activeSince) cached.failedAt = this.#now();
        throw error;
      },
    );
    this.#loads.set(key, { asOf, startedAt, result });
    return result;
  }

  /** Call before each load, so that a change after it has a higher number, and a doubt starts a new epoch. */
  #observe(): Moment {
    const { changeCounter, doubtCounter } = this.#options;
    const doubts = doubtCounter();
    const change = changeCounter();
    const now = this.#now();
    // After a pause the process may have been frozen: how long a load has been running, or when one failed, proves nothing.
    if (now - (this.#epoch?.lastSeen ?? 0) > PATIENCE_MS) this.#activeSince = now;
    const epoch = this.#epoch?.doubts === doubts ? this.#epoch : { doubts, lastSeen: 0 };
    epoch.lastSeen = now;
    this.#epoch = epoch;
    return { epoch, change };
  }

  /** Whether it is no use waiting for the source now. */
  #isUnavailable(key: string, { failedAt = 0 }: Cached<Value>): boolean {
    const now = this.#now();
    const waitingSince = Math.max(this.#loads.get(key)?.startedAt ?? now, this.#activeSince);
    return now - failedAt < RETRY_AFTER_MS || now - waitingSince > PATIENCE_MS;
  }

  /** Until when it was known to be current: while it is not outdated, until the end of its epoch. */
  #withinStaleWindow(cached: Cached<Value>): boolean {
    const lastSeen = cached.isOutdated ? cached.usedAt : cached.asOf.epoch.lastSeen;
    return this.#now() - lastSeen < this.#options.staleIfError * 1000;
  }

  #now(): number {
    return this.#options.clock().getTime();
  }
}
