import { createHmac, timingSafeEqual } from 'node:crypto';

/** A secret that signs URLs, and the name by which each URL tells which one signed it. */
export interface SigningKey {
  readonly id: string;
  readonly secret: Buffer;
}

/** Where the keys are kept: the newest signs, any known one verifies, so keys rotate under issued URLs. */
export interface SigningKeys {
  current(): Promise<SigningKey>;
  find(id: string): Promise<SigningKey | undefined>;
}

export type UrlMethod = 'GET' | 'PUT';

/** The only query that is accepted, character for character: nothing that decodes to the same can stand for it. */
const SIGNED_TARGET = /^([^?]+)\?expires=(\d{1,12})&key=([0-9a-f]{8})&signature=([A-Za-z0-9_-]{43})$/;

/**
 * Signs a path for one method until a time.
 * @param path absolute path on the server, encoded as it will be requested, without a query
 * @returns the path with its query
 */
export async function signPath(
  keys: SigningKeys,
  method: UrlMethod,
  path: string,
  expiresAt: Date,
): Promise<string> {
  const key = await keys.current();
  const expires = String(Math.floor(expiresAt.getTime() / 1000));
  const signature = sign(key, method, path, expires);
  return `${path}?expires=${expires}&key=${key.id}&signature=${signature}`;
}

/**
 * Holds a request's target against its signature, on the raw text as it came.
 * @returns `valid`, or why not: `refused` for anything that was not signed here
 */
export async function verifyTarget(
  keys: SigningKeys,
  method: UrlMethod,
  target: string,
  now: Date,
): Promise<'valid' | 'expired' | 'refused'> {
  const [, path, expires, keyId, signature] = SIGNED_TARGET.exec(target) ?? [];
  if (!path || !expires || !keyId || !signature) return 'refused';
  const key = await keys.find(keyId);
  if (key === undefined) return 'refused';
  const expected = sign(key, method, path, expires);
  if (!timingSafeEqual(Buffer.from(signature), Buffer.from(expected))) return 'refused';
  return Number(expires) * 1000 > now.getTime() ? 'valid' : 'expired';
}

function sign(key: SigningKey, method: UrlMethod, path: string, expires: string): string {
  return createHmac('sha256', key.secret)
    .update(`${method}\n${path}\n${expires}\n${key.id}`)
    .digest('base64url');
}
