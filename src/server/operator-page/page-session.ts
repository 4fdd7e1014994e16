import { createHmac, randomUUID, timingSafeEqual } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import type { SigningKey, SigningKeys } from '../../storage/signed-url.ts';

/** Requests of the page have this header: no other website can send it without being let, which none is. */
export const PAGE_HEADER = 'x-synckit-ota-page';

/** How long somebody stays signed in, in milliseconds. */
export const SESSION_LIFE_MS = 12 * 60 * 60 * 1000;

/** Who is signed in at the page: the holder of a token, or of the link that `serve` printed. */
export interface PageSession {
  readonly kind: 'token' | 'operator';
  /** Of the token; of an operator random. */
  readonly id: string;
  /** In milliseconds since 1970. */
  readonly expiresAt: number;
}

/** What sessions are signed with, and where their cookies belong. */
export interface SessionContext {
  readonly signingKeys: SigningKeys;
  readonly publicUrl: () => string;
}

const VALUE = /^(token|operator)\.([0-9a-f-]{36})\.(\d{1,15})\.([0-9a-f]{8})\.([A-Za-z0-9_-]{43})$/;

export function operatorSession(now: Date): PageSession {
  return { kind: 'operator', id: randomUUID(), expiresAt: now.getTime() + SESSION_LIFE_MS };
}

/**
 * The header `Set-Cookie` that signs in: no script can read the cookie, and no other site has the browser send it. It holds
 * no token.
 */
export async function sessionCookie(
  { signingKeys, publicUrl }: SessionContext,
  { kind, id, expiresAt }: PageSession,
): Promise<string> {
  const key = await signingKeys.current();
  const signed = `${kind}.${id}.${expiresAt}.${key.id}`;
  return cookieOf(publicUrl(), `${signed}.${signatureOf(key, signed)}`);
}

/** The header `Set-Cookie` that signs out. */
export function noSessionCookie({ publicUrl }: SessionContext): string {
  return `${cookieOf(publicUrl(), '')}; Max-Age=0`;
}

/** Who a request of the page comes from. @returns undefined for any other request, and for a session that has ended */
export async function findSession(
  { signingKeys, publicUrl }: SessionContext,
  headers: IncomingHttpHeaders,
  now: Date,
): Promise<PageSession | undefined> {
  if (!isFromPage(headers)) return undefined;
  const name = `${cookiePlace(publicUrl()).name}=`;
  const pairs = (headers.cookie ?? '').split(';').map((pair) => pair.trim());
  const value = pairs.find((pair) => pair.startsWith(name))?.slice(name.length) ?? '';
  const [, kind, id = '', expires = '', keyId = '', signature = ''] = VALUE.exec(value) ?? [];
  const key = kind === undefined ? undefined : await signingKeys.find(keyId);
  if (key === undefined || (kind !== 'token' && kind !== 'operator')) return undefined;
  const expected = signatureOf(key, `${kind}.${id}.${expires}.${keyId}`);
  if (!timingSafeEqual(Buffer.from(signature), Buffer.from(expected))) return undefined;
  const expiresAt = Number(expires);
  return expiresAt > now.getTime() ? { kind, id, expiresAt } : undefined;
}

/** Against requests that another site has a browser send. Browsers without `Sec-Fetch-Site` have the header alone. */
export function isFromPage(headers: IncomingHttpHeaders): boolean {
  const site = headers['sec-fetch-site'];
  return headers[PAGE_HEADER] !== undefined && (site === undefined || site === 'same-origin');
}

function cookieOf(publicUrl: string, value: string): string {
  const { name, path, isSecure } = cookiePlace(publicUrl);
  return `${name}=${value}; Path=${path}; HttpOnly; SameSite=Strict${isSecure ? '; Secure' : ''}`;
}

/** With https and no path, a name that no other host of the domain can set (RFC 6265bis, `__Host-`). */
function cookiePlace(publicUrl: string): {
  readonly name: string;
  readonly path: string;
  readonly isSecure: boolean;
} {
  const { protocol, pathname: path } = new URL(publicUrl);
  const isSecure = protocol === 'https:';
  return { name: isSecure && path === '/' ? '__Host-synckit-ota' : 'synckit-ota', path, isSecure };
}

/** Begins with a word that no signature of a URL begins with. */
function signatureOf(key: SigningKey, signed: string): string {
  return createHmac('sha256', key.secret).update(`page-session\n${signed}`).digest('base64url');
}
