import type { AwaitedUpload } from '../../database/queries/pending-uploads.ts';

/** How long it is until an upload is looked for again, in milliseconds. */
export interface PollSchedule {
  /** While it is younger than `most`. */
  readonly first: number;
  readonly most: number;
}

/** With what taking the bytes takes, a file is visible within 10 s of its arrival. */
export const POLL_DELAYS: PollSchedule = { first: 1000, most: 5000 };
/** Once its URL expired, only an upload that began before can still arrive: it is looked for so much less often. */
const EXPIRED_FACTOR = 3;
/** It is given this long, in milliseconds. */
const LATE_MS = 2 * 60 * 60 * 1000;
/** After that it is looked for this seldom, in milliseconds, until it is forgotten. */
const LATE_WAIT_MS = 60_000;

/** How long it is from now until an upload is looked for again, in milliseconds. */
export function pollDelay(
  { createdAt, expiresAt }: AwaitedUpload,
  now: Date,
  { first, most }: PollSchedule,
): number {
  const expiredFor = now.getTime() - expiresAt.getTime();
  if (expiredFor > LATE_MS) return LATE_WAIT_MS;
  if (expiredFor > 0) return most * EXPIRED_FACTOR;
  return now.getTime() - createdAt.getTime() < most ? first : most;
}
