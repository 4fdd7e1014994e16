import type { Static, TSchema } from 'typebox';
import { OtaError } from '../errors.ts';
import { fieldErrors, matches } from '../protocol/validate.ts';
import { parseBoundedJson } from '../runtime/text/bounded-json.ts';
import { describePage, findFront } from './refusal/front.ts';
import { passLogin } from './refusal/front-refusal.ts';
import { displayUrl, type TransportResponse } from './transport/transport.ts';

/** How much of a response is read. */
export interface ResponseLimit {
  readonly maxBytes: number;
  /** What to do about a response that is larger. */
  readonly tooLarge?: string;
}

/** Of a response that is not a list of all releases. */
const DEFAULT_LIMIT: ResponseLimit = { maxBytes: 16 * 1024 * 1024 };
/** How long a response may take after its headers, in milliseconds; the idle timeout may end it earlier. */
const MAX_RESPONSE_MS = 60_000;

/** Of a response that is said in detail what is wrong with, in characters: each wrong field takes memory. */
const MAX_DESCRIBED = 1024 * 1024;

export interface ResponseOrigin {
  readonly url: URL;
  /** The proxy it came through, as `TransportResponse` names it. */
  readonly proxy?: string | undefined;
}

/** A response after its body was read. */
export interface ReceivedResponse extends ResponseOrigin {
  readonly status: number;
  readonly text: string;
  header(name: string): string | undefined;
}

/** @throws OtaError `network` when the body is too slow, `not_the_api` when it is larger than the limit */
export async function receive(
  response: TransportResponse,
  url: URL,
  limit: ResponseLimit = DEFAULT_LIMIT,
): Promise<ReceivedResponse> {
  const { status, proxy } = response;
  const header = (name: string) => response.header(name);
  return { url, proxy, status, header, text: (await readBytes(response, url, limit)).toString('utf8') };
}

/** Reads a body to its end. @throws OtaError as `receive` */
export async function readBytes(
  response: TransportResponse,
  url: URL,
  { maxBytes, tooLarge }: ResponseLimit,
): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  const start = performance.now();
  for await (const chunk of response.body) {
    if (performance.now() - start > MAX_RESPONSE_MS) {
      throw new OtaError('network', `the response from ${displayUrl(url)} is too slow`);
    }
    size += chunk.length;
    if (size > maxBytes) {
      const message = `the response from ${displayUrl(url)} is larger than ${Math.ceil(maxBytes / 1024 ** 2)} MiB`;
      throw new OtaError('not_the_api', message, { hint: tooLarge });
    }
    chunks.push(Buffer.from(chunk)); // a copy
  }
  return Buffer.concat(chunks);
}

/** @throws OtaError `not_the_api`, naming what came instead of the schema */
export function decodeResponse<T extends TSchema>(schema: T, response: ReceivedResponse): Static<T> {
  const { text } = response;
  let value: unknown;
  try {
    value = parseBoundedJson(text);
  } catch {
    if (isPage(text)) throw pageError(response);
    const what = text.trim() === '' ? 'an empty response' : 'something else';
    throw notTheApi(response, `${what} instead of JSON`);
  }
  if (matches(schema, value)) return value;
  throw notTheApi(
    response,
    `unexpected JSON${text.length > MAX_DESCRIBED ? '' : describeErrors(schema, value)}`,
  );
}

function describeErrors(schema: TSchema, value: unknown): string {
  const errors = fieldErrors(schema, value).map(({ field, message }) => `${field} ${message}`);
  return ` (${errors.slice(0, 3).join('; ')})`;
}

/** The text as the schema describes it, or undefined: for responses that may hold anything. */
export function decodeIfMatching<T extends TSchema>(schema: T, text: string): Static<T> | undefined {
  try {
    const value = parseBoundedJson(text);
    return matches(schema, value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/** HTML, as proxies and login pages send it. */
export function isPage(text: string): boolean {
  return /^\s*</.test(text);
}

/** For a page in place of an answer, which is often a login. */
export function pageError(response: ReceivedResponse): OtaError {
  const front = findFront(response);
  const page = describePage(front);
  if (front.isLogin) return notTheApi(response, page, { hint: passLogin(front) });
  return notTheApi(response, `${page} instead of what was asked for`);
}

/** @param what completes "the server answered with …" */
export function notTheApi(
  origin: ResponseOrigin,
  what: string,
  { hint = CHECK_SERVER }: { readonly hint?: string | undefined } = {},
): OtaError {
  return new OtaError('not_the_api', `${describe(origin)} answered with ${what}`, { hint });
}

const CHECK_SERVER =
  'Check that --server is the base URL of a SyncKit OTA server, without a proxy or login page in front of it.';

/** Where a response came from, as it may be shown. */
export function describe({ url, proxy }: ResponseOrigin): string {
  return displayUrl(url) + (proxy === undefined ? '' : `, through ${proxy},`);
}
