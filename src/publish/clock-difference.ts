import type { Issue } from '../issue.ts';
import type { Publisher } from './publisher.ts';
import type { ManifestSigner } from './release-request.ts';

const MINUTE_MS = 60_000;
/** How far two clocks may be apart before it is reported. */
const TOLERATED_MS = 5 * MINUTE_MS;

/** A manifest must not be expired from the start, by the server's clock: the one that is wrong may be this machine's. */
export function clockIssues(
  { client }: Pick<Publisher, 'client'>,
  signer: ManifestSigner | undefined,
): Issue[] {
  if (signer === undefined || signer.expiresAt.getTime() > Date.now() + client.clockLeadMs) return [];
  const message = `the manifest would be expired from the start: ${describeDifference(client.clockLeadMs)}`;
  const hint = "Set this machine's clock, or the server's, or sign for a longer time with --manifest-days.";
  return [{ id: 'release.expired_manifest', code: 'preflight_refused', message, hint }];
}

/** Only where something is signed, which says when. */
export function clockWarnings(
  { client }: Pick<Publisher, 'client'>,
  signer: ManifestSigner | undefined,
): string[] {
  const { clockLeadMs } = client;
  if (signer === undefined || Math.abs(clockLeadMs) <= TOLERATED_MS) return [];
  return [
    `${describeDifference(clockLeadMs)}: the manifest says when it is signed and expires by this clock`,
  ];
}

function describeDifference(leadMs: number): string {
  const minutes = Math.round(Math.abs(leadMs) / MINUTE_MS);
  const days = Math.floor(minutes / (24 * 60));
  const time = days > 1 ? `${days} days` : `${minutes} minutes`;
  return `this machine's clock is ${time} ${leadMs > 0 ? 'behind' : 'ahead of'} the server's`;
}
