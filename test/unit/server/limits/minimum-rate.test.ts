import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { atMinimumRate, MIN_BYTES, WINDOW_MS } from '../../../../src/server/limits/minimum-rate.ts';

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'setInterval', 'clearInterval', 'performance'] });
});
afterEach(() => {
  vi.useRealTimers();
});

const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** Sends a number of chunks, each after a time. */
async function* sending(chunks: number, { bytes, every }: { bytes: number; every: number }) {
  for (let i = 0; i < chunks; i++) {
    await sleep(every);
    yield Buffer.alloc(bytes);
  }
}

/** @param workMs how long the server takes for each chunk */
async function receive(body: AsyncIterable<Buffer>, workMs = 0): Promise<number | string> {
  let received = 0;
  try {
    for await (const chunk of atMinimumRate(body)) {
      received += chunk.length;
      if (workMs > 0) await sleep(workMs);
    }
    return received;
  } catch (error) {
    return Object(error).code;
  }
}

/** How it ends, or `running`, after a time. */
async function outcomeAfter(ms: number, receiving: Promise<number | string>): Promise<number | string> {
  await vi.advanceTimersByTimeAsync(ms);
  return Promise.race([receiving, Promise.resolve('running')]);
}

describe('attack H2: an upload', () => {
  test('of one byte a minute is refused', async () => {
    const receiving = receive(sending(100, { bytes: 1, every: WINDOW_MS }));
    expect(await outcomeAfter(WINDOW_MS - 1000, receiving)).toBe('running');
    expect(await outcomeAfter(10_000, receiving)).toBe('request_timeout');
  });

  test('of which nothing arrives is refused', async () => {
    const receiving = receive(sending(1, { bytes: 1, every: 1e9 }));
    expect(await outcomeAfter(WINDOW_MS + 10_000, receiving)).toBe('request_timeout');
  });

  test('that becomes too slow is refused', async () => {
    async function* slower() {
      yield* sending(100, { bytes: MIN_BYTES, every: 1000 });
      yield* sending(1000, { bytes: 100, every: 1000 });
    }
    expect(await outcomeAfter(100_000 + 3 * WINDOW_MS, receive(slower()))).toBe('request_timeout');
  });

  test('that is slow and not too slow takes as long as it needs', async () => {
    const receiving = receive(sending(1000, { bytes: 1100, every: 1000 }));
    expect(await outcomeAfter(1_001_000, receiving)).toBe(1_100_000);
  });

  test('is not refused for the time that the server takes', async () => {
    const receiving = receive(sending(10, { bytes: 10, every: 1000 }), 3 * WINDOW_MS);
    expect(await outcomeAfter(31 * WINDOW_MS, receiving)).toBe(100);
  });
});

test('stops reading a body that is not read on', async () => {
  const body = sending(10, { bytes: 10, every: 10 });
  const chunks = atMinimumRate(body);
  const first = chunks.next();
  await vi.advanceTimersByTimeAsync(10);
  expect((await first).value).toHaveLength(10);
  await chunks.return(undefined);
  expect(await body.next()).toEqual({ done: true, value: undefined });
  expect(vi.getTimerCount()).toBe(0);
});
