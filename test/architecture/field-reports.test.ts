import { globSync } from 'node:fs';
import { expect, test } from 'vitest';
import { sectionsOf, tableRows } from '../support/docs/markdown.ts';
import { ROOT, readText } from '../support/docs/pages.ts';

const page = sectionsOf(readText('docs/contributing/requirements.md'));
const classes = page
  .filter(({ heading }) => heading === 'What strands users')
  .flatMap(({ text }) => tableRows(text))
  .filter(([number = '']) => /^\d+$/.test(number));
const tests = globSync('test/**/*.test.ts', { cwd: ROOT }).map((file) => readText(file));

test('each class of field reports is listed', () => {
  const numbers = [1, 2, 3, 4, 5, 6, 7, 11, 12, 13, 14, 15];
  expect(classes.map(([number]) => Number(number))).toEqual(numbers);
});

test.each(classes)('class %s has tests: %s', (number) => {
  const named = new RegExp(`(?:test|describe|\\))\\(\\s*['"\`]field ${number}: `);
  expect(tests.filter((text) => named.test(text))).not.toEqual([]);
});
