import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { formatTable } from '../../../../src/cli/layout/table.ts';
import { wrapLines } from '../../../../src/cli/layout/words.ts';
import { createStyle } from '../../../../src/cli/output/colors.ts';

const ROWS = [
  ['1.2.0', 'published', 'linux-x86_64 windows-x86_64 darwin-aarch64', '0a1b2c3d'],
  ['1.10.0', 'draft', '-', 'ffffffff'],
];
const HEADER = ['version', 'state', 'platforms', 'id'];

describe('a table', () => {
  test('is aligned, without spaces at the end of its lines', () => {
    const rows = [
      ['a', 'long', ''],
      ['bbb', 'c', 'd'],
    ];
    expect(formatTable(rows)).toEqual(['a    long', 'bbb  c     d']);
    expect(formatTable([])).toEqual([]);
  });

  test('has one line for each row outside of a terminal, whatever its length', () => {
    const long = 'word '.repeat(200).trim();
    expect(formatTable([[long, 'x']], { header: ['words', 'x'] })[1]).toBe(`${long}  x`);
  });

  test('has a title above each column', () => {
    expect(formatTable(ROWS, { header: HEADER })).toEqual([
      'version  state      platforms                                   id',
      '1.2.0    published  linux-x86_64 windows-x86_64 darwin-aarch64  0a1b2c3d',
      '1.10.0   draft      -                                           ffffffff',
    ]);
  });

  test('breaks its widest cells between words where a terminal is too narrow', () => {
    expect(formatTable(ROWS, { header: HEADER, width: 60 })).toEqual([
      'version  state      platforms                       id',
      '1.2.0    published  linux-x86_64 windows-x86_64     0a1b2c3d',
      '                    darwin-aarch64',
      '1.10.0   draft      -                               ffffffff',
    ]);
  });

  test('moves its last columns below the row where words alone are too wide', () => {
    expect(formatTable(ROWS, { header: HEADER, width: 36 })).toEqual([
      'version  state      platforms',
      '1.2.0    published  linux-x86_64',
      '                    windows-x86_64',
      '                    darwin-aarch64',
      '  id 0a1b2c3d',
      '1.10.0   draft      -',
      '  id ffffffff',
    ]);
  });

  test('is as wide with colours as without', () => {
    const style = createStyle(true);
    const colored = [['x', style('green', 'verified'), 'at a place']];
    const plain = [['x', 'verified', 'at a place']];
    for (const width of [10, 15, 80]) {
      expect(formatTable(colored, { width }).length).toBe(formatTable(plain, { width }).length);
    }
  });

  test('loses no word at any width, and breaks none', () => {
    const cell = fc
      .array(fc.stringMatching(/^[a-z]{1,12}$/), { maxLength: 6 })
      .map((words) => words.join(' '));
    const rows = fc
      .integer({ min: 1, max: 5 })
      .chain((columns) =>
        fc.array(fc.array(cell, { minLength: columns, maxLength: columns }), { minLength: 1, maxLength: 5 }),
      );
    fc.assert(
      fc.property(rows, fc.integer({ min: 14, max: 100 }), (table, width) => {
        const lines = formatTable(table, { width });
        const wordsOf = (texts: readonly string[]) =>
          texts
            .flatMap((text) => text.split(' '))
            .filter(Boolean)
            .sort();
        expect(wordsOf(lines)).toEqual(wordsOf(table.flat()));
        expect(Math.max(...lines.map(({ length }) => length))).toBeLessThanOrEqual(width);
      }),
    );
  });
});

test.each([
  ['  - one two three', ['  - one two', '    three']],
  ['Run `a b c d e f` now.', ['Run', '  `a b c d e f`', '  now.']],
  ['one ` two three', ['one ` two', '  three']],
  ['unbreakable-in-any-place', ['unbreakable-in-any-place']],
  ['    unbreakable-too', ['    unbreakable-too']],
])('%j is broken where it may be', (line, lines) => {
  expect(wrapLines([line], 12)).toEqual(lines);
});

test('a long line is broken between words, and goes on indented', () => {
  expect(wrapLines(['from octo/app at 0123 by me', 'short'], 16)).toEqual([
    'from octo/app at',
    '  0123 by me',
    'short',
  ]);
});
