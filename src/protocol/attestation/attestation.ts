import { combineStatements, type Manifest, notReplaced } from '../manifest/manifest.ts';
import { parseStatement, type ReleaseStatement } from '../manifest/release-statement.ts';
import { differences, type ExpectedSigner, type Signer } from './signer.ts';
import type { SigstoreBundle } from './sigstore-bundle.ts';
import type { SigstoreRoot } from './trusted-root.ts';
import { verifyBundle } from './verify-bundle.ts';

/** What the bundles of a release say together, each verified, and who has signed them. */
export interface Attestation {
  readonly stated: Manifest;
  readonly signers: readonly [Signer, ...Signer[]];
}

export type AttestationResult =
  | { readonly kind: 'attestation'; readonly attestation: Attestation }
  /** There is no bundle. */
  | { readonly kind: 'none' }
  /** None is by the expected signer. Each reason completes "the attestation …". */
  | { readonly kind: 'unexpected'; readonly reasons: readonly string[] }
  /** `reason` completes "the attestation …". */
  | { readonly kind: 'invalid'; readonly reason: string };

export interface AttestationPolicy {
  readonly root: SigstoreRoot;
  readonly expected: ExpectedSigner;
}

/**
 * Verifies the bundles of a release. Those of others than the expected signer are ignored, and so are those that cannot be
 * verified: anyone with a token for uploads can add one, and must not spoil what the expected signer says.
 */
export function readAttestation(
  bundles: readonly SigstoreBundle[],
  policy: AttestationPolicy,
): AttestationResult {
  if (bundles.length === 0) return { kind: 'none' };
  const read = bundles.map((bundle) => readBundle(bundle, policy));
  const stated = withoutReplaced(read.filter((one) => one.kind === 'stated'));
  const [first, ...others] = stated;
  if (first === undefined) {
    const reasons = read.flatMap((one) => (one.kind === 'unexpected' ? one.reasons : []));
    const invalid = read.find((one) => one.kind === 'invalid');
    return reasons.length > 0 || invalid === undefined ? { kind: 'unexpected', reasons } : invalid;
  }
  const combined = combineStatements([first.statement, ...others.map(({ statement }) => statement)], []);
  if (combined.kind === 'invalid') {
    return { kind: 'invalid', reason: contradiction(stated, combined.reason) };
  }
  const signers: [Signer, ...Signer[]] = [first.signer];
  for (const { signer } of others) if (!signers.some((other) => isSame(other, signer))) signers.push(signer);
  return { kind: 'attestation', attestation: { stated: combined.manifest, signers } };
}

interface Stated {
  readonly kind: 'stated';
  readonly statement: ReleaseStatement;
  readonly signer: Signer;
}
type ReadBundle = Stated | Extract<AttestationResult, { readonly kind: 'unexpected' | 'invalid' }>;

function readBundle(bundle: SigstoreBundle, { root, expected }: AttestationPolicy): ReadBundle {
  const verified = verifyBundle(bundle, root);
  if (verified.kind === 'invalid')
    return { kind: 'invalid', reason: `cannot be verified: ${verified.reason}` };
  const { signer, payload } = verified;
  const reasons = differences(signer, expected);
  if (reasons.length > 0) return { kind: 'unexpected', reasons };
  const parsed = parseStatement(payload);
  if (parsed.kind === 'malformed')
    return { kind: 'invalid', reason: `has a statement that ${parsed.reason}` };
  return { kind: 'stated', statement: parsed.statement, signer };
}

/** What jobs of one repository say later counts instead of what they said before: a draft's files can be replaced. */
function withoutReplaced(all: readonly Stated[]): Stated[] {
  return all.flatMap((one) => {
    const ofSource = all.filter(({ signer }) => sourceOf(signer) === sourceOf(one.signer));
    const statement = notReplaced(
      one.statement,
      ofSource.map((other) => other.statement),
    );
    return statement === undefined ? [] : [{ ...one, statement }];
  });
}

function sourceOf({ issuer, repository, identity }: Signer): string {
  return `${issuer} ${repository?.toLowerCase() ?? identity}`;
}

/** Without an expected signer several may contradict each other. */
function contradiction(all: readonly Stated[], reason: string): string {
  const identities = new Set(all.map(({ signer }) => signer.identity));
  return new Set(all.map(({ signer }) => sourceOf(signer))).size === 1
    ? reason
    : `${reason}, by ${[...identities].join(' and ')}: say who is expected, as anybody can attest`;
}

function isSame(a: Signer, b: Signer): boolean {
  return a.identity === b.identity && a.issuer === b.issuer && a.commit === b.commit && a.run === b.run;
}

/** In what a manifest, signed with a key, says other than an attestation. Each completes "the attestation …". */
export function unattested(manifest: Manifest, { stated }: Attestation): string[] {
  if (manifest.releaseId !== stated.releaseId) return ['is about another release than the manifest'];
  return [...manifest.files].flatMap(([platform, { digest }]) => {
    const attested = stated.files.get(platform);
    if (attested === undefined) return [`says nothing about ${platform}`];
    return attested.digest.sha256 === digest.sha256 ? [] : [`is about another file for ${platform}`];
  });
}
