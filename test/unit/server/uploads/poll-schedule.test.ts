import { expect, test } from 'vitest';
import { DEFAULT_POLL_SCHEDULE, pollDelay } from '../../../../src/server/uploads/poll-schedule.ts';

const MINUTE = 60_000;
const NOW = new Date('2026-03-13T12:00:00Z');
const ago = (milliseconds: number) => new Date(NOW.getTime() - milliseconds);
const SCHEDULE = { first: 1000, max: 5000 };

test.each([
  ['that was just granted every second', 0, -60 * MINUTE, 1000],
  ['that is almost five seconds old every second', 4999, -60 * MINUTE, 1000],
  ['that is five seconds old every five seconds', 5000, -60 * MINUTE, 5000],
  ['with a URL that is about to expire every five seconds', 60 * MINUTE, 0, 5000],
  ['with a URL that has expired a third as often', 61 * MINUTE, 1, 15_000],
  ['with a URL that expired two hours ago a third as often', 180 * MINUTE, 120 * MINUTE, 15_000],
  ['with a URL that expired even longer ago every minute', 181 * MINUTE, 121 * MINUTE, 60_000],
])('an upload %s is polled for', (_, age, expiredFor, delay) => {
  const upload = { id: 'upload', createdAt: ago(age), expiresAt: ago(expiredFor) };
  expect(pollDelay(upload, NOW, SCHEDULE)).toBe(delay);
});

test('R26: an upload with a valid URL is polled for every five seconds, or more often', () => {
  const ages = Array.from({ length: 60 }, (_, minutes) => minutes * MINUTE);
  const delays = ages.map((age) =>
    pollDelay(
      { id: 'upload', createdAt: ago(age), expiresAt: ago(age - 60 * MINUTE) },
      NOW,
      DEFAULT_POLL_SCHEDULE,
    ),
  );
  expect(Math.max(...delays)).toBe(5000); // and it takes seconds to copy it and to read it back
});
