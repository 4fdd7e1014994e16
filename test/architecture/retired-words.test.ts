import { globSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { RETIRED_WORDS, STABLE_NAMES } from './retired-words.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** What is searched: whole texts, and of tests their names. */
const GROUPS: Readonly<Record<string, readonly string[]>> = {
  // The page is generated from it.
  'src/backup': ['src/backup/**/*.ts'],
  'src/cli': ['src/cli/**/*.ts', 'docs/reference/cli.md'],
  'src/client': ['src/client/**/*.ts'],
  'src/copy': ['src/copy/**/*.ts'],
  'src/database': ['src/database/**/*.ts'],
  'src/ownership': ['src/ownership/**/*.ts'],
  'src/protocol': ['src/protocol/**/*.ts'],
  'src/publish': ['src/publish/**/*.ts'],
  'src/runtime': ['src/runtime/**/*.ts', 'src/*.ts'],
  'src/server': ['src/server/**/*.ts'],
  'src/storage': ['src/storage/**/*.ts'],
  'src/tauri': ['src/tauri/**/*.ts'],
  bin: ['bin/*.js'],
  README: ['README.md'],
  CHANGELOG: ['CHANGELOG.md'],
  'other pages': ['CONTRIBUTING.md', 'SECURITY.md', '.github/**/*.{md,yml}'],
  'docs/reference': ['docs/reference/!(cli).md'],
  'docs/contributing': ['docs/contributing/**/*.md'],
  'docs for users': ['docs/*.md', 'docs/publishing/**/*', 'docs/self-hosting/**/*'],
  'examples and action': ['examples/**/*', 'action.yml'],
  'names of unit tests': ['test/unit/**/*.test.ts'],
  'names of contract tests': ['test/{contract,conformance}/**/*.ts'],
  'names of end-to-end tests': ['test/e2e/**/*.test.ts'],
  'names of reliability tests': ['test/reliability/**/*.test.ts'],
  'names of other tests': ['test/{architecture,support}/**/*.test.ts'],
};

/** The specification that other servers implement too. */
const EXEMPT = ['docs/reference/api.md'];

/** The first argument of each `test`, `describe`, `scenario` and the like, and of what `.each(…)` gives. */
const TEST_NAME =
  /(?:\b(?:test|it|describe\w*|group|suite|scenario)\b[\w.]*|\))\(\s*(?:'([^'\n]*)'|"([^"\n]*)"|`([^`]*)`)\s*,/g;

describe.each(Object.entries(GROUPS))('%s', (group, globs) => {
  test('has no retired word', () => {
    const paths = globs.flatMap((glob) => globSync(glob, { cwd: ROOT }));
    const files = paths.filter((path) => !EXEMPT.includes(path) && statSync(join(ROOT, path)).isFile());
    expect(files.flatMap((file) => findings(file, textOf(group, file)))).toEqual([]);
  });
});

describe('the search for retired words', () => {
  test.each(['reclaim', 'the slot machine of a test', 'told apart from another', 'bringup', 'a response'])(
    'passes over %s',
    (text) => {
      expect(findings('docs/page.md', text)).toEqual([]);
    },
  );

  test.each(['keepClaim', 'nobody knows', 'AppAnswer', 'taken back', 'a rehearsal', 'It was told so'])(
    'finds %s',
    (text) => {
      expect(findings('docs/page.md', text)).toHaveLength(1);
    },
  );
});

function textOf(group: string, file: string): string {
  const text = readFileSync(join(ROOT, file), 'utf8');
  if (!group.startsWith('names of')) return text;
  // As many lines, so that a finding names the right one.
  const lines = text.split('\n').map(() => '');
  for (const match of text.matchAll(TEST_NAME)) {
    const line = text.slice(0, match.index).split('\n').length - 1;
    lines[line] = (match[1] ?? match[2] ?? match[3] ?? '').replaceAll('\n', ' ');
  }
  return lines.join('\n');
}

/** `src/cli/main.ts:12: "nobody": say who does what`, for each retired word in a text. */
function findings(file: string, text: string): string[] {
  return text.split('\n').flatMap((line, i) => {
    const checked = line.replace(STABLE_NAMES, '');
    return RETIRED_WORDS.filter(
      ({ pattern, within }) => (within?.test(file) ?? true) && pattern.test(checked),
    ).map(({ word, use }) => `${file}:${i + 1}: "${word}": use ${use}`);
  });
}
