import { createHash } from 'node:crypto';
import { COHORTS } from '../../protocol/rollout/cohort.ts';
import { type Asker, EVERYONE } from '../update-check/rollouts.ts';

/** Of electron-updater: a random number that each installation has made for staged rollouts. */
export const STAGING_HEADER = 'x-user-staging-id';

const MAX_LENGTH = 200;

/**
 * Which cohort an installation is in that sends a random id for staged rollouts, as electron-updater and Velopack do. Nothing
 * of it is kept. Without one it gets what everyone gets.
 */
export function askerWithId(id: unknown): Asker {
  if (typeof id !== 'string' || id.trim() === '' || id.length > MAX_LENGTH) return EVERYONE;
  const digest = createHash('sha256').update(id.trim()).digest();
  return { ...EVERYONE, cohort: Math.floor((digest.readUInt32BE(0) / 2 ** 32) * COHORTS) };
}
