import { describe, expect, test } from 'vitest';
import { readExpiry } from '../../src/cli/token-expiry.ts';
import { collectProblems } from './collect-problems.ts';

const NOW = new Date('2026-03-13T12:00:00Z');

describe('--expires', () => {
  test.each([
    ['never', null],
    ['1', '2026-03-14T12:00:00.000Z'],
    ['90', '2026-06-11T12:00:00.000Z'],
    ['90d', '2026-06-11T12:00:00.000Z'],
    ['3650', '2036-03-10T12:00:00.000Z'],
  ])('%s is %s', (text, expected) => {
    const { value, found } = collectProblems((problems) => readExpiry(text, NOW, problems));
    expect(value?.toISOString() ?? null).toBe(expected);
    expect(found).toBe('');
  });

  test.each(['0', '3651', '-1', '1.5', '1w', '', 'Never', '99999'])('%j is refused', (text) => {
    expect(collectProblems((problems) => readExpiry(text, NOW, problems)).found).toBe(
      `--expires ${text} must be a number of days from 1 to 3650, or never`,
    );
  });
});
