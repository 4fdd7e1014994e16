import type { JobIdentity } from '../protocol/messages.ts';
import type { Provider, TrustedPublisher } from '../protocol/trust/trusted-publisher.ts';
import { forgejoRules, githubRules } from './actions-rules.ts';
import { type ClaimMismatch, type Claims, findMismatches } from './claim-check.ts';
import { gitlabRules } from './gitlab-rules.ts';
import type { ProviderRules } from './provider-rules.ts';

const RULES: Readonly<Record<Provider, ProviderRules>> = {
  github: githubRules,
  gitlab: gitlabRules,
  forgejo: forgejoRules,
};

export type MatchResult =
  | { readonly kind: 'matched'; readonly publisher: TrustedPublisher; readonly job: JobIdentity }
  /** No publisher is the job's; why the one that is the least different is not. */
  | { readonly kind: 'refused'; readonly mismatches: readonly ClaimMismatch[] };

/** The publisher that a job belongs to. @param publishers those with the issuer of the claims: one at least */
export function matchPublisher(claims: Claims, publishers: readonly TrustedPublisher[]): MatchResult {
  let closest: readonly ClaimMismatch[] | undefined;
  for (const publisher of publishers) {
    const { checks, identify } = RULES[publisher.provider];
    const mismatches = findMismatches(claims, checks(publisher, claims));
    if (mismatches.length === 0) return { kind: 'matched', publisher, job: identify(publisher, claims) };
    if (closest === undefined || mismatches.length < closest.length) closest = mismatches;
  }
  return { kind: 'refused', mismatches: closest ?? [] };
}
