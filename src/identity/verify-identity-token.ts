import { createLocalJWKSet, decodeJwt, decodeProtectedHeader, errors, jwtVerify } from 'jose';
import type { TrustedPublisher } from '../protocol/trust/trusted-publisher.ts';
import { type ClaimMismatch, type Claims, claimOf, shown } from './claim-check.ts';
import type { IssuerKeys } from './issuer-keys.ts';

/** How far the clocks of issuer and server may differ, in seconds. */
export const LEEWAY_S = 30;
/** Asymmetric ones only: with an HMAC, the public key could be used as the secret. */
const ALGORITHMS = [
  ...['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'],
  ...['ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519'],
] as const;
/** It is stored: a UUID, or the like. */
const JTI = /^[\x21-\x7e]{1,255}$/;

export interface VerifyOptions {
  /** Keys are fetched from their issuers only, and no other's tokens are accepted. */
  readonly publishers: readonly Pick<TrustedPublisher, 'issuer' | 'provider'>[];
  readonly audience: string;
  readonly keys: Pick<IssuerKeys, 'find'>;
  readonly now: Date;
}

export type VerifyResult =
  | {
      readonly kind: 'verified';
      readonly claims: Claims;
      readonly issuer: string;
      readonly jti: string;
      /** When it is surely not accepted any more. */
      readonly usableUntil: Date;
    }
  | { readonly kind: 'refused'; readonly mismatches: readonly ClaimMismatch[] }
  | { readonly kind: 'issuer_unavailable'; readonly reason: string };

type Refusal = Extract<VerifyResult, { kind: 'refused' }>;

/** Verifies an identity token (RFC 7519, 8725): its signature, with the keys of an issuer that was configured, and for when and what it was issued. */
export async function verifyIdentityToken(token: string, options: VerifyOptions): Promise<VerifyResult> {
  const unverified = decode(token);
  if (unverified === undefined)
    return refused({ claim: 'token', expected: 'a JSON Web Token', actual: 'something else' });
  const { header, issuer } = unverified;
  const { publishers, keys } = options;
  const issuers = [...new Set(publishers.map((publisher) => publisher.issuer))];
  if (typeof issuer !== 'string' || !issuers.includes(issuer)) {
    const expected = issuers.length === 0 ? 'an issuer that the app trusts' : issuers.map(shown).join(' or ');
    return refused({ claim: 'iss', expected, actual: shown(issuer) });
  }
  if (!ALGORITHMS.some((known) => known === header.alg)) {
    return refused({ claim: 'alg', expected: `one of ${ALGORITHMS.join(', ')}`, actual: shown(header.alg) });
  }
  if (typeof header.kid !== 'string' || header.kid === '') {
    return refused({ claim: 'kid', expected: 'the id of a key', actual: shown(header.kid) });
  }
  const isForgejo = publishers.some((one) => one.issuer === issuer && one.provider === 'forgejo');
  const found = await keys.find(issuer, header.kid);
  if (found.kind === 'unavailable') return { kind: 'issuer_unavailable', reason: found.reason };
  if (found.kind === 'unknown') {
    return refused({ claim: 'kid', expected: `a key of ${issuer}`, actual: shown(header.kid) });
  }
  try {
    const { payload } = await jwtVerify(token, createLocalJWKSet({ keys: [found.key] }), {
      algorithms: [...ALGORITHMS],
      issuer,
      clockTolerance: LEEWAY_S,
      currentDate: options.now,
      requiredClaims: ['exp', 'iat', ...(isForgejo ? [] : ['nbf'])],
    });
    return checkRegistered(payload, { issuer, isForgejo }, options);
  } catch (error) {
    return refused(mismatchOf(error));
  }
}

/** What jose does not check, or not strictly. */
function checkRegistered(
  claims: Claims,
  { issuer, isForgejo }: { readonly issuer: string; readonly isForgejo: boolean },
  { audience, now }: VerifyOptions,
): VerifyResult {
  const [aud, exp, iat, jti] = ['aud', 'exp', 'iat', 'jti'].map((claim) => claimOf(claims, claim));
  const isListed = isForgejo && Array.isArray(aud) && aud.length === 1; // Gitea makes a list of the one that it has
  const latest = Math.floor(now.getTime() / 1000) + LEEWAY_S;
  const mismatches: ClaimMismatch[] = [];
  if ((isListed ? aud[0] : aud) !== audience) {
    mismatches.push({ claim: 'aud', expected: shown(audience), actual: shown(aud) });
  }
  if (typeof iat !== 'number' || iat > latest) {
    mismatches.push({ claim: 'iat', expected: `a time until ${latest}`, actual: shown(iat) });
  }
  if (typeof exp !== 'number' || exp > MAX_TIME_S || (typeof iat === 'number' && exp <= iat)) {
    mismatches.push({ claim: 'exp', expected: 'a time after iat', actual: shown(exp) });
  }
  if (typeof jti !== 'string' || !JTI.test(jti)) {
    mismatches.push({ claim: 'jti', expected: 'a text of 1 to 255 ASCII characters', actual: shown(jti) });
  }
  if (mismatches.length > 0 || typeof jti !== 'string' || typeof exp !== 'number') {
    return { kind: 'refused', mismatches };
  }
  return { kind: 'verified', claims, issuer, jti, usableUntil: new Date((exp + LEEWAY_S) * 1000) };
}

/** The last second that a `Date` can be. */
const MAX_TIME_S = 8_640_000_000_000 - LEEWAY_S;

function decode(token: string) {
  try {
    return { header: decodeProtectedHeader(token), issuer: claimOf(decodeJwt(token), 'iss') };
  } catch {
    return undefined;
  }
}

/** Why jose refused. Nothing that it says has the token in it. */
function mismatchOf(error: unknown): ClaimMismatch {
  if (error instanceof errors.JWTExpired || error instanceof errors.JWTClaimValidationFailed) {
    const { claim, payload } = error;
    return { claim, expected: EXPECTED[claim] ?? 'valid', actual: shown(claimOf(payload, claim)) };
  }
  if (error instanceof errors.JWSSignatureVerificationFailed) {
    return { claim: 'signature', expected: 'made with the key that kid names', actual: 'made with another' };
  }
  if (error instanceof errors.JWKSNoMatchingKey) {
    return { claim: 'alg', expected: 'an algorithm of the key that kid names', actual: 'another' };
  }
  if (error instanceof errors.JOSEError) {
    return { claim: 'token', expected: 'a JSON Web Token', actual: error.code };
  }
  return { claim: 'kid', expected: 'a key that can be used with alg', actual: 'another' };
}

const EXPECTED: Readonly<Record<string, string>> = {
  exp: 'a time in the future',
  nbf: 'a time in the past',
  iat: 'a time in the past',
};

function refused(...mismatches: readonly ClaimMismatch[]): Refusal {
  return { kind: 'refused', mismatches };
}
