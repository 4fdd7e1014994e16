import { describe, expect, test } from 'vitest';
import {
  DAY_MS,
  parseDuration,
  readDuration,
  readExpiry,
  readSize,
} from '../../../../src/cli/options/quantities.ts';
import { collectProblems } from '../../../support/process/collect-problems.ts';

const HOUR_MS = 3_600_000;

describe('a duration', () => {
  test.each([
    ['90s', 90_000],
    ['5m', 300_000],
    [' 12h ', 12 * HOUR_MS],
    ['1.5h', 1.5 * HOUR_MS],
    ['3 d', 3 * DAY_MS],
    ['2w', 14 * DAY_MS],
    ['1y', 365 * DAY_MS],
    ['0', 0],
  ])('%j is read', (text, expected) => {
    expect(parseDuration(text)).toBe(expected);
    expect(parseDuration(text, 'd')).toBe(expected);
  });

  test.each(['', 'x', '5', '5M', '5 minutes', '-1d', '1.2345h', '1e3s', '9999999999s', 's', '1d1h'])(
    '%j is none',
    (text) => expect(parseDuration(text)).toBeUndefined(),
  );

  test('without a unit is in the unit of the option', () => {
    expect(parseDuration('30', 'd')).toBe(30 * DAY_MS);
    expect(parseDuration('30', 's')).toBe(30_000);
  });

  test('outside of the range of its option is named with the range', () => {
    const option = { option: '--over', min: 60_000, max: 366 * DAY_MS };
    const { found } = collectProblems((errors) => readDuration({ ...option, text: '59s' }, errors));
    expect(found).toBe('--over 59s must be a duration from 1m to 366d, like 90s, 5m, 12h or 3d');
    expect(collectProblems((errors) => readDuration({ ...option, text: '60s' }, errors)).value).toBe(60_000);
    expect(collectProblems((errors) => readDuration({ ...option, text: '367d' }, errors)).found).not.toBe('');
  });
});

describe('--expires', () => {
  test.each([
    ['never', null],
    ['1', DAY_MS],
    ['90', 90 * DAY_MS],
    ['90d', 90 * DAY_MS],
    ['12h', 12 * HOUR_MS],
    ['1y', 365 * DAY_MS],
    ['3650', 3650 * DAY_MS],
  ])('%s is %s milliseconds', (text, expected) => {
    const { value, found } = collectProblems((errors) => readExpiry(text, errors));
    expect(value).toBe(expected);
    expect(found).toBe('');
  });

  test.each(['0', '3651', '-1', '1s', '', 'Never', '99999'])('%j is rejected', (text) => {
    expect(collectProblems((errors) => readExpiry(text, errors)).found).toBe(
      `--expires ${text} must be a duration from 1m to 3650d, like 90s, 5m, 12h or 3d, or never`,
    );
  });
});

describe('a size', () => {
  test.each([
    ['1', 1],
    ['512b', 512],
    ['2GB', 2_000_000_000],
    ['2 gb', 2_000_000_000],
    ['2GiB', 2 * 1024 ** 3],
    ['1.5GiB', 1.5 * 1024 ** 3],
    ['0.5MB', 500_000],
    ['64MiB', 64 * 1024 ** 2],
    ['3TiB', 3 * 1024 ** 4],
  ])('%j is read', (text, expected) => {
    const { value, found } = collectProblems((errors) => readSize('--size', text, errors));
    expect(value).toBe(expected);
    expect(found).toBe('');
  });

  test.each(['', '0', '2G', '2 bytes', '-1', '1e9', '999999TB', '0.1b'])('%j is none', (text) => {
    expect(collectProblems((errors) => readSize('--size', text, errors)).found).toBe(
      `--size ${text} is not a size: give it in bytes, or like 256MiB or 2GB`,
    );
  });
});
