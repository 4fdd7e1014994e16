import type { JobIdentity } from '../protocol/messages.ts';
import type { FieldError } from '../protocol/problem.ts';
import type { TrustedPublisher } from '../protocol/trust/trusted-publisher.ts';
import type { ClaimMismatch } from './claim-check.ts';
import { matchPublisher } from './match-publisher.ts';
import { type VerifyOptions, verifyIdentityToken } from './verify-identity-token.ts';

export interface IdentifyOptions extends VerifyOptions {
  readonly publishers: readonly TrustedPublisher[];
}

export type IdentifyResult =
  | {
      readonly kind: 'trusted';
      readonly publisher: TrustedPublisher;
      readonly job: JobIdentity;
      readonly jti: string;
      /** When the identity token is surely not accepted any more. */
      readonly usableUntil: Date;
    }
  /** Why not: each claim, with what it has to be and what it is. */
  | { readonly kind: 'refused'; readonly errors: readonly FieldError[] }
  | { readonly kind: 'issuer_unavailable'; readonly reason: string };

/** Which job of which publisher an identity token is for. */
export async function identifyJob(token: string, options: IdentifyOptions): Promise<IdentifyResult> {
  const verified = await verifyIdentityToken(token, options);
  if (verified.kind === 'issuer_unavailable') return verified;
  if (verified.kind === 'refused') return refused(verified.mismatches);
  const { claims, issuer, jti, usableUntil } = verified;
  const ofIssuer = options.publishers.filter((publisher) => publisher.issuer === issuer);
  const match = matchPublisher(claims, ofIssuer);
  if (match.kind === 'refused') return refused(match.mismatches);
  return { kind: 'trusted', publisher: match.publisher, job: match.job, jti, usableUntil };
}

function refused(mismatches: readonly ClaimMismatch[]): IdentifyResult {
  const errors = mismatches.map(({ claim, expected, actual }) => ({
    field: claim,
    message: `must be ${expected}, and is ${actual}`,
  }));
  return { kind: 'refused', errors };
}
