/** The one switch of `npm run test:torture`. */
const TORTURE = process.env.SYNCKIT_OTA_TORTURE === '1';

/** How many times: a few in `npm test`, as often as the requirement says in `npm run test:torture`. */
export function times(inTests: number, inTorture: number): number {
  return TORTURE ? inTorture : inTests;
}

/** So many of the items, spread over all of them, the first and the last included. */
export function spread<T>(items: readonly T[], count: number): T[] {
  if (count >= items.length) return [...items];
  return Array.from(
    { length: count },
    (_, i) => items[Math.round((i * (items.length - 1)) / (count - 1 || 1))] as T,
  );
}
