import { expect, test } from 'vitest';
import type { Tally } from '../../../src/server/counting/check-counter.ts';
import { PeriodKeys } from '../../../src/server/counting/period-keys.ts';
import {
  addressOf,
  CountingProcess,
  DAY_MS,
  makeSeededKeys,
  mergedCounts,
  seeded,
} from '../../support/counting/simulated-clients.ts';

const MONDAY = Date.parse('2026-11-02T00:00:00Z');
const KEY_SEED = 1;
const CLIENTS = 1_000_000;
const DAYS = 14;
const NODES = 3;

const bitsIn = (bitmap: Uint8Array) => bitmap.reduce((sum, seen) => sum + seen, 0);

test('a million clients that ask three nodes count within 2 % by day, week and month', () => {
  let now = MONDAY;
  const clock = () => new Date(now);
  const keys = new PeriodKeys();
  const nodes = Array.from({ length: NODES }, () => new CountingProcess(keys, clock));
  const random = seeded(2026);
  const truth = new Map<string, Uint8Array>();
  const seen = (name: string, client: number) => {
    const bitmap = truth.get(name) ?? new Uint8Array(CLIENTS);
    bitmap[client] = 1;
    truth.set(name, bitmap);
  };
  const tallies = ['1.0.0', '1.1.0'].map(
    (version): Tally => ({ appId: 'a', platform: 'linux-x86_64', version, isDownload: false }),
  );
  for (let day = 0; day < DAYS; day++) {
    now = MONDAY + day * DAY_MS;
    makeSeededKeys(keys, now, KEY_SEED);
    const date = new Date(now).toISOString().slice(0, 10);
    const week = day < 7 ? '2026-11-02/P7D' : '2026-11-09/P7D';
    for (let client = 0; client < CLIENTS; client++) {
      if (random() < 0.75) continue;
      const tally = tallies[client % DAYS < day ? 1 : 0];
      if (tally === undefined) throw new Error('no tally');
      nodes[Math.floor(random() * NODES)]?.counter.count(tally, { address: addressOf(client) });
      for (const period of [date, week, '2026-11']) seen(`${period} seen`, client);
      seen(`${date} running ${tally.version} linux-x86_64`, client);
    }
    for (const { counter } of nodes) counter.settle();
  }
  const counted = mergedCounts(nodes);
  const errors = [...truth].map(([name, bitmap]) => (counted.get(name) ?? 0) / bitsIn(bitmap) - 1);
  console.log(`largest error: ${(100 * Math.max(...errors.map(Math.abs))).toFixed(2)} %`);
  expect(errors.length).toBeGreaterThan(DAYS + 3);
  for (const error of errors) expect(Math.abs(error)).toBeLessThan(0.02);
}, 300_000);
