import type { InstalledApp } from '../../client/ota-client.ts';
import { ALL_COHORTS } from '../../protocol/rollout/cohort.ts';
import type { InstalledClient } from './update-check.ts';

/** Extension `rollout`: versions that others are offered; undefined for none. */
export interface RolloutState {
  /** What apps of every cohort may have. */
  readonly everyone: string | undefined;
  /** What a user is offered who looks for an update. */
  readonly manual: string | undefined;
}

/** @returns undefined where the answer to an app's check does not depend on rollouts. To be called after that check */
export async function findRolloutState(
  { client, retry }: InstalledClient,
  app: InstalledApp,
): Promise<RolloutState | undefined> {
  if (!client.dependsOnRollouts) return undefined;
  const ask = async (as: Pick<InstalledApp, 'cohort' | 'isManual'>) =>
    (await retry.run(() => client.check({ ...app, ...as })))?.version;
  return {
    everyone: await ask({ cohort: ALL_COHORTS, isManual: false }),
    manual: await ask({ isManual: true }),
  };
}

/** What that means for an app that is offered a version, or none. */
export function describeRolloutState(
  { everyone, manual }: RolloutState,
  offered: string | undefined,
): string[] {
  const lines: string[] = [];
  if (offered === undefined && manual === undefined)
    lines.push('A release may be paused or scheduled: `synckit-ota releases list` shows it.');
  if (offered !== undefined && everyone !== offered) {
    lines.push(`${offered} is being rolled out: not every app is offered it yet.`);
  }
  if (manual !== undefined && manual !== offered) {
    lines.push(
      `${manual} is being rolled out, and not offered to this app yet; its user gets it by asking (--manual).`,
    );
  }
  return lines;
}
