import { describe, expect, test, vi } from 'vitest';
import { OtaError } from '../../../../src/errors.ts';
import { StaleIfErrorCache } from '../../../../src/server/update-check/stale-if-error-cache.ts';

const START = Date.parse('2026-03-13T12:00:00Z');

interface Load {
  readonly key: string;
  readonly previous: string | undefined;
  succeed(value: string | undefined): void;
  fail(error: Error): void;
}

/** A cache of a source that a test answers itself, with a movable clock. */
function openCache(staleIfError = 300) {
  const source = { counter: 1, doubts: 0, now: START };
  const loads: Load[] = [];
  const onStale = vi.fn();
  const cache = new StaleIfErrorCache<string>({
    changeCounter: () => source.counter,
    doubtCounter: () => source.doubts,
    sizeOf: (value) => value.length,
    maxBytes: 1000,
    load: (key, previous) =>
      new Promise((resolve, reject) => {
        loads.push({ key, previous, succeed: resolve, fail: reject });
      }),
    clock: () => new Date(source.now),
    staleIfError,
    onStale,
  });
  /** The load that was started last. */
  const last = () => loads.at(-1) as Load;
  const fill = async (key: string, value: string) => {
    const got = cache.get(key);
    last().succeed(value);
    await got;
  };
  return { cache, source, loads, last, fill, onStale };
}

test('a value is loaded once, and not again while the source does not change', async () => {
  const { cache, loads, fill } = openCache();
  await fill('key', 'value');
  expect(await Promise.all([cache.get('key'), cache.get('key')])).toEqual(['value', 'value']);
  expect(loads).toHaveLength(1);
});

test('callers that ask at the same time share one load', async () => {
  const { cache, loads, last } = openCache();
  const callers = [cache.get('key'), cache.get('key'), cache.get('key')];
  last().succeed('value');
  expect(await Promise.all(callers)).toEqual(['value', 'value', 'value']);
  expect(loads).toHaveLength(1);
});

test('each key is loaded by itself', async () => {
  const { cache, fill } = openCache();
  await fill('one', '1');
  await fill('two', '2');
  expect([await cache.get('one'), await cache.get('two')]).toEqual(['1', '2']);
});

test('a change of the source causes a new load, which receives the previous value', async () => {
  const { cache, source, last, fill } = openCache();
  await fill('key', 'old');
  source.counter++;
  const got = cache.get('key');
  expect(last()).toMatchObject({ key: 'key', previous: 'old' });
  last().succeed('new');
  expect(await got).toBe('new');
});

test('callers after a change do not share a load from before it, but one load of their own', async () => {
  const { cache, source, loads, last } = openCache();
  const before = cache.get('key');
  source.counter++;
  const after = [cache.get('key'), cache.get('key')];
  last().succeed('old');
  expect(await before).toBe('old');
  await vi.waitFor(() => expect(loads).toHaveLength(2));
  last().succeed('new');
  expect(await Promise.all(after)).toEqual(['new', 'new']);
  expect(loads).toHaveLength(2);
});

test('an unknown key is not cached', async () => {
  const { cache, loads, last } = openCache();
  for (const count of [1, 2]) {
    const got = cache.get('unknown');
    last().succeed(undefined);
    expect(await got).toBeUndefined();
    expect(loads).toHaveLength(count);
  }
});

describe('when the source fails', () => {
  const down = new OtaError('store_unavailable', 'down');

  test('a value from before is used within the stale window, and reported once', async () => {
    const { cache, source, last, fill, onStale } = openCache();
    await fill('key', 'stale');
    for (let outage = 0; outage < 2; outage++) {
      source.counter++;
      source.now += 2000;
      const got = cache.get('key');
      last().fail(down);
      expect(await got).toBe('stale');
    }
    expect(onStale).toHaveBeenCalledExactlyOnceWith(down);
  });

  test('the error is thrown after the stale window', async () => {
    const { cache, source, last, fill } = openCache(300);
    await fill('key', 'stale');
    source.counter++;
    source.now += 300_000;
    const got = cache.get('key');
    last().fail(down);
    await expect(got).rejects.toBe(down);
  });

  test('the error is thrown for a key that was not loaded before', async () => {
    const { cache, last } = openCache();
    const got = cache.get('key');
    last().fail(down);
    await expect(got).rejects.toBe(down);
  });

  test('it is not asked again within a second while there is a stale value', async () => {
    const { cache, source, loads, last, fill } = openCache();
    await fill('key', 'stale');
    source.counter++;
    const got = cache.get('key');
    last().fail(down);
    await got;
    source.now += 999;
    expect(await cache.get('key')).toBe('stale');
    expect(loads).toHaveLength(2);
    source.now += 1;
    const again = cache.get('key');
    expect(loads).toHaveLength(3);
    last().succeed('new');
    expect(await again).toBe('new');
  });
});

test('a source that does not respond is waited for as long as there is a stale value for a second only', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  try {
    const { cache, source, fill, onStale } = openCache();
    await fill('key', 'stale');
    source.counter++;
    const got = cache.get('key');
    await vi.advanceTimersByTimeAsync(1000);
    expect(await got).toBe('stale');
    expect(onStale).toHaveBeenCalledExactlyOnceWith(expect.objectContaining({ code: 'store_unavailable' }));
  } finally {
    vi.useRealTimers();
  }
});
