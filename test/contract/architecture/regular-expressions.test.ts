import { globSync } from 'node:fs';
import { join, relative } from 'node:path';
import { checkSync } from 'recheck';
import { describe, expect, test } from 'vitest';
import { type Pattern, patternsIn } from '../../architecture/regular-expressions.ts';
import { ROOT } from '../../support/docs/pages.ts';

const files = globSync('src/**/*.{ts,tsx}', { cwd: ROOT });
const all = (await Promise.all(files.map((file) => patternsIn(join(ROOT, file))))).flat();
const patterns = all.filter(({ source }) => /[*+]|\{\d+,\}/.test(source)); // nothing else repeats without a limit

/** Patterns that may backtrack, and what bounds the text that each is used on. */
const BOUNDED: readonly (readonly [file: string, start: string, reason: string])[] = [
  ['src/tauri/changelog/changelog-outline.ts', '<(h[1-6]|summary)', 'a line of 300 characters (MAX_LINE)'],
  ['src/tauri/changelog/heading-version.ts', '^[^\\p{L}', 'a heading of 160 characters (MAX_HEADING)'],
  ['src/tauri/changelog/heading-version.ts', '\\b(?:unreleased', 'a heading of 160 characters (MAX_HEADING)'],
  ['src/database/postgres/startup-error.ts', '^ERR_SSL_', 'an error code of OpenSSL'],
  [
    'src/client/refusal/front.ts',
    '<center>cloudflare',
    '64 KiB (MAX_SEARCHED), and begins with words of its own',
  ],
  ['src/cli/project/match-files.ts', '', "a pattern that the project's own config file has"],
  ['src/cli/printable/printable-text.ts', '((?:[?&]', 'any text: printable-text.test.ts counts its steps'],
  [
    'src/cli/printable/printable-text.ts',
    '(\\bauthorization',
    'any text: printable-text.test.ts counts its steps',
  ],
];

function nameOf({ file, source, flags }: Pattern): string {
  return `${relative(ROOT, file)} /${source}/${flags}`;
}

describe('attack M7: every regular expression takes linear time, or few steps on the longest text it is used on', () => {
  test('all are found', () => {
    expect(all.length).toBeGreaterThan(200);
    expect(patterns.length).toBeGreaterThan(100);
  });

  test('none backtracks', { timeout: 120_000 }, () => {
    const slow = patterns
      .filter((pattern) => !isBounded(pattern))
      .flatMap((pattern) => {
        const { status } = checkSync(pattern.source, pattern.flags, { timeout: 10_000 });
        return status === 'safe' ? [] : [`${nameOf(pattern)}: ${status}`];
      });
    expect(slow).toEqual([]);
  });

  test('those that may are still there', () => {
    for (const [file, start] of BOUNDED) {
      const found = patterns.filter(
        (pattern) => relative(ROOT, pattern.file) === file && pattern.source.startsWith(start),
      );
      expect(found.length, `${file} ${start}`).toBeGreaterThan(0);
    }
  });
});

function isBounded({ file, source }: Pattern): boolean {
  return BOUNDED.some(([path, start]) => relative(ROOT, file) === path && source.startsWith(start));
}
