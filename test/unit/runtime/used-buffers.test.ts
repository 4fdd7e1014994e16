import { constants, PerformanceObserver } from 'node:perf_hooks';
import { expect, onTestFinished, test, vi } from 'vitest';
import { COLLECT_EVERY, countUsedBuffer, freeBuffer } from '../../../src/runtime/used-buffers.ts';

/** Of an entry for a collection, by Node's documentation of perf_hooks. */
interface GcDetail {
  readonly kind: number;
  readonly flags: number;
}

test('used buffers are collected once enough of them have piled up, and no earlier', async () => {
  let forced = 0;
  const observer = new PerformanceObserver((list) => {
    for (const entry of list.getEntries() as unknown as { detail: GcDetail }[]) {
      const { kind, flags } = entry.detail;
      const isForced = (flags & constants.NODE_PERFORMANCE_GC_FLAGS_FORCED) !== 0;
      if (kind === constants.NODE_PERFORMANCE_GC_MINOR && isForced) forced++;
    }
  });
  observer.observe({ entryTypes: ['gc'] });
  onTestFinished(() => observer.disconnect());

  countUsedBuffer(COLLECT_EVERY); // whatever was counted before
  await vi.waitFor(() => expect(forced).toBe(1));
  for (let i = 0; i < 7; i++) countUsedBuffer(COLLECT_EVERY / 8);
  await new Promise((resolve) => setTimeout(resolve, 50));
  expect(forced).toBe(1);
  countUsedBuffer(COLLECT_EVERY / 8);
  await vi.waitFor(() => expect(forced).toBe(2));
});

test('a buffer is freed only if it has its memory for itself', () => {
  const own = Buffer.allocUnsafeSlow(100);
  freeBuffer(own);
  expect([own.length, own.buffer.byteLength]).toEqual([0, 0]);
  freeBuffer(own); // again
  const shared = Buffer.allocUnsafeSlow(100).fill(1);
  freeBuffer(shared.subarray(0, 99));
  freeBuffer(shared.subarray(1));
  expect(shared).toEqual(Buffer.alloc(100, 1));
});
