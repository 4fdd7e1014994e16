import { describe, expect, test } from 'vitest';
import { Retry, type RetryNotice } from '../../../src/client/retry.ts';
import { OtaError } from '../../../src/errors.ts';

const AWAY = new OtaError('network', 'connection refused');

/** A server that comes back at a time, by a clock that only waiting moves. */
async function waitFor(backAtMs: number, patienceMs: number, error = AWAY) {
  let time = 0;
  let tries = 0;
  const notices: RetryNotice[] = [];
  const retry = new Retry({
    patienceMs,
    random: () => 1,
    now: () => time,
    sleep: async (ms) => {
      time += ms;
    },
    onRetry: (notice) => notices.push(notice),
  });
  const operation = async () => {
    tries += 1;
    if (time < backAtMs) throw error;
    return 'done';
  };
  const outcome = await retry.run(operation).catch((reason: unknown) => reason);
  return { outcome, tries, time, notices, retry };
}

describe('field 15: --wait', () => {
  test('keeps trying through a failover of a minute, and says for how long', async () => {
    const { outcome, notices } = await waitFor(60_000, 300_000);
    expect(outcome).toBe('done');
    expect(notices.length).toBeGreaterThan(5); // more than are made without it
    expect(notices[0]).toMatchObject({ attempt: 2, waitMs: 500, leftMs: 300_000 });
    expect(Math.max(...notices.map(({ waitMs }) => waitMs))).toBe(20_000);
  });

  test.each([1, 700, 45_000, 300_000])('gives up after %i ms, with one last try at the end', async (ms) => {
    const { outcome, time, tries, notices } = await waitFor(Number.POSITIVE_INFINITY, ms);
    expect([outcome, time, tries]).toEqual([AWAY, ms, notices.length + 1]);
  });

  test('of 0 tries once', async () => {
    expect(await waitFor(1, 0)).toMatchObject({ outcome: AWAY, tries: 1, time: 0 });
  });

  test('obeys Retry-After, and gives up at once where that is later', async () => {
    const busy = new OtaError('network', 'busy', { retryAfterMs: 30_000 });
    expect(await waitFor(1, 60_000, busy)).toMatchObject({ outcome: 'done', time: 30_000 });
    expect(await waitFor(1, 20_000, busy)).toMatchObject({ outcome: busy, time: 0, tries: 1 });
  });

  test('does not wait for what no retry changes', async () => {
    const refused = new OtaError('unauthorized', 'no');
    expect(await waitFor(1, 60_000, refused)).toMatchObject({ outcome: refused, tries: 1 });
  });

  test('counts from the first failure of each operation', async () => {
    const { retry } = await waitFor(40_000, 60_000);
    let failures = 3;
    const again = retry.run(async () => {
      if (failures-- > 0) throw AWAY;
      return 'done';
    });
    expect(await again).toBe('done');
  });
});
