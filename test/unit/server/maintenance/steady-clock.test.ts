import { expect, test } from 'vitest';
import { SteadyClock } from '../../../../src/server/maintenance/steady-clock.ts';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const START = Date.parse('2026-03-13T12:00:00Z');

/** A clock that can be set, and time that passes by itself. */
function clocks(lastSeen: number | undefined, shown: number) {
  const state = { shown, uptime: 0, leaps: [] as number[] };
  const steady = new SteadyClock({
    clock: () => new Date(state.shown),
    lastSeen: lastSeen === undefined ? undefined : new Date(lastSeen),
    monotonic: () => state.uptime,
    onLeap: (milliseconds) => state.leaps.push(milliseconds),
  });
  const pass = (milliseconds: number) => {
    state.shown += milliseconds;
    state.uptime += milliseconds;
  };
  return { steady, state, pass, now: () => steady.now().getTime() };
}

test('a new store believes its clock', () => {
  expect(clocks(undefined, START).now()).toBe(START);
});

test('a server that was stopped for a night, or over a weekend day, goes by its clock at once', () => {
  expect(clocks(START, START + 35 * HOUR).now()).toBe(START + 35 * HOUR);
});

test.each([
  ['2 days', 2 * DAY],
  ['2 years', 730 * DAY],
])('crash C7: a clock that is %s ahead at a start is not believed for six hours', (_what, leap) => {
  const { now, pass, state } = clocks(START, START + leap);
  expect(now()).toBe(START);
  pass(5 * HOUR);
  expect(now()).toBe(START + 5 * HOUR);
  expect(state.leaps).toEqual([leap]);
  pass(HOUR);
  expect(now()).toBe(START + leap + 6 * HOUR);
  pass(HOUR);
  expect(now()).toBe(START + leap + 7 * HOUR);
});

test('a clock that is set right within that time is believed from then on', () => {
  const { now, pass, state } = clocks(START, START + 730 * DAY);
  expect(now()).toBe(START);
  pass(HOUR);
  state.shown = START + HOUR;
  expect(now()).toBe(START + HOUR);
  state.shown += 3 * DAY; // and is doubted anew
  expect(now()).toBe(START + HOUR);
  expect(state.leaps).toHaveLength(2);
});

test('a clock that is set ahead while the server runs is not believed either', () => {
  const { now, pass, state } = clocks(START, START);
  pass(DAY);
  expect(now()).toBe(START + DAY);
  state.shown += 2 * DAY;
  expect(now()).toBe(START + DAY);
});

test('a clock that is behind is believed, as nothing seems older by it', () => {
  const { now, state } = clocks(START, START - 730 * DAY);
  expect(now()).toBe(START - 730 * DAY);
  expect(state.leaps).toEqual([]);
});

test('a server that runs for months without asking believes its clock', () => {
  const { now, pass } = clocks(START, START);
  now();
  pass(90 * DAY);
  expect(now()).toBe(START + 90 * DAY);
});
