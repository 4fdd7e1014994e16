import { setImmediate } from 'node:timers/promises';
import { describe, expect, test, vi } from 'vitest';
import { BufferPool, type LentBuffer } from '../../../../src/client/transfer/buffer-pool.ts';
import { collectAllGarbage } from '../../../../src/runtime/used-buffers.ts';

/** Takes one, and knows whether it was available at once. */
async function taken(buffers: BufferPool, size: number) {
  let had: LentBuffer | undefined;
  const taking = buffers.take(size).then((lent) => {
    had = lent;
    return lent;
  });
  await setImmediate();
  return { isHad: () => had !== undefined, taking };
}

async function lendOnce(buffers: BufferPool): Promise<WeakRef<ArrayBufferLike>> {
  const { bytes, release } = await buffers.take(4);
  release();
  return new WeakRef(bytes.buffer);
}

function isCollected(reference: WeakRef<ArrayBufferLike>): boolean {
  collectAllGarbage();
  return reference.deref() === undefined;
}

describe('buffers for parts', () => {
  test('are handed out up to the budget, and to the next caller once enough is released', async () => {
    const buffers = new BufferPool(10);
    const first = await buffers.take(4);
    const second = await buffers.take(6);
    expect([first.bytes.length, second.bytes.length]).toEqual([4, 6]);
    const third = await taken(buffers, 5);
    const fourth = await taken(buffers, 5);
    first.release();
    await setImmediate();
    expect([third.isHad(), fourth.isHad()]).toEqual([false, false]);
    second.release();
    expect((await third.taking).bytes.length).toBe(5);
    expect((await fourth.taking).bytes.length).toBe(5);
  });

  test('larger than the budget are handed out to a caller that is alone', async () => {
    const buffers = new BufferPool(10);
    const small = await buffers.take(1);
    const large = await taken(buffers, 11);
    expect(large.isHad()).toBe(false);
    small.release();
    expect((await large.taking).bytes.length).toBe(11);
    expect((await taken(buffers, 1)).isHad()).toBe(false);
  });

  test('are reused for the same size, but never by two callers at once', async () => {
    const buffers = new BufferPool(8);
    const [first, second] = [await buffers.take(4), await buffers.take(4)];
    expect(first.bytes).not.toBe(second.bytes);
    first.release();
    const third = await buffers.take(4);
    expect(third.bytes).toBe(first.bytes);
    third.release();
    second.release();
    expect((await buffers.take(3)).bytes.length).toBe(3);
  });

  test('are not kept once all are released', async () => {
    const buffers = new BufferPool(8);
    const bytes = await lendOnce(buffers);
    await vi.waitFor(() => expect(isCollected(bytes)).toBe(true));
  });
});
