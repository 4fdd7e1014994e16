import cluster from 'node:cluster';
import {
  RateLimiterCluster,
  RateLimiterClusterMaster,
  RateLimiterMemory,
  RateLimiterRes,
} from 'rate-limiter-flexible';

/** Invalid tokens that one address may send in a minute before it gets a 429. */
const LIMIT = { points: 10, duration: 60 };
/** How long a worker waits for the process that counts for all workers, in milliseconds. */
const TIMEOUT_MS = 1000;

/**
 * Counts invalid tokens. @returns undefined while the client may send more, else the milliseconds until it may
 * @param keyPrefix names what is counted together
 */
export function createInvalidTokenLimit(
  keyPrefix: 'invalid-token' | 'refused-identity',
): (address: string) => Promise<number | undefined> {
  const limiter = cluster.isWorker
    ? new RateLimiterCluster({ ...LIMIT, keyPrefix, timeoutMs: TIMEOUT_MS })
    : new RateLimiterMemory({ ...LIMIT, keyPrefix });
  return (address) =>
    limiter.consume(address).then(
      () => undefined,
      (refusal: unknown) => (refusal instanceof RateLimiterRes ? refusal.msBeforeNext : undefined),
    );
}

/** Call once in the process that starts workers: it counts for them. */
export function countInvalidTokensOfWorkers(): void {
  new RateLimiterClusterMaster();
}
