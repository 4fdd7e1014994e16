/** The one switch of `npm run test:torture`. */
const TORTURE = process.env.SYNCKIT_OTA_TORTURE === '1';

/** A number of repetitions: small in `npm test`, that of the requirement in `npm run test:torture`. */
export function times(inTests: number, inTorture: number): number {
  return TORTURE ? inTorture : inTests;
}

/** That number of items, spread over all of them, including the first and the last. */
export function spread<T>(items: readonly T[], count: number): T[] {
  if (count >= items.length) return [...items];
  return Array.from(
    { length: count },
    (_, i) => items[Math.round((i * (items.length - 1)) / (count - 1 || 1))] as T,
  );
}
