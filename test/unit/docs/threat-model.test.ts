import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { ROOT, readText } from '../../support/docs/pages.ts';

const PAGE = readText('docs/security/threat-model.md');

/** The rows of its tables, without their heads. */
const ROWS = PAGE.split('\n')
  .filter(
    (line, index, lines) =>
      line.startsWith('|') && !/^\|\s*-/.test(line) && !/^\|\s*-/.test(lines[index + 1] ?? ''),
  )
  .map((line) =>
    line
      .replace(/^\||\|\s*$/g, '')
      .split(' | ')
      .map((cell) => cell.trim()),
  );

/** The tests that a cell names: a file, and a part of the name of a test in it. */
function testsIn(cell: string): { file: string; name: string }[] {
  return [...cell.matchAll(/`(test\/[^`]+\.ts)` “([^”]+)”/g)].map(([, file = '', name = '']) => ({
    file,
    name,
  }));
}

/** TUF's own list: https://theupdateframework.github.io/specification/latest/#goals-to-protect-against-specific-attacks */
const OF_TUF = [
  'Arbitrary installation',
  'Endless data',
  'Extraneous dependencies',
  'Fast-forward',
  'Indefinite freeze',
  'Malicious mirrors',
  'Mix-and-match',
  'Rollback',
  'Slow retrieval',
  'Vulnerability to key compromises',
  'Wrong software installation',
];

describe('the threat model', () => {
  test.each(ROWS.map((row) => [row[0] ?? '', row] as const))(
    'names a test that exists in the row %s',
    (_, row) => {
      const named = testsIn(row.at(-1) ?? '');
      expect(named).not.toEqual([]);
      for (const { file, name } of named) {
        expect(existsSync(join(ROOT, file)), file).toBe(true);
        const literal = name.replaceAll(/[\\^$.*+?()[\]{}|]/g, '\\$&');
        expect(readText(file).replaceAll("\\'", "'"), file).toMatch(new RegExp(`['"\`].*${literal}.*['"\`]`));
      }
    },
  );

  test('has a row for each attack of TUF’s list', () => {
    const first = ROWS.map(([cell = '']) => cell.replaceAll('*', ''));
    for (const attack of OF_TUF) expect(first).toContain(attack);
  });

  test('has an attacker, a goal, a defence and a test in each row', () => {
    expect(ROWS.length).toBeGreaterThan(25);
    for (const row of ROWS) {
      expect(row.length, row[0]).toBeGreaterThanOrEqual(4);
      for (const cell of row) expect(cell).not.toBe('');
    }
  });
});
