import type { Static, TSchema } from 'typebox';
import { OtaError, type OtaErrorCode } from '../errors.ts';
import { ProblemBody, type ProblemCode } from '../protocol/problem.ts';
import { fieldErrors, matches } from '../protocol/validate.ts';
import { parseRetryAfter } from './retry.ts';
import { displayUrl, type TransportResponse } from './transport/transport.ts';

/** Largest response that is read, in bytes: a list of about ten thousand releases. */
const MAX_RESPONSE_BYTES = 16 * 1024 * 1024;
/** How long a response may take after its headers, in milliseconds; the idle timeout may end it earlier. */
const MAX_RESPONSE_MS = 60_000;
/** How much of a server's message is shown, in characters. */
const MAX_SHOWN_LENGTH = 500;

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

/** @throws OtaError `network` when the body is too slow, `not_the_api` when it is larger than `maxBytes` */
export async function receive(
  response: TransportResponse,
  url: URL,
  maxBytes = MAX_RESPONSE_BYTES,
): Promise<ReceivedResponse> {
  const { status, proxy } = response;
  const header = (name: string) => response.header(name);
  return { url, proxy, status, header, text: await readText(response, url, maxBytes) };
}

async function readText(response: TransportResponse, url: URL, maxBytes: number): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  const start = performance.now();
  for await (const chunk of response.body) {
    if (performance.now() - start > MAX_RESPONSE_MS) {
      throw new OtaError('network', `the response from ${displayUrl(url)} is too slow`);
    }
    size += chunk.length;
    if (size > maxBytes) {
      throw new OtaError('not_the_api', `the response from ${displayUrl(url)} is too large`);
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

/** @throws OtaError `not_the_api`, naming what came instead of the schema */
export function decodeResponse<T extends TSchema>(schema: T, response: ReceivedResponse): Static<T> {
  const { text } = response;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    const what = isPage(text) ? 'an HTML page' : text.trim() === '' ? 'an empty response' : 'something else';
    throw notTheApi(response, `${what} instead of JSON`);
  }
  if (matches(schema, value)) return value;
  const errors = fieldErrors(schema, value).map(({ field, message }) => `${field} ${message}`);
  throw notTheApi(response, `unexpected JSON (${errors.slice(0, 3).join('; ')})`);
}

/** The text as the schema describes it, or undefined: for responses that may hold anything. */
export function decodeIfMatching<T extends TSchema>(schema: T, text: string): Static<T> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return matches(schema, value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/** HTML, as proxies and login pages send it. */
export function isPage(text: string): boolean {
  return /^\s*</.test(text);
}

/** @param what completes "the server answered with …" */
export function notTheApi(origin: ResponseOrigin, what: string): OtaError {
  return new OtaError('not_the_api', `${describe(origin)} answered with ${what}`, {
    hint: 'Check that --server is the base URL of a SyncKit OTA server, without a proxy or login page in front of it.',
  });
}

function describe({ url, proxy }: ResponseOrigin): string {
  return displayUrl(url) + (proxy === undefined ? '' : `, through ${proxy},`);
}

/** The error for a response other than 2xx. Decided by the status, never by the text; any body is accepted. */
export function responseError(response: ReceivedResponse, now: Date): OtaError {
  const { status, url, text } = response;
  if (status < 300) return notTheApi(response, `status ${status}, which the API does not use`);
  if (status < 400) {
    const location = response.header('location') ?? '';
    const to = URL.canParse(location, url.href) ? ` to ${displayUrl(new URL(location, url))}` : '';
    return notTheApi(response, `a redirect (${status})${to}, not followed, to keep the token safe`);
  }
  const message = `${describe(response)}: ${problemDetail(text) ?? `status ${status}`}`;
  return new OtaError(errorCodeOf(status), message, {
    status,
    hint: problemHints.get(problemCode(text) ?? '') ?? hints[status],
    retryAfterMs: parseRetryAfter(response.header('retry-after'), now),
  });
}

function problemCode(text: string): string | undefined {
  return decodeIfMatching(ProblemBody, text)?.code;
}

/** A problem's message as it may be shown: without what a terminal would obey. */
function problemDetail(text: string): string | undefined {
  const problem = decodeIfMatching(ProblemBody, text);
  const words = problem?.detail ?? problem?.title;
  return words?.replace(/\p{C}+/gu, ' ').slice(0, MAX_SHOWN_LENGTH);
}

/**
 * The exit code, and with it whether the request is tried again: `network` is (`retryable` in errors.ts). Decide by
 * `hasStatus` what a status means for a request.
 */
function errorCodeOf(status: number): OtaErrorCode {
  if (status === 401 || status === 403) return 'unauthorized';
  if (status === 404) return 'usage';
  if (status === 409) return 'conflict';
  if (status === 408 || status === 425 || status === 429 || status >= 500) return 'network';
  return 'preflight_refused';
}

/** By a problem's code. */
const problemHints: ReadonlyMap<string, string> = new Map<ProblemCode, string>([
  [
    'would_strand',
    'Publish a release first that leads them on. `publish`, `publish finish` and `releases` leave them behind with --allow-stranding.',
  ],
  ['wrong_signing_key', 'Sign all files of a release with the same key.'],
]);

const hints: Readonly<Record<number, string>> = {
  401: 'Give a valid token with --token-file or SYNCKIT_OTA_TOKEN.',
  403: 'Use a token with the required scope.',
  404: 'Check --server and the id, slug or version that was given.',
  429: 'Wait a while, then run the same command again.',
  507: 'Free space on the server, then run the same command again.',
};
