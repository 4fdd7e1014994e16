import type { AwaitedUpload } from '../../database/queries/pending-uploads.ts';

/** How long after a poll for an upload the next one follows, in milliseconds. */
export interface PollSchedule {
  /** While the upload is younger than `max`. */
  readonly first: number;
  /** Afterwards, until its URL expires. */
  readonly max: number;
}

/** Including the time for finalizing it, a file is visible within 10 s of its arrival. */
export const DEFAULT_POLL_SCHEDULE: PollSchedule = { first: 1000, max: 5000 };
/** Once its URL expired, an upload can only arrive if its PUT was running by then: the delay is `max`, times this. */
const EXPIRED_FACTOR = 3;
/** How long after its URL expired that goes on, in milliseconds. */
const LATE_MS = 2 * 60 * 60 * 1000;
/** From then on, until the upload is forgotten, in milliseconds. */
const LATE_DELAY_MS = 60_000;

/** How long after a poll now the next one follows, in milliseconds. */
export function pollDelay(
  { createdAt, expiresAt }: AwaitedUpload,
  now: Date,
  { first, max }: PollSchedule,
): number {
  const expiredFor = now.getTime() - expiresAt.getTime();
  if (expiredFor > LATE_MS) return LATE_DELAY_MS;
  if (expiredFor > 0) return max * EXPIRED_FACTOR;
  return now.getTime() - createdAt.getTime() < max ? first : max;
}
