import { describe, expect, test } from 'vitest';
import { parseRetryAfter, Retry, type RetryNotice, type RetryOptions } from '../../../src/client/retry.ts';
import { OtaError, type OtaErrorCode } from '../../../src/errors.ts';

const FAILING = new OtaError('network', 'no answer');

/** Runs an operation that fails that often; time does not pass. */
async function runFailing(
  failures: number,
  error: unknown = FAILING,
  options: RetryOptions = {},
  giveUp = new AbortController().signal,
) {
  const waits: number[] = [];
  const tries: number[] = [];
  const retry = new Retry({ sleep: async (ms) => waits.push(ms), ...options }).until(giveUp);
  const outcome = await retry
    .run(async (attempt) => {
      tries.push(attempt);
      if (tries.length <= failures) throw error;
      return 'done';
    })
    .catch((reason: unknown) => reason);
  return { outcome, tries, waits };
}

describe('retry', () => {
  test.each([0, 1, 2, 3, 4, 5])('succeeds after %i failures', async (failures) => {
    const { outcome, tries, waits } = await runFailing(failures);
    expect(outcome).toBe('done');
    expect(tries).toEqual(Array.from({ length: failures + 1 }, (_, i) => i + 1));
    expect(waits).toHaveLength(failures);
  });

  test('gives up after 6 attempts, with the last error', async () => {
    const { outcome, tries } = await runFailing(Number.POSITIVE_INFINITY);
    expect(outcome).toBe(FAILING);
    expect(tries).toEqual([1, 2, 3, 4, 5, 6]);
  });

  test.each([
    ['the longest', 1, [500, 1000, 2000, 4000, 8000]],
    ['half of it', 0.5, [250, 500, 1000, 2000, 4000]],
    ['nothing at all', 0, [0, 0, 0, 0, 0]],
  ])('waits a random time up to a doubling bound: %s', async (_, chance, expected) => {
    const { waits } = await runFailing(5, FAILING, { random: () => chance });
    expect(waits).toEqual(expected);
  });

  test('spreads the waits of many clients over the whole range', async () => {
    const firsts = await Promise.all(
      Array.from({ length: 200 }, async () => (await runFailing(1)).waits[0] ?? -1),
    );
    expect(firsts.every((wait) => wait >= 0 && wait <= 500)).toBe(true);
    expect(firsts.filter((wait) => wait < 250).length).toBeGreaterThan(50);
    expect(firsts.filter((wait) => wait >= 250).length).toBeGreaterThan(50);
  });

  test.each([
    ['as long as the server asks', 3000, 3000],
    ['as it would anyway when the server asks for less', 0, 250],
    ['at most a minute', 86_400_000, 60_000],
  ])('waits %s', async (_, retryAfterMs, expected) => {
    const error = new OtaError('network', 'later', { retryAfterMs });
    const { waits } = await runFailing(1, error, { random: () => 0.5 });
    expect(waits).toEqual([expected]);
  });

  test.each([
    'usage',
    'unauthorized',
    'preflight_refused',
    'conflict',
    'verification_failed',
    'not_the_api',
    'interrupted',
  ] satisfies OtaErrorCode[])('tries once if the error is %s', async (code) => {
    const error = new OtaError(code, 'no', { retryAfterMs: 1 });
    const { outcome, tries } = await runFailing(1, error);
    expect(outcome).toBe(error);
    expect(tries).toEqual([1]);
  });

  test('tries once if the error is unexpected', async () => {
    const error = new TypeError('x is not a function');
    const { outcome, tries } = await runFailing(1, error);
    expect(outcome).toBe(error);
    expect(tries).toEqual([1]);
  });

  test('reports each further attempt before it waits', async () => {
    const notices: RetryNotice[] = [];
    await runFailing(2, FAILING, { random: () => 1, onRetry: (notice) => notices.push(notice) });
    expect(notices).toEqual([
      { error: FAILING, attempt: 2, waitMs: 500 },
      { error: FAILING, attempt: 3, waitMs: 1000 },
    ]);
  });

  test('does not try again once it is aborted while it waits', async () => {
    const abort = new AbortController();
    const retry = new Retry({ signal: abort.signal, random: () => 1, onRetry: () => abort.abort() });
    let tries = 0;
    const outcome = retry.run(async () => {
      tries += 1;
      throw FAILING;
    });
    await expect(outcome).rejects.toMatchObject({ name: 'AbortError' });
    expect(tries).toBe(1);
  });
});

describe('R56 operations that run at the same time', () => {
  /** As many that never succeed; time does not pass. */
  async function runTogether(count: number) {
    const waits: number[] = [];
    const retry = new Retry({ sleep: async (ms) => waits.push(ms), random: () => 1 });
    let tries = 0;
    const failing = async () => {
      tries += 1;
      throw FAILING;
    };
    const outcomes = await Promise.allSettled(Array.from({ length: count }, () => retry.run(failing)));
    expect(outcomes).toEqual(outcomes.map(() => ({ status: 'rejected', reason: FAILING })));
    return { retry, tries, waits };
  }

  test.each([
    [1, 5],
    [2, 8],
    [4, 8],
    [64, 8],
  ])('share a retry budget: %i make %i retries', async (count, retries) => {
    expect((await runTogether(count)).tries).toBe(count + retries);
  });

  test('count their failures together, so that each waits longer the more fail', async () => {
    const { waits } = await runTogether(4);
    expect(waits).toEqual([500, 1000, 2000, 4000, 8000, 16_000, 20_000, 20_000]);
  });

  test('wait shortly again, and may retry again, once one succeeds', async () => {
    const { retry, waits } = await runTogether(4);
    for (let i = 0; i < 2; i++) await retry.run(async () => 'done');
    let failures = 1;
    const outcome = retry.run(async () => {
      if (failures-- > 0) throw FAILING;
      return 'done';
    });
    expect(await outcome).toBe('done');
    expect(waits.at(-1)).toBe(500);
  });
});

describe('field 3: a retry that is to be given up', () => {
  test('tries once if that is known before', async () => {
    const { tries, outcome } = await runFailing(9, FAILING, {}, AbortSignal.abort());
    expect([tries, outcome]).toEqual([[1], FAILING]);
  });

  test('ends with the last failure if that gets known in between', async () => {
    const giveUp = new AbortController();
    const { tries, outcome } = await runFailing(
      9,
      FAILING,
      { sleep: async () => giveUp.abort() },
      giveUp.signal,
    );
    expect([tries, outcome]).toEqual([[1], FAILING]);
  });

  test('does not wait to the end', async () => {
    const giveUp = new AbortController();
    const retry = new Retry({ random: () => 1 }).until(giveUp.signal);
    const failing = retry.run(async () => {
      setTimeout(() => giveUp.abort(), 5);
      throw new OtaError('network', 'busy', { retryAfterMs: 60_000 });
    });
    await expect(failing).rejects.toMatchObject({ message: 'busy' });
  });

  test('shares the budget of the others', async () => {
    const retry = new Retry({ sleep: async () => {}, random: () => 1 });
    let tries = 0;
    const failing = async () => {
      tries += 1;
      throw FAILING;
    };
    const limited = retry.until(new AbortController().signal);
    await Promise.allSettled([retry.run(failing), limited.run(failing), limited.run(failing)]);
    expect(tries).toBe(3 + 8);
  });
});

describe('Retry-After', () => {
  const now = new Date('2026-03-13T12:00:00Z');

  test.each([
    [undefined, undefined],
    ['0', 0],
    ['7', 7000],
    ['Fri, 13 Mar 2026 12:00:30 GMT', 30_000],
    ['Friday, 13-Mar-26 12:00:30 GMT', 30_000],
    ['Fri, 13 Mar 2026 11:00:00 GMT', 0],
    ['soon', undefined],
    ['', undefined],
  ])('%j is %j milliseconds', (value, expected) => {
    expect(parseRetryAfter(value, now)).toBe(expected);
  });
});
