import { TrustedRoot } from '@sigstore/protobuf-specs';
import seeds from '@sigstore/tuf/seeds.json' with { type: 'json' };
import { type TrustMaterial, toTrustMaterial } from '@sigstore/verify';
import { parseBoundedJson } from '../../runtime/text/bounded-json.ts';

/** The keys of a Sigstore instance, and what it has: a bundle needs an entry of each kind of log there is. */
export interface SigstoreRoot {
  readonly material: TrustMaterial;
  readonly hasLogs: boolean;
  readonly hasCertificateLogs: boolean;
}

/** The public Sigstore instance, as Sigstore's own client has it built in. Nothing is asked for it at run time. */
export function publicRoot(): SigstoreRoot {
  const { targets } = seeds['https://tuf-repo-cdn.sigstore.dev'];
  const root = parseRoot(Buffer.from(targets['trusted_root.json'], 'base64').toString('utf8'));
  if (root === undefined) throw new Error('the trusted root of Sigstore cannot be read');
  return root;
}

/** @param text a `trusted_root.json`; undefined for anything else */
export function parseRoot(text: string): SigstoreRoot | undefined {
  try {
    const root = TrustedRoot.fromJSON(parseBoundedJson(text));
    if (root.certificateAuthorities.length === 0) return undefined;
    return {
      material: toTrustMaterial(root),
      hasLogs: root.tlogs.length > 0,
      hasCertificateLogs: root.ctlogs.length > 0,
    };
  } catch {
    return undefined;
  }
}
