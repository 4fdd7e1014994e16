import { expect, test, vi } from 'vitest';
import { MAX_ATTEMPTS, waitAfter } from '../../../../src/server/webhooks/retry-times.ts';

const HOUR = 3_600_000;

test('a message is tried for about a day, at growing intervals that differ each time', () => {
  const waits = Array.from({ length: MAX_ATTEMPTS }, (_, i) => waitAfter(i + 1));
  expect(waits.at(-1)).toBeUndefined();
  const all = waits.filter((wait) => wait !== undefined);
  const total = all.reduce((sum, wait) => sum + wait, 0);
  expect(total).toBeGreaterThan(18 * HOUR);
  expect(total).toBeLessThan(32 * HOUR);
  expect(all[0]).toBeLessThanOrEqual(6000);
  expect(new Set(Array.from({ length: 20 }, () => waitAfter(3))).size).toBeGreaterThan(10);
});

test('a receiver can ask for more time, up to six hours', () => {
  vi.spyOn(Math, 'random').mockReturnValue(0.5);
  expect(waitAfter(1)).toBe(5000);
  expect(waitAfter(1, 60_000)).toBe(60_000);
  expect(waitAfter(1, 100 * HOUR)).toBe(6 * HOUR);
  expect(waitAfter(11, 60_000)).toBeUndefined();
  vi.restoreAllMocks();
});
