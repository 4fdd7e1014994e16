import { bundleFromJSON, isBundleWithDsseEnvelope } from '@sigstore/bundle';
import { toSignedEntity, Verifier } from '@sigstore/verify';
import { jobIn, type Signer } from './signer.ts';
import type { SigstoreBundle } from './sigstore-bundle.ts';
import type { SigstoreRoot } from './trusted-root.ts';

export type VerifiedBundle =
  /** `payload` are the bytes that were signed. */
  | { readonly kind: 'verified'; readonly payload: Buffer; readonly signer: Signer }
  /** `reason` is what Sigstore's library says. */
  | { readonly kind: 'invalid'; readonly reason: string };

/**
 * Verifies certificate, log entry, timestamp and signature by a Sigstore instance's keys. Who has signed is for the caller
 * to compare with who should have.
 */
export function verifyBundle(bundle: SigstoreBundle, root: SigstoreRoot): VerifiedBundle {
  try {
    const parsed = bundleFromJSON(bundle);
    if (!isBundleWithDsseEnvelope(parsed)) return invalid('it has no statement');
    const verifier = new Verifier(root.material, {
      tlogThreshold: root.hasLogs ? 1 : 0,
      ctlogThreshold: root.hasCertificateLogs ? 1 : 0,
      timestampThreshold: 1,
    });
    const { identity } = verifier.verify(toSignedEntity(parsed));
    const name = identity?.subjectAlternativeName;
    const issuer = identity?.extensions?.issuer;
    if (!name || !issuer) return invalid('its certificate names no identity');
    const der = Buffer.from(bundle.verificationMaterial.certificate.rawBytes, 'base64');
    const { payload } = parsed.content.dsseEnvelope;
    return { kind: 'verified', payload, signer: { identity: name, issuer, ...jobIn(der) } };
  } catch (error) {
    return invalid(error instanceof Error ? error.message : String(error));
  }
}

function invalid(reason: string): VerifiedBundle {
  return { kind: 'invalid', reason };
}
