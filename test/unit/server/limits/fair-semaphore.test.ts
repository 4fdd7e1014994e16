import { describe, expect, test } from 'vitest';
import { FairSemaphore, type Refusal } from '../../../../src/server/limits/fair-semaphore.ts';

const never = () => new AbortController().signal;

function start(permits: { total: number; each: number; waiting: number }) {
  const semaphore = new FairSemaphore(permits);
  const got: string[] = [];
  const releases = new Map<string, () => void>();
  /** Asks for a permit, and writes down when it is there, or why it is not. */
  const ask = async (name: string, holder = name, giveUp: () => AbortSignal = never) => {
    const taken: (() => void) | Refusal = await semaphore.acquire(holder, giveUp);
    if (typeof taken === 'string') got.push(`${name}: ${taken}`);
    else {
      got.push(name);
      releases.set(name, taken);
    }
  };
  const release = async (name: string) => {
    releases.get(name)?.();
    await Promise.resolve();
    await Promise.resolve();
    await Promise.resolve();
  };
  return { ask, release, got };
}

describe('attack M10: permits', () => {
  test('are for a number of holders at once; whoever is over that is refused with the reason', async () => {
    const { ask, release, got } = start({ total: 3, each: 2, waiting: 0 });
    await ask('a1', 'a');
    await ask('a2', 'a');
    await ask('a3', 'a');
    await ask('b');
    await ask('c');
    expect(got).toEqual(['a1', 'a2', 'a3: holder_has_all_its_permits', 'b', 'c: all_permits_are_held']);
    await release('b');
    await ask('c');
    expect(got.at(-1)).toBe('c');
  });

  test('are waited for, and the holders take turns: one with many requests does not delay another', async () => {
    const { ask, release, got } = start({ total: 1, each: 1, waiting: 10 });
    await ask('a1', 'a');
    for (const name of ['a2', 'a3', 'a4']) void ask(name, 'a');
    void ask('b');
    await release('a1');
    await release('a2');
    await release('b');
    await release('a3');
    expect(got).toEqual(['a1', 'a2', 'b', 'a3', 'a4']);
  });

  test('of a holder with its share are not waited for by another', async () => {
    const { ask, release, got } = start({ total: 2, each: 1, waiting: 10 });
    await ask('a1', 'a');
    void ask('a2', 'a');
    await ask('b1', 'b');
    void ask('b2', 'b');
    expect(got).toEqual(['a1', 'b1']);
    await release('b1');
    expect(got).toEqual(['a1', 'b1', 'b2']);
  });

  test('are refused to whoever waited too long, or where too many wait', async () => {
    const { ask, release, got } = start({ total: 1, each: 1, waiting: 1 });
    await ask('a');
    const patience = new AbortController();
    const waiting = ask('b1', 'b', () => patience.signal);
    await ask('b2', 'b');
    expect(got).toEqual(['a', 'b2: all_permits_are_held']);
    patience.abort();
    await waiting;
    await release('a');
    await ask('c');
    expect(got).toEqual(['a', 'b2: all_permits_are_held', 'b1: all_permits_are_held', 'c']);
  });
});
