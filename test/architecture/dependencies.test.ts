import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { findViolations } from './find-violations.ts';
import { KNOWN_VIOLATIONS } from './known-violations.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

test('src and bin keep the dependency rules', async () => {
  const violations = await findViolations(ROOT);
  const unknown = violations.filter(
    ({ rule, from }) => !KNOWN_VIOLATIONS.some(([known, start]) => rule === known && from.startsWith(start)),
  );
  expect(unknown).toEqual([]);
});
