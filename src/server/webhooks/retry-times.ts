const HOUR_MS = 60 * 60 * 1000;
const FIRST_WAIT_MS = 5000;
const GROWTH = 4;
const LONGEST_WAIT_MS = 6 * HOUR_MS;
/** How often a message is tried: for about a day. */
export const MAX_ATTEMPTS = 11;
/** How much a wait differs from its middle, so that what failed together is not tried together again. */
const JITTER = 0.2;

/**
 * How long until a message is tried again, in milliseconds; undefined when it is not.
 * @param attempts that have failed, the last one included
 * @param retryAfterMs what the receiver has asked for
 */
export function waitAfter(attempts: number, retryAfterMs = 0): number | undefined {
  if (attempts >= MAX_ATTEMPTS) return undefined;
  const middle = Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * GROWTH ** (attempts - 1));
  const wait = middle * (1 + JITTER * (2 * Math.random() - 1));
  return Math.round(Math.max(wait, Math.min(retryAfterMs, LONGEST_WAIT_MS)));
}
