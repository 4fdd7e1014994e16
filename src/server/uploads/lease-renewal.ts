import { type LeasedUpload, renewLease } from '../../database/queries/pending-uploads.ts';
import type { Queries } from '../../database/schema.ts';

/** How long a claim holds, in milliseconds; it is extended three times as often. */
export const UPLOAD_LEASE_MS = 30_000;

/**
 * Extends a claim again and again.
 * @param until when it is to end if it is extended now
 * @param onFailure is told why it could not be extended; that is tried again
 * @returns what ends that, and gives the claim as it is then
 */
export function keepLease(
  queries: Queries,
  claimed: LeasedUpload,
  until: () => Date,
  onFailure: (error: unknown) => void,
): () => Promise<LeasedUpload> {
  let claim = Promise.resolve(claimed);
  const extend = async (held: LeasedUpload) => {
    const extended = renewLease(queries, held, until());
    return (await extended.catch(onFailure)) ?? held;
  };
  const timer = setInterval(() => {
    claim = claim.then(extend);
  }, UPLOAD_LEASE_MS / 3).unref();
  return () => {
    clearInterval(timer);
    return claim;
  };
}
