import { describe, expect, test } from 'vitest';
import { type Issue, throwIssues, toError } from '../../src/issue.ts';

const fault = (code: Issue['code'], message: string = code): Issue => ({
  code,
  message,
  hint: `Mend ${code}.`,
});

describe('faults', () => {
  test('that are none throw nothing', () => {
    expect(() => throwIssues([])).not.toThrow();
  });

  test('of one kind keep message and hint', () => {
    expect(toError([fault('conflict', 'It is there')])).toMatchObject({
      code: 'conflict',
      message: 'It is there',
      hint: 'Mend conflict.',
    });
  });

  test('are all named, each with what to do', () => {
    const error = toError([fault('conflict', 'a'), fault('conflict', 'b')]);
    expect(error.message.split('\n')).toEqual([
      '2 problems, nothing was published:',
      '  - a. Mend conflict.',
      '  - b. Mend conflict.',
    ]);
  });

  test.each<[Issue['code'], Issue['code'], Issue['code']]>([
    ['conflict', 'usage', 'usage'],
    ['conflict', 'preflight_refused', 'preflight_refused'],
    ['preflight_refused', 'usage', 'usage'],
    ['conflict', 'conflict', 'conflict'],
  ])('%s and %s together are %s', (first, second, expected) => {
    expect(() => throwIssues([fault(first), fault(second)])).toThrow(
      expect.objectContaining({ code: expected }),
    );
  });
});
