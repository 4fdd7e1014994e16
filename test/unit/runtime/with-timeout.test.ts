import { describe, expect, test, vi } from 'vitest';
import { TimeoutError, withTimeout } from '../../../src/runtime/with-timeout.ts';

describe('withTimeout', () => {
  test('resolves or rejects as the promise does', async () => {
    expect(await withTimeout(Promise.resolve('done'), 1000)).toBe('done');
    await expect(withTimeout(Promise.reject(new Error('failed')), 1000)).rejects.toThrow('failed');
  });

  test('rejects after the timeout, and ignores a later error', async () => {
    vi.useFakeTimers();
    const late = new Promise<never>((_, reject) => setTimeout(() => reject(new Error('late')), 2000));
    const outcome = expect(withTimeout(late, 1000)).rejects.toBeInstanceOf(TimeoutError);
    await vi.advanceTimersByTimeAsync(2000);
    await outcome;
    vi.useRealTimers();
  });
});
