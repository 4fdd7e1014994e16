import type { Attribution } from '../../../src/database/attribution.ts';
import { operator } from '../../../src/database/attribution.ts';

/** Whoever makes the changes of tests, at a time that most of them share. */
export function by(now = new Date('2026-03-13T12:00:00Z')): Attribution {
  return { actor: operator('tester'), now };
}
