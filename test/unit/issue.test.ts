import { describe, expect, test } from 'vitest';
import { type Issue, throwIssues, toError } from '../../src/issue.ts';

const issue = (code: Issue['code'], message: string = code): Issue => ({
  id: code === 'conflict' ? 'release.yanked' : 'file.missing',
  code,
  message,
  hint: `Mend ${code}.`,
});

describe('issues', () => {
  test('that are none throw nothing', () => {
    expect(() => throwIssues([])).not.toThrow();
  });

  test('of one kind keep message and hint', () => {
    expect(toError([issue('conflict', 'It is there')])).toMatchObject({
      code: 'conflict',
      issueIds: ['release.yanked'],
      message: 'It is there',
      hint: 'Mend conflict.',
    });
  });

  test('keep the id of each on the error', () => {
    expect(toError([issue('conflict'), issue('usage')]).issueIds).toEqual(['release.yanked', 'file.missing']);
  });

  test('are all named, each with what to do', () => {
    const error = toError([issue('conflict', 'a'), issue('conflict', 'b')]);
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
    expect(() => throwIssues([issue(first), issue(second)])).toThrow(
      expect.objectContaining({ code: expected }),
    );
  });
});
