import type { UpdateStep } from '../routing/update-steps.ts';
import { compareVersions, versionOrder } from '../version.ts';

/** What makes updates of the apps of one channel mandatory. */
export interface Obligations {
  /** The live releases that are marked as mandatory. */
  readonly releases: readonly string[];
  /** Lower versions are not supported any more; undefined for none. */
  readonly minimumVersion: string | undefined;
}

/**
 * Below which versions the update to a release is mandatory: below any mandatory one that it contains, which includes those
 * that were skipped, and below the minimum. Undefined where it is for no one.
 */
export function mandatoryBelow(
  release: string,
  { releases, minimumVersion }: Obligations,
): string | undefined {
  const contained = releases.filter((version) => compareVersions(version, release) <= 0);
  const all = minimumVersion === undefined ? contained : [...contained, minimumVersion];
  return all.reduce<string | undefined>(
    (highest, version) =>
      highest === undefined || compareVersions(version, highest) > 0 ? version : highest,
    undefined,
  );
}

export type UrgentStep<Release> = UpdateStep<Release> & { readonly isMandatory: boolean };

/** Steps that say besides whether the update is mandatory: one is divided where that differs between its versions. */
export function urgentSteps<Release extends { readonly version: string }>(
  steps: readonly UpdateStep<Release>[],
  obligations: Obligations,
): UrgentStep<Release>[] {
  return steps.flatMap((step, i) => {
    const below = step.release && mandatoryBelow(step.release.version, obligations);
    if (below === undefined) return [{ ...step, isMandatory: false }];
    const next = steps[i + 1]?.from;
    if (isAtLeast(step.from, below)) return [{ ...step, isMandatory: false }];
    const all = { ...step, isMandatory: true };
    if (next !== undefined && compareVersions(next, below) <= 0) return [all];
    return [all, { ...step, from: below, isMandatory: false }];
  });
}

function isAtLeast(from: string | undefined, version: string): boolean {
  return from !== undefined && versionOrder(from) >= versionOrder(version);
}
