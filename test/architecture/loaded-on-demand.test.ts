import { globSync } from 'node:fs';
import { expect, test } from 'vitest';
import { ROOT, readText } from '../support/docs/pages.ts';

test('packages loaded on demand are taken by their default export, as the bundle has no other of CommonJS', () => {
  const imports = globSync('src/**/*.{ts,tsx}', { cwd: ROOT }).flatMap((file) =>
    [...readText(file).matchAll(/^.*\bimport\('[^.'][^']*'\).*$/gm)]
      .map(([line]) => line)
      .filter((line) => !/:\s*Promise<typeof import\(|typeof import\(/.test(line)),
  );
  expect(imports.length).toBeGreaterThan(2);
  expect(
    imports.filter((line) => !/\{ default: \w+ \} = await|\(await import\(.*\)\)\.default/.test(line)),
  ).toEqual([]);
});
