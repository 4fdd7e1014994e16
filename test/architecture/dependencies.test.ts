import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { findViolations } from './find-violations.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** Every file is read. */
const TIMEOUT_MS = 120_000;

test(
  'src and bin keep the dependency rules',
  async () => {
    expect(await findViolations(ROOT)).toEqual([]);
  },
  TIMEOUT_MS,
);
