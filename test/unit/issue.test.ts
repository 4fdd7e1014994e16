import { describe, expect, test } from 'vitest';
import { collect, type Issue, ok, refused, requireOk, throwIssues, toError } from '../../src/issue.ts';

const issue = (code: Issue['code'], message: string = code): Issue => ({
  id: code === 'conflict' ? 'release.yanked' : 'file.missing',
  code,
  message,
  hint: `Mend ${code}.`,
});

describe('issues', () => {
  test('throw nothing if there are none', () => {
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

  test('are all named, each with its hint', () => {
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

describe('results for a list', () => {
  test('are sorted into values and issues', () => {
    const results = [ok(1), refused(issue('usage'), issue('conflict')), ok(2), refused(issue('conflict'))];
    const { values, issues } = collect(results);
    expect(values).toEqual([1, 2]);
    expect(issues.map(({ code }) => code)).toEqual(['usage', 'conflict', 'conflict']);
  });

  test('give their value, or throw all issues', () => {
    expect(requireOk(ok(7))).toBe(7);
    expect(() => requireOk(refused(issue('conflict'), issue('usage')))).toThrow(
      expect.objectContaining({ code: 'usage', issueIds: ['release.yanked', 'file.missing'] }),
    );
  });
});
