import { OtaError } from '../errors.ts';
import { API_ROOT, withoutEndSlashes } from '../protocol/routes.ts';
import { isInternal, isLinkLocal, isOnlyLocal } from '../runtime/network/loopback.ts';

/**
 * Where a URL that a server handed out leads to, as seen from the address that the server was reached at. `elsewhere`: to
 * another host, port or path, which may be meant.
 */
export type HandedOutPlace = 'here' | 'elsewhere' | UnsafePlace;

/**
 * Where a URL from a server must not lead. `only_local`: to the machine that uses it, although the server is another one.
 * `unencrypted`: from https to http. `internal`: into a network that the server is not in, where a request from this
 * machine may do harm; or to a machine's own cloud.
 */
export type UnsafePlace = 'only_local' | 'unencrypted' | 'internal';

/** @param server the server's base URL */
export function placeOf(url: URL, server: URL): HandedOutPlace {
  const unsafe = unsafePlaceOf(url, server);
  if (unsafe !== undefined) return unsafe;
  const isBelow = `${url.pathname}/`.startsWith(`${withoutEndSlashes(server.pathname)}/`);
  return isSameOrigin(url, server) && isBelow ? 'here' : 'elsewhere';
}

/**
 * Whether a URL must not be used. Where both are on this machine, nothing can be read or reached that was not before.
 * @param from what named the URL: the server, or the URL that redirects to it
 */
export function unsafePlaceOf(url: URL, from: URL): UnsafePlace | undefined {
  if (isOnlyLocal(url)) return isOnlyLocal(from) ? undefined : 'only_local';
  if (isLinkLocal(url) && url.hostname !== from.hostname) return 'internal';
  if (from.protocol === 'https:' && url.protocol === 'http:') return 'unencrypted';
  return isInternal(url) && !isInternal(from) ? 'internal' : undefined;
}

/** The names of loopback are one host. */
function isSameOrigin(a: URL, b: URL): boolean {
  if (a.origin === b.origin) return true;
  return isOnlyLocal(a) && isOnlyLocal(b) && a.protocol === b.protocol && a.port === b.port;
}

/** Why URLs on this base are not used, in one clause. */
export function unsafeReason(place: UnsafePlace, url: URL, server: URL): string {
  return `${server.origin} hands out URLs at ${url.origin}, ${whyUnsafe[place]}`;
}

/** Why a redirect is not followed. @param from without what may be secret in it */
export function unsafeRedirect(place: UnsafePlace, url: URL, from: string): OtaError {
  return unsafeUrl(`${from} redirects to ${url.origin}, ${whyUnsafe[place]}`, place);
}

/** @param message says which URL, and why */
export function unsafeUrl(message: string, place: UnsafePlace, hint = correctiveOf(place)): OtaError {
  return new OtaError('not_the_api', message, { hint, issueIds: [`server.${place}_url`] });
}

/** Whether a server's URL was refused for what it could do to this machine, or show to others. */
export function isUnsafeUrlError({ issueIds }: OtaError): boolean {
  return issueIds.some((id) => id === 'server.unencrypted_url' || id === 'server.internal_url');
}

const whyUnsafe: Readonly<Record<UnsafePlace, string>> = {
  only_local: 'which leads every other machine to itself',
  unencrypted: 'which is not encrypted, although the server is reached by https',
  internal: 'an address inside a network, where a server must not send others',
};

/** What an administrator can do about an unsafe URL. */
export function correctiveOf(place: UnsafePlace): string {
  const addresses = place === 'unencrypted' ? 'https addresses' : 'addresses that everyone reaches';
  return `Start the server with --public-url, and --s3-public-endpoint where it has a bucket, set to ${addresses}.`;
}

/** The warning about URLs that lead to another place than the server was reached at, which may be meant. */
export function elsewhereWarning(url: URL, server: URL): string {
  return (
    `${baseOf(server)} hands out URLs at ${url.origin}${url.origin === server.origin ? ' under another path' : ''}: ` +
    'if that is not where its users reach it, its --public-url is missing or stale'
  );
}

/** What an administrator can do about URLs that lead elsewhere. */
export const SET_PUBLIC_URL =
  'Start the server with --public-url set to the address that its users reach; it is missing or stale.';

const CHECK_STORAGE =
  "Check that the server's storage can be reached from here; with S3, its --s3-public-endpoint, or else --s3-endpoint, has to be an address that everyone reaches.";

/**
 * Sends a request to a URL that a server handed out. An error names the server, since the address comes from it alone.
 * @throws OtaError `not_the_api` when the URL is unsafe; whatever `send` throws
 */
export async function atHandedOutUrl<T>(url: string, server: URL, send: () => Promise<T>): Promise<T> {
  if (!URL.canParse(url)) return send();
  const parsed = new URL(url);
  const unsafe = unsafePlaceOf(parsed, server);
  if (unsafe !== undefined) {
    const hint = unsafe === 'only_local' ? hintFor(parsed) : undefined;
    throw unsafeUrl(unsafeReason(unsafe, parsed, server), unsafe, hint);
  }
  try {
    return await send();
  } catch (error) {
    throw error instanceof OtaError ? withSource(error, parsed, server) : error;
  }
}

/** The error with where the address came from, if that could explain it. */
export function withSource(error: OtaError, url: URL, server: URL): OtaError {
  const { code, status, inFront, retryAfterMs, issueIds } = error;
  // What a storage answers is its own matter; that it does not answer may be the address.
  const isExplained = isOfApi(url) ? code !== 'conflict' : status === undefined;
  if (isSameOrigin(url, server) || !isExplained) return error;
  const source = `${baseOf(server)} handed out this address, it was not given here`;
  // What is wrong with a certificate, or what something in front wants, is no matter of the address.
  const isOwnMatter = inFront || (code === 'usage' && status === undefined);
  const hint = isOwnMatter ? error.hint : hintFor(url);
  return new OtaError(code, `${error.message} (${source})`, {
    cause: error,
    hint,
    status,
    inFront,
    retryAfterMs,
    issueIds,
  });
}

function hintFor(url: URL): string {
  return isOfApi(url) ? SET_PUBLIC_URL : CHECK_STORAGE;
}

/** Whether it starts with the server's own public URL, and not with its storage's. */
function isOfApi({ pathname }: URL): boolean {
  return pathname.includes(API_ROOT);
}

function baseOf({ origin, pathname }: URL): string {
  return origin + withoutEndSlashes(pathname);
}

/** Whether a URL and the server are on this machine, where updates are only tried. */
export function areBothLocal(url: URL, server: URL): boolean {
  return isOnlyLocal(url) && isOnlyLocal(server);
}
