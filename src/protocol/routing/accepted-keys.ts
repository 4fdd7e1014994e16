import { publicKeyIdOf } from '../minisign.ts';

/** A version that was live at some time: the key it was signed with, and the key its build carries. */
export interface KeyHandover {
  readonly signingKeyId: string | null;
  readonly embeddedPubkey: string | null;
}

/**
 * The keys that uploads of an app may be signed with: its own, then those in builds that are signed with one of these.
 * @param pubkey the app's minisign public key
 */
export function acceptedKeys(pubkey: string, handovers: readonly KeyHandover[]): string[] {
  const accepted = new Map([[publicKeyIdOf(pubkey), pubkey]]);
  for (let before = 0; before < accepted.size; ) {
    before = accepted.size;
    for (const { signingKeyId, embeddedPubkey } of handovers) {
      const embedded = publicKeyIdOf(embeddedPubkey);
      if (embeddedPubkey === null || embedded === undefined || accepted.has(embedded)) continue;
      if (signingKeyId !== null && accepted.has(signingKeyId)) accepted.set(embedded, embeddedPubkey);
    }
  }
  return [...accepted.values()];
}
