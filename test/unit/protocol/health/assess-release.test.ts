import { describe, expect, test } from 'vitest';
import {
  assessRelease,
  DEFAULT_ASSESS_SETTINGS,
  type ReleaseSigns,
} from '../../../../src/protocol/health/assess-release.ts';
import { autoPauseOf, pauseReasonOf, signsSince } from '../../../../src/protocol/health/auto-pause.ts';
import { compareShares, type Share, wilsonBounds } from '../../../../src/protocol/health/shares.ts';

const LINUX = 'linux-x86_64';
const MAC = 'darwin-aarch64';

const share = (of: number, count: number, platform = LINUX): Share => ({ platform, of, count });
const signs = ({
  hour = [],
  ...some
}: Partial<ReleaseSigns> & { readonly hour?: readonly Share[] }): ReleaseSigns => ({
  conversions: { 1: hour, 4: [], 24: [] },
  loops: [],
  failures: [],
  ...some,
});
const assess = (release: ReleaseSigns, before?: ReleaseSigns, settings = DEFAULT_ASSESS_SETTINGS) =>
  assessRelease(release, before, settings);

describe('bounds', () => {
  test('of a share are those of Wilson', () => {
    const { low, high } = wilsonBounds(share(10, 1), 1.959_964);
    expect([low, high]).toEqual([expect.closeTo(0.0179, 4), expect.closeTo(0.4042, 4)]);
    expect(wilsonBounds(share(0, 0), 2)).toEqual({ low: 0, high: 1 });
    expect(wilsonBounds(share(30, 30), 2).high).toBe(1);
  });

  test('of a difference are those of Newcombe', () => {
    // Newcombe (1998), table II, method 10: 56/70 - 48/80.
    const difference = compareShares([share(70, 56)], [share(80, 48)], () => 1.959_964);
    expect(difference?.bounds).toEqual({ low: expect.closeTo(0.0524, 3), high: expect.closeTo(0.3339, 3) });
    expect(difference?.expected).toBeCloseTo(0.6);
  });

  test('are those of the same mix of platforms', () => {
    const before = [share(1000, 900), share(1000, 500, MAC)];
    const difference = compareShares([share(100, 90), share(300, 150, MAC)], before, () => 2);
    expect(difference?.expected).toBeCloseTo(0.6);
    expect(difference?.bounds.low).toBeLessThan(0);
    expect(difference?.bounds.high).toBeGreaterThan(0);
    expect(
      compareShares([share(100, 90)], [share(29, 29)], () => 2),
      'too few before',
    ).toBeUndefined();
  });
});

describe('a release', () => {
  const before = signs({ hour: [share(5000, 4500), share(5000, 4500, MAC)] });

  test('is paused where surely fewer clients run it than the one before', () => {
    expect(assess(signs({ hour: [share(500, 380)] }), before)).toMatchObject({
      kind: 'conversion',
      hours: 1,
    });
    expect(assess(signs({ hour: [share(500, 440)] }), before)).toBeUndefined();
    expect(assess(signs({ hour: [share(49, 0)] }), before), 'too few').toBeUndefined();
  });

  test('is paused where it fails on one platform', () => {
    const release = signs({ hour: [share(5000, 4500), share(60, 3, MAC)] });
    expect(assess(release, before)).toMatchObject({ platform: MAC, of: 60, count: 3, before: 0.9 });
  });

  test('is not assessed by its conversion where there is nothing to compare with', () => {
    expect(assess(signs({ hour: [share(500, 0)] }))).toBeUndefined();
    expect(assess(signs({ hour: [share(500, 0, 'windows-x86_64')] }), before)).toBeUndefined();
  });

  test('is paused for reports, also where there is none before, and not for a few', () => {
    const known = signs({ hour: before.conversions[1], failures: [share(10_000, 400)] });
    expect(assess(signs({ failures: [share(500, 60)] }))).toMatchObject({ kind: 'failures' });
    expect(assess(signs({ failures: [share(500, 60)] }), known)).toMatchObject({ kind: 'failures' });
    expect(assess(signs({ failures: [share(500, 22)] }), known), 'as many as before').toBeUndefined();
    expect(assess(signs({ failures: [share(50, 9)] }))).toBeUndefined();
  });

  test('attack: reports of a few addresses pause nothing', () => {
    expect(assess(signs({ failures: [share(1000, 9)] }))).toBeUndefined();
    expect(assess(signs({ failures: [share(5000, 60)] }))).toBeUndefined();
  });

  test('is paused for loops: with nothing to compare, only for many', () => {
    const known = signs({ loops: [share(10_000, 300)] });
    expect(assess(signs({ loops: [share(1000, 100)] }), known)).toMatchObject({ kind: 'loops' });
    expect(assess(signs({ loops: [share(1000, 100)] }))).toBeUndefined();
    expect(assess(signs({ loops: [share(1000, 400)] }))).toMatchObject({ kind: 'loops' });
  });

  test('is assessed as the app says', () => {
    const release = signs({ hour: [share(500, 400)] });
    expect(assess(release, before, { minimum: 50, tolerance: 0.2 })).toBeUndefined();
    expect(assess(release, before, { minimum: 501, tolerance: 0.01 })).toBeUndefined();
    expect(autoPauseOf(null)).toEqual({ isOn: true, minimum: 50, tolerance: 0.01 });
    expect(autoPauseOf('{"isOn":false}')).toEqual({ isOn: false, minimum: 50, tolerance: 0.01 });
  });

  test('that was resumed is assessed by what has become known since', () => {
    const known = signs({ hour: [share(500, 380)], failures: [share(500, 60)] });
    const later = signs({ hour: [share(700, 560), share(20, 20, MAC)], failures: [share(700, 60)] });
    expect(signsSince(later, known)).toEqual(
      signs({ hour: [share(200, 180), share(20, 20, MAC)], failures: [share(200, 0)] }),
    );
    expect(assess(signsSince(known, known), before)).toBeUndefined();
    expect(signsSince(later, undefined)).toBe(later);
  });
});

test('a reason is a sentence', () => {
  const cause = { of: 812.4, count: 617.4, before: 0.9 };
  expect(pauseReasonOf({ kind: 'conversion', hours: 4, ...cause }, '1.1.0').text).toBe(
    '76 % of 812 clients that downloaded it were running it 4 hours later, where it was 90 % with 1.1.0',
  );
  expect(pauseReasonOf({ kind: 'failures', platform: LINUX, of: 200, count: 25 }, '1.1.0')).toEqual({
    ...{ kind: 'failures', platform: LINUX, of: 200, count: 25 },
    text: '12.5 % of 200 clients on linux-x86_64 that downloaded it report that it failed or crashed',
  });
});
