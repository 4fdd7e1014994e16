import { versionOrder } from '../version.ts';
import {
  canVerify,
  type Decision,
  isTooLow,
  type RoutedRelease,
  type WalkTrace,
  type Way,
} from './update-steps.ts';

/**
 * What the walk has found about a release for one version. `dead_end`: it leads less far than another one. `lower`: it could
 * be taken, as the one that is offered, which is higher.
 */
export type Verdict = 'offered' | 'key' | 'requires' | 'held' | 'dead_end' | 'lower';

export interface ClassifiedRelease<Release> {
  readonly release: Release;
  readonly verdict: Verdict;
  /** The highest version that it leads to. */
  readonly reach: string | undefined;
}

export interface Classification<Release> {
  /** The id of the key that builds of the version count as carrying; undefined for any. */
  readonly keyId: string | undefined;
  /** The highest version that can be got to; undefined where there is no way up. */
  readonly reach: string | undefined;
  /** The releases above the version, the highest first. */
  readonly releases: readonly ClassifiedRelease<Release>[];
  /** The highest release that is not above it. */
  readonly below: Release | undefined;
}

/** What a walk has decided for a version, and about each release above it. */
export function classificationOf<Release extends RoutedRelease>(
  { ways, decisions }: WalkTrace<Release>,
  version: string,
): Classification<Release> {
  const order = versionOrder(version);
  const decision = decisions.find((one) => one.order <= order);
  const releases = decision === undefined ? [] : ways.filter((way) => way.order > order);
  return {
    keyId: decision?.keyId,
    reach: decision?.best?.reach.from,
    below: ways.find((way) => way.order <= order)?.release,
    releases: releases.map((way) => ({
      release: way.release,
      verdict: verdictOf(way, decision),
      reach: way.reach.from,
    })),
  };
}

function verdictOf<Release extends RoutedRelease>(
  way: Way<Release>,
  decision: Decision<Release> | undefined,
): Verdict {
  if (decision === undefined || way === decision.offered) return 'offered';
  if (!canVerify(decision.keyId, way.release.signingKeyId)) return 'key';
  if (isTooLow(decision.order, way)) return 'requires';
  if (way.isHeld) return 'held';
  return way.reach.order === decision.best?.reach.order ? 'lower' : 'dead_end';
}
