import { UnsecuredJWT } from 'jose';
import { onTestFinished } from 'vitest';
import { readSigningConfig } from '../../../src/client/attestation/sigstore-services.ts';
import { SigstoreSigner } from '../../../src/client/attestation/sigstore-signer.ts';
import { Retry } from '../../../src/client/retry.ts';
import { UndiciTransport } from '../../../src/client/transport/transport.ts';
import type { SigstoreBundle } from '../../../src/protocol/attestation/sigstore-bundle.ts';
import { parseRoot, type SigstoreRoot } from '../../../src/protocol/attestation/trusted-root.ts';
import { githubClaims } from '../identity/job-claims.ts';
import { attestedStatement, type EnvelopeFields } from '../publish/signed-envelope.ts';
import { type SigstoreInstance, type SigstoreService, startSigstore } from './sigstore-instance.ts';

export const GITHUB = 'https://token.actions.githubusercontent.com';
export const WORKFLOW = 'https://github.com/octo/my-app/.github/workflows/release.yml';

/** An identity token of a job on GitHub with these claims, which no one has signed. */
export function identityToken(claims: object = {}): string {
  const at = Math.floor(Date.now() / 1000);
  return new UnsecuredJWT({ ...githubClaims(GITHUB, 'sigstore', at), ...claims }).encode();
}

export interface AttestedWorld {
  readonly sigstore: SigstoreInstance;
  readonly root: SigstoreRoot;
  signer(claims?: object, ...services: readonly SigstoreService[]): SigstoreSigner;
  /** A bundle about a release with these fields. */
  attest(fields: EnvelopeFields, claims?: object): Promise<SigstoreBundle>;
}

export async function startAttestedWorld(): Promise<AttestedWorld> {
  const sigstore = await startSigstore();
  const root = requireRoot(sigstore.root());
  const transport = new UndiciTransport();
  onTestFinished(() => transport.close());
  const signer: AttestedWorld['signer'] = (claims = {}, ...services) => {
    const config = sigstore.config(...(services.length > 0 ? services : (['log'] as const)));
    const read = readSigningConfig(JSON.stringify(config), new Date());
    if (read.kind === 'unusable') throw new Error(read.reason);
    return new SigstoreSigner({
      ...{ services: read.services, root, transport, onSecret: () => {} },
      identities: { hasAnother: false, next: async () => identityToken(claims) },
      retry: new Retry({ sleep: async () => {} }),
    });
  };
  return {
    ...{ sigstore, root, signer },
    attest: async (fields, claims) => (await signer(claims).attest(attestedStatement(fields))).bundle,
  };
}

export function requireRoot(root: object): SigstoreRoot {
  const parsed = parseRoot(JSON.stringify(root));
  if (parsed === undefined) throw new Error('no trusted root');
  return parsed;
}
