import { type ClaimedUpload, extendClaim } from '../database/pending-uploads.ts';
import type { Queries } from '../database/schema.ts';

/** How long a claim holds, in milliseconds; it is extended three times as often. */
export const CLAIM_MS = 30_000;

/**
 * Extends a claim again and again.
 * @param until when it is to end if it is extended now
 * @returns what ends that, and gives the claim as it is then
 */
export function keepClaim(
  queries: Queries,
  claimed: ClaimedUpload,
  until: () => Date,
): () => Promise<ClaimedUpload> {
  let claim = Promise.resolve(claimed);
  const extend = async (held: ClaimedUpload) =>
    (await extendClaim(queries, held, until()).catch(() => undefined)) ?? held;
  const timer = setInterval(() => {
    claim = claim.then(extend);
  }, CLAIM_MS / 3).unref();
  return () => {
    clearInterval(timer);
    return claim;
  };
}
