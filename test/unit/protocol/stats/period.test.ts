import { expect, test } from 'vitest';
import { kindOfPeriod, periodsAt } from '../../../../src/protocol/stats/period.ts';

test.each([
  ['2026-11-30T00:00:00Z', ['2026-11-30', '2026-11-30/P7D', '2026-11']], // a Monday
  ['2026-11-29T23:59:59.999Z', ['2026-11-29', '2026-11-23/P7D', '2026-11']],
  ['2026-12-01T12:00:00Z', ['2026-12-01', '2026-11-30/P7D', '2026-12']],
  ['2027-01-01T00:00:00Z', ['2027-01-01', '2026-12-28/P7D', '2027-01']],
])('%s is in %j', (time, names) => {
  const periods = periodsAt(Date.parse(time));
  expect(periods.map(({ name }) => name)).toEqual(names);
  expect(periods.map(({ name }) => kindOfPeriod(name))).toEqual(['day', 'week', 'month']);
});

test.each(['2026-02-28T13:00:00Z', '2026-12-31T23:59:59.999Z', '2028-02-29T00:00:00Z'])(
  'periods of %s end when the next one begins',
  (time) => {
    for (const { kind, name, end } of periodsAt(Date.parse(time))) {
      const named = (at: number) => periodsAt(at).find((period) => period.kind === kind)?.name;
      expect(end).toBeGreaterThan(Date.parse(time));
      expect(named(end - 1)).toBe(name);
      expect(named(end)).not.toBe(name);
    }
  },
);
