import { describe, expect, test } from 'vitest';
import { DatabaseClock } from '../../../../src/database/postgres/database-clock.ts';

/** What the database says at this process's moment 0. */
const START = Date.parse('2026-03-13T12:00:00Z');

function clockAfter(...observations: [sentAt: number, receivedAt: number, time: number][]): DatabaseClock {
  const clock = new DatabaseClock();
  for (const [sentAt, receivedAt, time] of observations)
    clock.observe({ sentAt, receivedAt, time: START + time });
  return clock;
}

const at = (clock: DatabaseClock, monotonic: number) => clock.now(monotonic).getTime() - START;

describe('the time of a database', () => {
  test('is what it responded, half a round trip ago, and runs on', () => {
    const clock = clockAfter([0, 100, 50]);
    expect(at(clock, 50)).toBe(50);
    expect(at(clock, 100)).toBe(100);
    expect(at(clock, 3_600_000)).toBe(3_600_000);
  });

  test('may be ahead of or behind this machine’s', () => {
    expect(at(clockAfter([0, 0, 86_400_000]), 10)).toBe(86_400_010);
    expect(at(clockAfter([0, 0, -86_400_000]), 10)).toBe(-86_399_990);
  });

  test('follows a faster response', () => {
    expect(at(clockAfter([0, 100, 70], [200, 204, 202]), 300)).toBe(300);
  });

  test('does not follow a slower response', () => {
    expect(at(clockAfter([0, 2, 1], [200, 300, 290]), 300)).toBe(300);
  });

  test('follows any response after a minute, as clocks drift', () => {
    const slow: [number, number, number] = [60_100, 60_140, 60_130];
    expect(at(clockAfter([0, 2, 1], slow), 60_140)).toBe(60_150);
  });

  test.each([
    ['forward', 5000],
    ['back', -5000],
  ])('follows a response that contradicts the last one: a clock was set %s', (_, by) => {
    expect(at(clockAfter([0, 2, 1], [1000, 1100, 1050 + by]), 1050)).toBe(1050 + by);
  });

  test('is this machine’s until the database was asked', () => {
    expect(Math.abs(new DatabaseClock().now().getTime() - Date.now())).toBeLessThan(1000);
    expect(at(clockAfter([0, 100_000, 50]), 50_000)).toBe(50);
  });
});
