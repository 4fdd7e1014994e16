import { createHmac, timingSafeEqual } from 'node:crypto';

/** A secret that signs URLs; its id stands in each URL it signed. */
export interface SigningKey {
  readonly id: string;
  readonly secret: Buffer;
}

/** The newest key signs, every known one verifies: keys rotate without invalidating issued URLs. */
export interface SigningKeys {
  current(): Promise<SigningKey>;
  find(id: string): Promise<SigningKey | undefined>;
}

export type UrlMethod = 'GET' | 'PUT';

/** What a signature covers, beside the key. */
export interface SignedRequest {
  readonly method: UrlMethod;
  /** Absolute path on the server, encoded as it will be requested, without a query. */
  readonly path: string;
  readonly expiresAt: Date;
}

export interface RequestTarget {
  readonly method: UrlMethod;
  /** Path and query, exactly as the client sent them. */
  readonly target: string;
}

/** The only accepted query, character by character: no other spelling that decodes to the same is accepted. */
const SIGNED_TARGET = /^([^?]+)\?expires=(\d{1,12})&key=([0-9a-f]{8})&signature=([A-Za-z0-9_-]{43})$/;

/** Signs a path for one method until a time. @returns the path with its query */
export async function signPath(
  keys: SigningKeys,
  { method, path, expiresAt }: SignedRequest,
): Promise<string> {
  const key = await keys.current();
  const expires = String(Math.floor(expiresAt.getTime() / 1000));
  const signature = sign(key, [method, path, expires]);
  return `${path}?expires=${expires}&key=${key.id}&signature=${signature}`;
}

/** Verifies a request target. @returns `refused` for anything that was not signed with one of these keys */
export async function verifyTarget(
  keys: SigningKeys,
  { method, target }: RequestTarget,
  now: Date,
): Promise<'valid' | 'expired' | 'refused'> {
  const [, path, expires, keyId, signature] = SIGNED_TARGET.exec(target) ?? [];
  if (!path || !expires || !keyId || !signature) return 'refused';
  const key = await keys.find(keyId);
  if (key === undefined) return 'refused';
  const expected = sign(key, [method, path, expires]);
  if (!timingSafeEqual(Buffer.from(signature), Buffer.from(expected))) return 'refused';
  return Number(expires) * 1000 > now.getTime() ? 'valid' : 'expired';
}

function sign(key: SigningKey, signed: readonly [method: UrlMethod, path: string, expires: string]): string {
  return createHmac('sha256', key.secret)
    .update([...signed, key.id].join('\n'))
    .digest('base64url');
}
