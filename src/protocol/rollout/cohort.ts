import { createHash, createHmac } from 'node:crypto';
import { FOR_EVER, nextStepAfter, type RolledOut, rolloutState, shareAt } from './rollout.ts';

export const COHORT_HEADER = 'x-ota-cohort';
export const MANUAL_HEADER = 'x-ota-manual';

export const COHORTS = 100;

/** Which cohort an app is in that does not say it: none until a release is for everyone, or one by its address. */
export const COHORT_FALLBACKS = ['hold', 'address'] as const;
export type CohortFallback = (typeof COHORT_FALLBACKS)[number];

/** Instead of a cohort: what all apps get, whatever cohort they are in, as a static file needs it. */
export const ALL_COHORTS = 'all';

/** Who asks: `isManual` where a user does. */
export interface Audience {
  /** 0 to 99, or `COHORTS`, which comes after all others; undefined where it is not known. */
  readonly cohort: number | undefined;
  readonly isManual: boolean;
}

/** Undefined for what is none: an error would cut apps off from updates that count their cohorts from 1 to 100. */
export function parseCohort(text: unknown): number | undefined {
  if (text === ALL_COHORTS) return COHORTS;
  const [, digits] = typeof text === 'string' ? (/^\s*(\d{1,2})\s*$/.exec(text) ?? []) : [];
  return digits === undefined ? undefined : Number(digits);
}

export function parseManual(text: unknown): boolean {
  return typeof text === 'string' && /^\s*(?:1|true)\s*$/i.test(text);
}

/** The place of each cohort in the order in which it is offered a release, which is another order for each release. */
export function cohortOrder(releaseId: string): Uint8Array {
  const order = Uint8Array.from({ length: COHORTS }, (_, cohort) => cohort);
  const random = createHash('shake256', { outputLength: 4 * COHORTS })
    .update(`rollout ${releaseId}`)
    .digest();
  for (let last = COHORTS - 1; last > 0; last--) {
    const other = Math.floor((random.readUInt32BE(4 * last) / 2 ** 32) * (last + 1));
    const [a = 0, b = 0] = [order[last], order[other]];
    order[last] = b;
    order[other] = a;
  }
  return order;
}

export interface HeldRelease extends RolledOut {
  readonly order: Uint8Array;
}

/** What holds a release back from an app: `cohort` where its cohort is not in yet, `no_cohort` where that is not known. */
export type Hold = 'paused' | 'scheduled' | 'cohort' | 'no_cohort';

/** Undefined where the app is offered it. */
export function holdOf(release: HeldRelease, { cohort, isManual }: Audience, now: number): Hold | undefined {
  const state = rolloutState(release, now);
  if (state === 'paused' || state === 'scheduled') return state;
  if (state === 'complete' || isManual) return undefined;
  if (cohort === undefined) return 'no_cohort';
  return (release.order[cohort] ?? COHORTS) < shareAt(release, now) ? undefined : 'cohort';
}

/** When any of some releases is offered to others than now, in milliseconds since 1970. */
export function nextStepOf(releases: readonly RolledOut[], now: number): number {
  return Math.min(FOR_EVER, ...releases.map((release) => nextStepAfter(release, now)));
}

/** The cohort of an address on one day. Without the key no one else knows it, and the next day no one does. */
export function cohortOfAddress(
  address: string,
  { key, day }: { readonly key: string; readonly day: number },
): number {
  const digest = createHmac('sha256', key).update(`${day} ${address}`).digest();
  return Math.floor((digest.readUInt32BE(0) / 2 ** 32) * COHORTS);
}

const DAY_MS = 24 * 60 * 60 * 1000;

export function dayOf(now: number): number {
  return Math.floor(now / DAY_MS);
}

export function endOfDay(now: number): number {
  return (dayOf(now) + 1) * DAY_MS;
}
