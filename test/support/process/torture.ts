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

/** `SYNCKIT_OTA_SHARD=2/6`: the second of six runs, that together try everything. */
const [SHARD = 1, SHARDS = 1] = (process.env.SYNCKIT_OTA_SHARD ?? '1/1').split('/').map(Number);
const REPORT_EVERY = 20;

/** Every so-many-th item from the one of this run's shard, reporting how far it is. */
export function* ofShard<T>(what: string, items: readonly T[]): Generator<T> {
  const own = items.filter((_item, i) => i % SHARDS === SHARD - 1);
  for (const [i, item] of own.entries()) {
    if (i % REPORT_EVERY === 0)
      console.log(`${new Date().toISOString()} ${what}: ${i} of ${own.length} points`);
    yield item;
  }
}
