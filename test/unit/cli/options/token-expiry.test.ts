import { describe, expect, test } from 'vitest';
import { expiryAfterDays, readExpiry } from '../../../../src/cli/options/token-expiry.ts';
import { collectProblems } from '../../../support/process/collect-problems.ts';

describe('--expires', () => {
  test.each([
    ['never', null],
    ['1', 1],
    ['90', 90],
    ['90d', 90],
    ['3650', 3650],
  ])('%s is %s days', (text, expected) => {
    const { value, found } = collectProblems((problems) => readExpiry(text, problems));
    expect(value).toBe(expected);
    expect(found).toBe('');
  });

  test.each(['0', '3651', '-1', '1.5', '1w', '', 'Never', '99999'])('%j is rejected', (text) => {
    expect(collectProblems((problems) => readExpiry(text, problems)).found).toBe(
      `--expires ${text} must be a number of days from 1 to 3650, or never`,
    );
  });
});

test('a day has 24 hours, also across a change to summer time', () => {
  const now = new Date('2026-03-13T12:00:00Z');
  expect(expiryAfterDays(3650, now).toISOString()).toBe('2036-03-10T12:00:00.000Z');
});
