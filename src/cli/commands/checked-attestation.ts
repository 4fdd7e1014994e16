import { OtaError } from '../../errors.ts';
import type { Attestation } from '../../protocol/attestation/attestation.ts';
import type { ExpectedSigner } from '../../protocol/attestation/signer.ts';
import type { SigstoreBundle } from '../../protocol/attestation/sigstore-bundle.ts';
import type { Manifest } from '../../protocol/manifest/manifest.ts';
import type { AttestationsResponse, AttestedJob } from '../../protocol/messages.ts';
import { HOSTED_ISSUERS } from '../../protocol/trust/trusted-publisher.ts';
import { OptionErrors } from '../options/option-errors.ts';
import { readSigstoreRoot } from '../wiring/sigstore.ts';

export interface AttestationOptions {
  readonly attestationIdentity?: string | undefined;
  readonly attestationIssuer?: string | undefined;
  readonly sigstoreRoot?: string | undefined;
}

/** What a server or a file has. */
export interface FoundAttestation {
  readonly bundles: readonly SigstoreBundle[];
  /** Extension `trusted-publishing`: the job that created the release, as the server says. */
  readonly job?: AttestedJob | null | undefined;
}

/** Who said who the signer has to be. */
export type ExpectedBy = 'options' | 'server' | 'none';

export type CheckedAttestation =
  | {
      readonly kind: 'attested';
      readonly attestation: Attestation;
      readonly expectedBy: ExpectedBy;
      /** What the manifest says, and the attestation does not. Each completes "the attestation …". */
      readonly missing: readonly string[];
    }
  /** `reason` is a sentence's end. */
  | { readonly kind: 'refused'; readonly reason: string };

/** The signer that the options ask for: without them anybody. */
export function readExpectedSigner(
  { attestationIdentity: identity, attestationIssuer: given }: AttestationOptions,
  errors: OptionErrors,
): ExpectedSigner | undefined {
  if (!identity) {
    if (given)
      errors.add('--attestation-issuer needs --attestation-identity, as an issuer knows many identities');
    return undefined;
  }
  const issuer = given || hostedIssuer(identity);
  if (issuer === undefined) {
    errors.add(
      '--attestation-identity needs --attestation-issuer, the URL that issues identity tokens, except for github.com and gitlab.com',
    );
  }
  return { identity, issuer };
}

/** The same name may be an identity of several issuers, of which one is meant. */
function hostedIssuer(identity: string): string | undefined {
  if (identity.startsWith('https://github.com/')) return HOSTED_ISSUERS.github;
  return identity.startsWith('https://gitlab.com/') ? HOSTED_ISSUERS.gitlab : undefined;
}

export function foundIn(response: AttestationsResponse | undefined): FoundAttestation | undefined {
  if (response === undefined || response.attestations.length === 0) return undefined;
  return { bundles: response.attestations.map(({ bundle }) => bundle), job: response.provenance };
}

/**
 * Verifies what was attested: by the signer that is expected, else by that of the release's own job.
 * @param manifest what has to be attested
 * @throws OtaError `usage` for a trusted root that cannot be read
 */
export async function checkAttestation(
  { bundles, job }: FoundAttestation,
  options: { readonly expected?: ExpectedSigner | undefined; readonly sigstoreRoot?: string | undefined },
  manifest?: Manifest,
): Promise<CheckedAttestation> {
  const errors = new OptionErrors();
  const root = await readSigstoreRoot(options, errors);
  if (root === undefined) throw errors.toError();
  const { readAttestation, unattested } = await import('../../protocol/attestation/attestation.ts');
  const expected = options.expected ?? { job };
  const result = readAttestation(bundles, { root, expected });
  switch (result.kind) {
    case 'attestation': {
      const expectedBy = options.expected ? 'options' : job ? 'server' : 'none';
      const missing = manifest ? unattested(manifest, result.attestation) : [];
      return { kind: 'attested', attestation: result.attestation, expectedBy, missing };
    }
    case 'none':
      return { kind: 'refused', reason: 'there is no attestation' };
    case 'unexpected':
      return { kind: 'refused', reason: `the attestation ${result.reasons.join('; it ')}` };
    case 'invalid':
      return { kind: 'refused', reason: `the attestation ${result.reason}` };
  }
}

/** @throws OtaError `verification_failed` */
export function requireAttested(
  checked: CheckedAttestation,
): Extract<CheckedAttestation, { kind: 'attested' }> {
  if (checked.kind === 'attested') return checked;
  throw new OtaError('verification_failed', checked.reason, {
    hint: 'Do not install what is served, and find out who has signed it: see docs/publishing/attestations.md.',
  });
}

/** For people. */
export function signerLines({ signers }: Attestation): string[] {
  return signers.flatMap(({ identity, issuer, repository, commit, run }) => [
    `attested by ${identity} (${issuer})`,
    ...(repository && commit ? [`  from ${repository} at ${commit}`] : []),
    ...(run ? [`  ${run}`] : []),
  ]);
}

/** For those who only see that it is attested by somebody. */
export function expectationWarning(expectedBy: ExpectedBy): string | undefined {
  switch (expectedBy) {
    case 'options':
      return undefined;
    case 'server':
      return 'the attestation was compared with the job that the server recorded: pass --attestation-identity to say yourself who it has to be by';
    case 'none':
      return 'anybody can attest: see that this is who should, or pass --attestation-identity';
  }
}
