import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { StoredFileSize } from '../../../../src/server/maintenance/lost-files.ts';
import { OfferedFiles } from '../../../../src/server/maintenance/offered-files.ts';

const PACE = { interval: 2000, perSecond: 10 };

let compared: string[];
let offered: OfferedFiles;
let fails: boolean;

beforeEach(() => {
  vi.useFakeTimers();
  compared = [];
  fails = false;
  const find = async (files: readonly StoredFileSize[]) => {
    compared.push(...files.map(({ storageKey }) => storageKey));
    if (fails) throw new Error('the storage is away');
    return new Set<string>();
  };
  offered = new OfferedFiles({ find }, PACE);
  offered.start();
});

afterEach(async () => {
  await offered.stop();
  vi.useRealTimers();
});

const appOf = (...keys: string[]) => ({
  files: keys.map((storageKey) => ({ storageKey, fileSize: 1 })),
});

test('files that are asked for are compared once an interval, however often that is, and others never', async () => {
  const [asked] = [appOf('a', 'b'), appOf('c')];
  for (let i = 0; i < 1000; i++) offered.asked(asked);
  await vi.advanceTimersByTimeAsync(2100);
  expect(compared).toEqual(['a', 'b']);
  await vi.advanceTimersByTimeAsync(60_000);
  expect(compared).toEqual(['a', 'b']);
});

test('no more are compared in a second than the pace allows, and none is left out', async () => {
  const apps = Array.from({ length: 50 }, (_, i) =>
    appOf(...Array.from({ length: i % 30 }, (_, j) => `${i}.${j}`)),
  );
  for (const app of apps) offered.asked(app);
  await vi.advanceTimersByTimeAsync(PACE.interval);
  for (let second = 1; second <= 20; second++) {
    expect(compared.length).toBeLessThanOrEqual(PACE.perSecond * second);
    await vi.advanceTimersByTimeAsync(1000);
  }
  await vi.advanceTimersByTimeAsync(60_000);
  expect(compared).toEqual(apps.flatMap(({ files }) => files.map(({ storageKey }) => storageKey)));
});

test('those that are asked for all the time have their turn one after the other', async () => {
  const apps = ['a', 'b', 'c'].map((key) => appOf(key));
  for (let i = 0; i < 100; i++) {
    for (const app of apps) offered.asked(app);
    await vi.advanceTimersByTimeAsync(100);
  }
  expect(compared.slice(0, 6)).toEqual(['a', 'b', 'c', 'a', 'b', 'c']);
});

test('a storage that is away does not end it', async () => {
  fails = true;
  offered.asked(appOf('a'));
  await vi.advanceTimersByTimeAsync(2100);
  fails = false;
  offered.asked(appOf('b'));
  await vi.advanceTimersByTimeAsync(2100);
  expect(compared).toEqual(['a', 'b']);
});

test('nothing is compared once it is stopped', async () => {
  offered.asked(appOf('a'));
  await offered.stop();
  await vi.advanceTimersByTimeAsync(60_000);
  expect(compared).toEqual([]);
});
