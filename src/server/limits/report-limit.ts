import { RateLimiterMemory, RateLimiterRes } from 'rate-limiter-flexible';

/** Reports that a process takes of one address in a minute. */
const LIMIT = { points: 30, duration: 60 };

/** Counts reports. @returns undefined while the client may send more, else the milliseconds until it may */
export function createReportLimit(): (address: string) => Promise<number | undefined> {
  const limiter = new RateLimiterMemory({ ...LIMIT, keyPrefix: 'report' });
  return (address) =>
    limiter.consume(address).then(
      () => undefined,
      (refusal: unknown) => (refusal instanceof RateLimiterRes ? refusal.msBeforeNext : undefined),
    );
}
