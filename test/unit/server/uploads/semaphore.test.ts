import { expect, test } from 'vitest';
import { Semaphore } from '../../../../src/server/uploads/semaphore.ts';

const FOREVER = new AbortController().signal;

test('no more are at work than there are slots, and those that wait come in order', async () => {
  const slots = new Semaphore(2);
  const begun: number[] = [];
  const releases = Array.from({ length: 5 }, async (_, i) => {
    const release = await slots.acquire(FOREVER);
    begun.push(i);
    return release;
  });
  for (let done = 0; done < 5; done++) {
    const release = await releases[done];
    await new Promise(setImmediate);
    expect(begun).toEqual([0, 1, 2, 3, 4].slice(0, done + 2));
    release?.();
  }
});

test('who gives up gets no slot, and takes none from the others', async () => {
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
