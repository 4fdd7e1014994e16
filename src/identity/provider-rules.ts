import type { JobIdentity } from '../protocol/messages.ts';
import type { TrustedPublisher } from '../protocol/trust/trusted-publisher.ts';
import { type ClaimCheck, type Claims, exactly } from './claim-check.ts';
import { matchesRef } from './ref-pattern.ts';

/** How the identity tokens of a CI system describe a job. None of them is read from `sub`, as its form has changed. */
export interface ProviderRules {
  /** Everything that has to hold for a job of the publisher. */
  readonly checks: (publisher: TrustedPublisher, claims: Claims) => readonly ClaimCheck[];
  /** The job, once all checks hold. */
  readonly identify: (publisher: TrustedPublisher, claims: Claims) => JobIdentity;
}

/** A branch or tag: not the ref of a pull request. @param claim the one with the whole ref */
export function refCheck(claim: string, { refs }: Pick<TrustedPublisher, 'refs'>): ClaimCheck {
  const isBranchOrTag = (ref: string) => /^refs\/(?:heads|tags)\/./s.test(ref);
  if (refs.length === 0) {
    return { claim, expected: 'a branch (refs/heads/…) or a tag (refs/tags/…)', accepts: isBranchOrTag };
  }
  return {
    claim,
    expected: `a branch or tag that matches ${refs.join(' or ')}`,
    accepts: (ref) => isBranchOrTag(ref) && refs.some((pattern) => matchesRef(ref, pattern)),
  };
}

export function protectionChecks({ protectedRefs }: Pick<TrustedPublisher, 'protectedRefs'>): ClaimCheck[] {
  return protectedRefs ? [exactly('ref_protected', 'true')] : [];
}
