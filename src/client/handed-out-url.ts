import { OtaError } from '../errors.ts';
import { API_ROOT } from '../protocol/routes.ts';
import { isOnlyLocal } from '../runtime/loopback.ts';

/**
 * Where a URL that a server handed out leads to, as seen from the address that the server was reached at.
 * `only_local`: to the machine that uses it, although the server is another one. `elsewhere`: to another host, port or
 * path, which may be meant.
 */
export type HandedOutPlace = 'here' | 'elsewhere' | 'only_local';

/** @param server the server's base URL */
export function placeOf(url: URL, server: URL): HandedOutPlace {
  if (isOnlyLocal(url) && !isOnlyLocal(server)) return 'only_local';
  const isBelow = `${url.pathname}/`.startsWith(`${server.pathname.replace(/\/+$/, '')}/`);
  return isSameOrigin(url, server) && isBelow ? 'here' : 'elsewhere';
}

/** The names of loopback are one host. */
function isSameOrigin(a: URL, b: URL): boolean {
  if (a.origin === b.origin) return true;
  return isOnlyLocal(a) && isOnlyLocal(b) && a.protocol === b.protocol && a.port === b.port;
}

/** Why installed apps cannot use URLs on this base, in one clause. */
export function onlyLocalReason(url: URL, server: URL): string {
  return `${server.origin} hands out URLs at ${url.origin}, which leads every other machine to itself`;
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
  "Check that the server's storage can be reached from here; with S3, its --s3-endpoint has to be an address that everyone reaches.";

/**
 * Sends a request to a URL that a server handed out. An error names the server, since the address comes from it alone.
 * @throws OtaError `not_the_api` when no other machine than the server can use the URL; whatever `send` throws
 */
export async function atHandedOutUrl<T>(url: string, server: URL, send: () => Promise<T>): Promise<T> {
  if (!URL.canParse(url)) return send();
  const parsed = new URL(url);
  if (placeOf(parsed, server) === 'only_local') {
    throw new OtaError('not_the_api', onlyLocalReason(parsed, server), { hint: hintFor(parsed) });
  }
  try {
    return await send();
  } catch (error) {
    throw error instanceof OtaError ? withSource(error, parsed, server) : error;
  }
}

/** The error with where the address came from, if that could explain it. */
export function withSource(error: OtaError, url: URL, server: URL): OtaError {
  const { code, status, retryAfterMs, issueIds } = error;
  // What a storage answers is its own matter; that it does not answer may be the address.
  const isExplained = isOfApi(url) ? code !== 'conflict' : status === undefined;
  if (isSameOrigin(url, server) || !isExplained) return error;
  const source = `${baseOf(server)} handed out this address, it was not given here`;
  const hint = hintFor(url);
  return new OtaError(code, `${error.message} (${source})`, {
    cause: error,
    hint,
    status,
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
  return origin + pathname.replace(/\/+$/, '');
}

/** Whether a URL and the server are on this machine, where updates are only tried. */
export function areBothLocal(url: URL, server: URL): boolean {
  return isOnlyLocal(url) && isOnlyLocal(server);
}
