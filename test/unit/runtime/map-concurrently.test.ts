import { setImmediate as turn } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { mapConcurrently } from '../../../src/runtime/map-concurrently.ts';

test('values are mapped in order, as many at once as are allowed, and lists stay lists', async () => {
  let running = 0;
  let most = 0;
  const map = async (value: number, index: number) => {
    most = Math.max(most, ++running);
    await turn();
    running--;
    return [value, [index]];
  };
  const mapped = await mapConcurrently([1, 2, 3], map, { concurrency: 2 });
  expect(mapped).toEqual([1, 2, 3].map((one, index) => [one, [index]]));
  expect(most).toBe(2);
});

test.each(['a failure', 'an abort'])(
  'field 11: after %s no more are started, and those that run have ended when it rejects',
  async (what) => {
    const stop = new AbortController();
    const started: number[] = [];
    const ended: number[] = [];
    const map = async (value: number) => {
      started.push(value);
      if (value === 1) {
        await turn();
        if (what === 'a failure') throw new Error('first');
        stop.abort(new Error('first'));
        return;
      }
      for (let i = 0; i < 20; i++) await turn();
      ended.push(value);
      if (what === 'a failure') throw new Error('later');
    };
    const options = { concurrency: 3, signal: stop.signal };
    await expect(mapConcurrently([1, 2, 3, 4, 5], map, options)).rejects.toThrow('first');
    expect(started).toEqual([1, 2, 3]);
    expect(ended).toEqual([2, 3]);
  },
);

test('field 11: after a failure a stream is not read on, and is closed', async () => {
  const read: number[] = [];
  let closed = false;
  async function* values() {
    try {
      for (let value = 1; value < 100; value++) {
        read.push(value);
        yield value;
      }
    } finally {
      closed = true;
    }
  }
  const map = async (value: number) => {
    await turn();
    if (value === 2) throw new Error('second');
  };
  await expect(mapConcurrently(values(), map, { concurrency: 2 })).rejects.toThrow('second');
  expect(read.length).toBeLessThan(6);
  expect(closed).toBe(true);
});

test('field 11: when a stream fails, what was read of it has ended when it rejects', async () => {
  const ended: number[] = [];
  async function* values() {
    yield 1;
    yield 2;
    throw new Error('unreadable');
  }
  const map = async (value: number) => {
    for (let i = 0; i < 20; i++) await turn();
    ended.push(value);
  };
  await expect(mapConcurrently(values(), map, { concurrency: 3 })).rejects.toThrow('unreadable');
  expect(ended).toEqual([1, 2]);
});
