import { describe, expect, test } from 'vitest';
import type { Tally } from '../../../../src/server/counting/check-counter.ts';
import { PeriodKeys } from '../../../../src/server/counting/period-keys.ts';
import {
  addressOf,
  CountingProcess,
  DAY_MS,
  makeSeededKeys,
  mergedCounts,
  seeded,
} from '../../../support/counting/simulated-clients.ts';

const MONDAY = Date.parse('2026-11-02T00:00:00Z');
const KEY_SEED = 1;
const CLIENTS = 50_000;
const PLATFORMS = ['linux-x86_64', 'windows-x86_64', 'darwin-aarch64'];

function within(counted: number | undefined, truth: number): void {
  expect(Math.abs((counted ?? 0) - truth) / truth).toBeLessThan(0.02);
}

describe('what processes with the same keys count', () => {
  test('is, by day, week and month, by version and platform, within 2 % of the truth', () => {
    let now = MONDAY;
    const clock = () => new Date(now);
    const keys = new PeriodKeys();
    const processes = [new CountingProcess(keys, clock), new CountingProcess(keys, clock)] as const;
    const random = seeded(7);
    const truth = new Map<string, Set<number>>();
    const expected = (name: string, client: number) => {
      const clients = truth.get(name) ?? new Set();
      truth.set(name, clients.add(client));
    };
    const tallies = new Map<string, Tally>();
    for (let day = 0; day < 9; day++) {
      now = MONDAY + day * DAY_MS;
      makeSeededKeys(keys, now, KEY_SEED);
      const date = new Date(now).toISOString().slice(0, 10);
      const week = day < 7 ? '2026-11-02/P7D' : '2026-11-09/P7D';
      for (let client = 0; client < CLIENTS; client++) {
        if (random() < 0.6) continue;
        const platform = PLATFORMS[client % 3] ?? '';
        const version = client % 10 < day ? '1.1.0' : '1.0.0';
        const offered = version === '1.0.0' ? '1.1.0' : undefined;
        const tally = tallies.get(version + platform) ?? {
          appId: 'a',
          platform,
          version,
          offered,
          isDownload: false,
        };
        tallies.set(version + platform, tally);
        for (let i = 0; i < 2; i++)
          processes[random() < 0.5 ? 0 : 1].counter.count(tally, { address: addressOf(client) });
        for (const period of [date, week, '2026-11']) {
          expected(`${period} seen`, client);
          expected(`${period} seen  ${platform}`, client);
          if (period !== week) expected(`${period} running ${version} ${platform}`, client);
          if (period !== week && offered) expected(`${period} offered ${offered} ${platform}`, client);
        }
      }
      for (const { counter } of processes) counter.settle();
    }
    const counted = mergedCounts(processes);
    expect([...counted.keys()].sort()).toEqual([...truth.keys()].sort());
    for (const [name, clients] of truth) within(counted.get(name), clients.size);
  });

  test('tells clients behind one address apart by their cohorts', () => {
    const keys = new PeriodKeys();
    makeSeededKeys(keys, MONDAY, KEY_SEED);
    const one = new CountingProcess(keys, () => new Date(MONDAY));
    const tally = { appId: 'a', platform: 'linux-x86_64', version: '1.0.0', isDownload: false };
    for (let client = 0; client < 1000; client++)
      one.counter.count(tally, { address: '203.0.113.9', cohort: client % 100 });
    within(mergedCounts([one]).get('2026-11-02 seen'), 100);
  });

  test('is nothing without a key', () => {
    const one = new CountingProcess(new PeriodKeys(), () => new Date(MONDAY));
    const tally = { appId: 'a', platform: 'linux-x86_64', version: '1.0.0', isDownload: false };
    one.counter.count(tally, { address: '203.0.113.9' });
    expect(mergedCounts([one]).size).toBe(0);
  });

  test('is bounded, however many versions are invented', () => {
    const keys = new PeriodKeys();
    makeSeededKeys(keys, MONDAY, KEY_SEED);
    const one = new CountingProcess(keys, () => new Date(MONDAY));
    for (let i = 0; i < 5000; i++) {
      const tally = { appId: 'a', platform: 'linux-x86_64', version: `9.9.${i}`, isDownload: false };
      one.counter.count(tally, { address: '203.0.113.9' });
    }
    one.counter.settle();
    expect(one.cells.dirty.length).toBe(2000);
    expect(one.cells.isFull).toBe(true);
    // Another app has its own.
    one.counter.count(
      { appId: 'b', platform: 'p', version: '1.0.0', isDownload: true },
      { address: '1.2.3.4' },
    );
    one.counter.settle();
    expect(one.cells.dirty.filter(({ appId }) => appId === 'b').length).toBe(2);
  });
});
