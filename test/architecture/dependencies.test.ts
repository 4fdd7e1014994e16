import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { findViolations } from './find-violations.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

test('src and bin keep the dependency rules', async () => {
  expect(await findViolations(ROOT)).toEqual([]);
});
