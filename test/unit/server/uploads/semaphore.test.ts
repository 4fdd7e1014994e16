import { expect, test } from 'vitest';
import { Semaphore } from '../../../../src/server/uploads/semaphore.ts';

const FOREVER = new AbortController().signal;

test('no more hold a permit than there are, and those that wait get one in order', async () => {
  const slots = new Semaphore(2);
  const started: number[] = [];
  const releases = Array.from({ length: 5 }, async (_, i) => {
    const release = await slots.acquire(FOREVER);
    started.push(i);
    return release;
  });
  for (let done = 0; done < 5; done++) {
    const release = await releases[done];
    await new Promise(setImmediate);
    expect(started).toEqual([0, 1, 2, 3, 4].slice(0, done + 2));
    release?.();
  }
});

test('a caller that gives up gets no permit, and takes none from the others', async () => {
  const slots = new Semaphore(1);
  const release = await slots.acquire(FOREVER);
  const impatient = new AbortController();
  const given = slots.acquire(impatient.signal);
  const patient = slots.acquire(FOREVER);
  impatient.abort();
  expect(await given).toBeUndefined();
  release?.();
  (await patient)?.();
  expect(await slots.acquire(AbortSignal.abort())).toBeUndefined();
  expect(await slots.acquire(FOREVER)).toBeDefined();
});
