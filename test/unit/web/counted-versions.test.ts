import { expect, test } from 'vitest';
import { versionsByDay } from '../../../src/web/counted-versions.ts';

const day = (period: string, clients: number, versions: Record<string, number>) => ({
  ...{ period, clients, platforms: [] },
  versions: Object.entries(versions).map(([version, count]) => ({
    ...{ version, platform: 'linux-x86_64', clients: count },
  })),
});

test('a chart has the days in order, and the versions that most apps have', () => {
  const { times, totals, versions } = versionsByDay([
    day('2026-11-30', 100, { '1.0.0': 20, '1.1.0': 70 }),
    day('2026-11-29', 90, { '1.0.0': 80 }),
  ]);
  expect(times).toEqual([Date.UTC(2026, 10, 29), Date.UTC(2026, 10, 30)]);
  expect(totals).toEqual([90, 100]);
  expect(versions).toEqual([
    { version: '1.1.0', counts: [null, 70], latest: 70 },
    { version: '1.0.0', counts: [80, 20], latest: 20 },
  ]);
});

test('a version is counted over all platforms', () => {
  const both = day('2026-11-30', 100, { '1.0.0': 20 });
  const other = { version: '1.0.0', platform: 'windows-x86_64', clients: 30 };
  const { versions } = versionsByDay([{ ...both, versions: [...both.versions, other] }]);
  expect(versions).toEqual([{ version: '1.0.0', counts: [50], latest: 50 }]);
  expect(versionsByDay([])).toEqual({ times: [], totals: [], versions: [] });
});
