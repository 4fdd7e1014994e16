import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** The rows of CONTRIBUTING.md's table of what others suffered from: number and words. */
const rows = [...readFileSync(join(ROOT, 'CONTRIBUTING.md'), 'utf8').matchAll(/^\| (\d+) +\| (.*?) *\|$/gm)];

const sources = readdirSync(join(ROOT, 'test'), { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.test.ts'))
  .map((file) => readFileSync(join(ROOT, 'test', file), 'utf8'))
  .join('\n');

test('there is a table of what others suffered from', () => {
  expect(rows.length).toBeGreaterThan(8);
});

test.each(rows.map(([, number, words]) => [number, words]))(
  'pain %s has a test named for it: %s',
  (number) => {
    expect(sources).toMatch(new RegExp(`(?:test|describe|\\))\\(\\s*['"\`]pains ${number}: `));
  },
);
