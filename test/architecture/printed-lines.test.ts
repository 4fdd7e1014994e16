import { globSync } from 'node:fs';
import { expect, test } from 'vitest';
import { ROOT, readText } from '../support/docs/pages.ts';

test('attack M4: commands and reports print lists of lines, as a line break inside a line is shown and not printed', () => {
  const files = globSync('src/cli/{audit,commands,output,dev,wiring}/*.ts', { cwd: ROOT });
  expect(files.length).toBeGreaterThan(50);
  const joined = files.filter((file) => /\.join\((['"`])\\n\1\)|`[^`]*\\n\$\{/.test(readText(file)));
  expect(joined).toEqual([]);
});
