import { describe, expect, test } from 'vitest';
import { Recovery } from '../../../src/client/recovery.ts';
import { Retry } from '../../../src/client/retry.ts';
import { OtaError } from '../../../src/errors.ts';

const DOWN = new OtaError('network', 'connection reset');

/** Time that passes only where something sleeps. */
class Clock {
  now = 0;
  readonly #sleeping: { readonly at: number; readonly wake: () => void }[] = [];

  readonly sleep = (ms: number) =>
    new Promise<void>((wake) => {
      this.#sleeping.push({ at: this.now + ms, wake });
    });

  async runUntil(done: Promise<unknown>): Promise<void> {
    let ended = false;
    void done.finally(() => {
      ended = true;
    });
    for (;;) {
      await new Promise(setImmediate);
      if (ended) return;
      const next = this.#sleeping.sort((a, b) => a.at - b.at).shift();
      if (next === undefined) continue;
      this.now = next.at;
      next.wake();
    }
  }
}

/** That many requests at once to a server that is away for that long; `jitter` is what the waits are multiplied by. */
async function runThroughOutage(outageMs: number, { count = 4, jitter = 0.1 } = {}) {
  const clock = new Clock();
  let requests = 0;
  const request = async () => {
    requests += 1;
    if (clock.now < outageMs) throw DOWN;
  };
  const retry = new Retry({ sleep: clock.sleep, random: () => jitter, now: () => clock.now });
  const outcomes = Promise.allSettled(Array.from({ length: count }, () => retry.run(request)));
  await clock.runUntil(outcomes);
  const failed = (await outcomes).filter(({ status }) => status === 'rejected').length;
  return { failed, requests, endedAt: clock.now };
}

describe('parts that are on their way when the server is restarted', () => {
  test.each([1, 2, 4])('%i of them last through an outage that one lasts through', async (count) => {
    expect(await runThroughOutage(1500, { count })).toMatchObject({ failed: 0 });
  });

  test.each([1, 2, 4])('%i of them do not wait longer than one', async (count) => {
    const alone = await runThroughOutage(1500, { count: 1, jitter: 1 });
    const together = await runThroughOutage(1500, { count, jitter: 1 });
    expect(together.endedAt).toBeLessThanOrEqual(alone.endedAt + 500);
  });

  test('one asks for all of them until the server answers', async () => {
    expect(await runThroughOutage(1500)).toMatchObject({ requests: 4 + 5 + 3 });
  });
});

describe('a request that waits for the retry of another', () => {
  const [leader, follower] = [{}, {}];

  test('goes on when any request succeeds', async () => {
    const recovery = new Recovery();
    expect(await recovery.lead(leader)).toBe(false);
    const waiting = recovery.lead(follower);
    recovery.recovered();
    expect(await waiting).toBe(true);
  });

  test('takes its place when that one is given up', async () => {
    const recovery = new Recovery();
    await recovery.lead(leader);
    const waiting = recovery.lead(follower);
    recovery.end(leader);
    expect(await waiting).toBe(false);
    recovery.end(follower); // it leads, so that the next does not wait
    expect(await recovery.lead(leader)).toBe(false);
  });

  test('does not wait once it is to be given up itself', async () => {
    const recovery = new Recovery();
    await recovery.lead(leader);
    const giveUp = new AbortController();
    const waiting = recovery.lead(follower, { giveUp: giveUp.signal });
    giveUp.abort();
    expect(await waiting).toBe(false);
  });

  test('does not wait longer than it has', async () => {
    const recovery = new Recovery();
    await recovery.lead(leader);
    expect(await recovery.lead(follower, { maxMs: 1 })).toBe(false);
  });

  test('does not wait for ever for one that hangs', { timeout: 20_000 }, async () => {
    const recovery = new Recovery();
    await recovery.lead(leader);
    expect(await recovery.lead(follower)).toBe(false);
  });
});
