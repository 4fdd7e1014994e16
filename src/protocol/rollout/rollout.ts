/** Extension `rollout`: what is set for a release, which stays as it is while the release is paused. */
export interface Rollout {
  /** How many of the 100 cohorts are offered the release, in the end: 0 to 100. */
  readonly percent: number;
  /** Milliseconds since 1970: from when on it is offered; undefined: from its publication on. */
  readonly at?: number | undefined;
  /** The share grows by itself, from `from` cohorts to `percent` in `ms`. */
  readonly ramp?: { readonly from: number; readonly ms: number } | undefined;
}

/** A release as far as it matters who is offered it. */
export interface RolledOut {
  readonly id: string;
  /** Null for everyone. */
  readonly rollout: Rollout | null;
  /** Milliseconds since 1970, as is `pubDate`; null where it is not paused. */
  readonly pausedAt: number | null;
  readonly pubDate: number;
}

/** The last moment that a date can name. */
export const FOR_EVER = 8_640_000_000_000_000;

export const RAMP_START = 5;
export const MIN_RAMP_MS = 60_000;
export const MAX_RAMP_MS = 366 * 24 * 60 * 60 * 1000;

/** How many of the 100 cohorts are offered a release at a time, apart from a pause. */
export function shareAt(release: Pick<RolledOut, 'rollout' | 'pubDate'>, now: number): number {
  const { rollout } = release;
  if (rollout === null) return 100;
  const begin = beginOf(release);
  if (now < begin) return 0;
  const { percent, ramp } = rollout;
  if (ramp === undefined) return percent;
  return Math.min(percent, ramp.from + Math.floor(((percent - ramp.from) * (now - begin)) / ramp.ms));
}

/** When a release is offered to others than now without a change by hand, in milliseconds since 1970; `FOR_EVER`: never. */
export function nextStepAfter(
  release: Pick<RolledOut, 'rollout' | 'pausedAt' | 'pubDate'>,
  now: number,
): number {
  const { rollout, pausedAt } = release;
  if (rollout === null || pausedAt !== null) return FOR_EVER;
  const begin = beginOf(release);
  if (now < begin) return begin;
  const { percent, ramp } = rollout;
  const share = shareAt(release, now);
  if (ramp === undefined || share >= percent) return FOR_EVER;
  return begin + Math.ceil(((share + 1 - ramp.from) * ramp.ms) / (percent - ramp.from));
}

/** Until when a release is not offered to everyone, in milliseconds since 1970; 0: it is. */
export function heldUntil(release: Pick<RolledOut, 'rollout' | 'pausedAt' | 'pubDate'>): number {
  const { rollout, pausedAt } = release;
  if (pausedAt !== null) return FOR_EVER;
  if (rollout === null) return 0;
  if (rollout.percent < 100) return FOR_EVER;
  return rollout.ramp === undefined ? (rollout.at ?? 0) : beginOf(release) + rollout.ramp.ms;
}

export type RolloutState = 'paused' | 'scheduled' | 'partial' | 'complete';

export function rolloutState(release: Omit<RolledOut, 'id'>, now: number): RolloutState {
  if (release.pausedAt !== null) return 'paused';
  if (release.rollout !== null && now < beginOf(release)) return 'scheduled';
  return shareAt(release, now) < 100 ? 'partial' : 'complete';
}

export interface RequestedRollout {
  readonly percent?: number | undefined;
  readonly at?: number | undefined;
  readonly rampMs?: number | undefined;
}

/** The rollout that a request asks for. A ramp goes on from the share that the release has, so that no one leaves it. */
export function rolloutOf({ percent, at, rampMs }: RequestedRollout, current: number): Rollout | null {
  const target = percent ?? 100;
  const from = Math.min(target, Math.max(RAMP_START, current));
  const ramp = rampMs === undefined || from >= target ? undefined : { from, ms: rampMs };
  if (target === 100 && at === undefined && ramp === undefined) return null;
  return { percent: target, ...(at !== undefined && { at }), ...(ramp && { ramp }) };
}

/** A draft that goes live late begins then. */
function beginOf({ rollout, pubDate }: Pick<RolledOut, 'rollout' | 'pubDate'>): number {
  return Math.max(rollout?.at ?? 0, pubDate);
}
