import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  cohortOfAddress,
  cohortOrder,
  dayOf,
  endOfDay,
  type HeldRelease,
  holdOf,
  parseCohort,
  parseManual,
} from '../../../../src/protocol/rollout/cohort.ts';
import {
  FOR_EVER,
  heldUntil,
  nextStepAfter,
  type Rollout,
  rolloutOf,
  rolloutState,
  shareAt,
} from '../../../../src/protocol/rollout/rollout.ts';

const HOUR = 3_600_000;
const PUBLISHED = Date.parse('2026-03-13T12:00:00Z');

const isOfferedTo = (...args: Parameters<typeof holdOf>) => holdOf(...args) === undefined;

const held = (rollout: Rollout | null, id = 'release-1'): HeldRelease => ({
  id,
  rollout,
  pausedAt: null,
  pubDate: PUBLISHED,
  order: cohortOrder(id),
});

describe('cohorts', () => {
  test('at N % exactly N of the 100 are in, in each release others, and none leaves when the share grows', () => {
    for (const id of ['a', 'b', '880b1700-e29b-41d4-a716-446655440000']) {
      const inAt = (percent: number) =>
        Array.from({ length: 100 }, (_, cohort) => cohort).filter((cohort) =>
          isOfferedTo(held({ percent }, id), { cohort, isManual: false }, PUBLISHED),
        );
      for (let percent = 0; percent < 100; percent++) {
        expect(inAt(percent)).toHaveLength(percent);
        expect(inAt(percent + 1)).toEqual(expect.arrayContaining(inAt(percent)));
      }
    }
    expect([...cohortOrder('a')].sort((x, y) => x - y)).toEqual(Array.from({ length: 100 }, (_, i) => i));
    expect(cohortOrder('a')).not.toEqual(cohortOrder('b'));
  });

  test('of 100,000 installs that draw a cohort the share is right within 0.5 points, and none leaves', () => {
    const installs = Array.from({ length: 100_000 }, (_, i) =>
      cohortOfAddress(`install ${i}`, { key: 'k', day: 0 }),
    );
    let before = new Set<number>();
    for (const percent of [1, 5, 10, 25, 50, 75, 99, 100]) {
      const release = held({ percent });
      const now = new Set<number>();
      for (const [i, cohort] of installs.entries())
        if (isOfferedTo(release, { cohort, isManual: false }, PUBLISHED)) now.add(i);
      expect(Math.abs((100 * now.size) / installs.length - percent)).toBeLessThan(0.5);
      expect([...before].filter((i) => !now.has(i))).toEqual([]);
      before = now;
    }
  });

  test('of addresses change with the day and the key', () => {
    const cohorts = (key: string, day: number) =>
      Array.from({ length: 50 }, (_, i) => cohortOfAddress(`192.0.2.${i}`, { key, day }));
    expect(cohorts('k', 1)).toEqual(cohorts('k', 1));
    expect(cohorts('k', 2)).not.toEqual(cohorts('k', 1));
    expect(cohorts('l', 1)).not.toEqual(cohorts('k', 1));
    expect(dayOf(endOfDay(PUBLISHED))).toBe(dayOf(PUBLISHED) + 1);
    expect(dayOf(endOfDay(PUBLISHED) - 1)).toBe(dayOf(PUBLISHED));
  });

  test.each([
    ['0', 0],
    ['99', 99],
    [' 7 ', 7],
    ['07', 7],
    ['100', undefined],
    ['all', 100],
    ['-1', undefined],
    ['5.5', undefined],
    ['1, 2', undefined],
    ['', undefined],
    [['1', '2'], undefined],
    [undefined, undefined],
  ])('are read from %j as %s', (text, cohort) => {
    expect(parseCohort(text)).toBe(cohort);
  });

  test.each([
    ['1', true],
    [' TRUE ', true],
    ['0', false],
    ['yes', false],
    ['', false],
    [undefined, false],
  ])('a check by hand is said by %j: %s', (text, isManual) => {
    expect(parseManual(text)).toBe(isManual);
  });
});

describe('who is offered a release', () => {
  const asker = (cohort: number | undefined, isManual = false) => ({ cohort, isManual });
  const first = (release: HeldRelease) => release.order.indexOf(0);

  test('without a cohort it waits until the release is for everyone, unless a user asks', () => {
    const release = held({ percent: 99 });
    expect(isOfferedTo(release, asker(undefined), PUBLISHED)).toBe(false);
    expect(isOfferedTo(release, asker(undefined, true), PUBLISHED)).toBe(true);
    expect(isOfferedTo(held(null), asker(undefined), PUBLISHED)).toBe(true);
  });

  test('no one gets one that is paused or scheduled, also where a user asks', () => {
    const paused = { ...held({ percent: 50 }), pausedAt: PUBLISHED };
    const scheduled = held({ percent: 100, at: PUBLISHED + HOUR });
    for (const release of [paused, scheduled]) {
      expect(isOfferedTo(release, asker(first(release)), PUBLISHED)).toBe(false);
      expect(isOfferedTo(release, asker(first(release), true), PUBLISHED)).toBe(false);
    }
    expect(isOfferedTo(scheduled, asker(undefined), PUBLISHED + HOUR)).toBe(true);
    expect(isOfferedTo({ ...paused, pausedAt: null }, asker(first(paused)), PUBLISHED)).toBe(true);
  });
});

describe('over time', () => {
  const rollouts = fc.record(
    {
      percent: fc.integer({ min: 0, max: 100 }),
      at: fc.integer({ min: PUBLISHED - 5 * HOUR, max: PUBLISHED + 5 * HOUR }),
      rampMs: fc.integer({ min: 60_000, max: 200 * HOUR }),
    },
    { requiredKeys: [] },
  );

  test('a share only grows, and each step is announced to the millisecond', () => {
    fc.assert(
      fc.property(rollouts, fc.integer({ min: 0, max: 100 }), (asked, current) => {
        const release = held(rolloutOf(asked, current));
        let now = PUBLISHED - 6 * HOUR;
        for (let steps = 0; ; steps++) {
          const share = shareAt(release, now);
          const state = rolloutState(release, now);
          const next = nextStepAfter(release, now);
          if (next === FOR_EVER) break;
          expect(steps).toBeLessThan(102);
          expect(next).toBeGreaterThan(now);
          expect([shareAt(release, next - 1), rolloutState(release, next - 1)]).toEqual([share, state]);
          expect([shareAt(release, next), rolloutState(release, next)]).not.toEqual([share, state]);
          expect(shareAt(release, next)).toBeGreaterThanOrEqual(share);
          now = next;
        }
        expect(shareAt(release, now)).toBe(release.rollout?.percent ?? 100);
        const until = heldUntil(release);
        if (until === FOR_EVER) expect(release.rollout?.percent).toBeLessThan(100);
        else {
          expect(rolloutState(release, Math.max(until, PUBLISHED))).toBe('complete');
          if (until > PUBLISHED) expect(rolloutState(release, until - 1)).not.toBe('complete');
        }
      }),
    );
  });

  test('a ramp goes from 5 % to all in its time, and from where the release is if that is more', () => {
    const release = held(rolloutOf({ rampMs: 95 * HOUR }, 0));
    expect(shareAt(release, PUBLISHED)).toBe(5);
    expect(shareAt(release, PUBLISHED + HOUR - 1)).toBe(5);
    expect(shareAt(release, PUBLISHED + HOUR)).toBe(6);
    expect(shareAt(release, PUBLISHED + 95 * HOUR - 1)).toBe(99);
    expect(shareAt(release, PUBLISHED + 95 * HOUR)).toBe(100);
    expect(rolloutOf({ rampMs: HOUR }, 25)).toMatchObject({ ramp: { from: 25 } });
    expect(rolloutOf({ percent: 50, rampMs: HOUR }, 60)).toEqual({ percent: 50 });
    expect(rolloutOf({}, 0)).toBeNull();
    expect(rolloutOf({ percent: 100 }, 10)).toBeNull();
  });

  test('a release that goes live after its time begins then', () => {
    const release = held({ percent: 100, at: PUBLISHED - HOUR, ramp: { from: 5, ms: 95 * HOUR } });
    expect(shareAt(release, PUBLISHED)).toBe(5);
  });
});
