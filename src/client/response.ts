import type { Static, TSchema } from 'typebox';
import { OtaError, type OtaErrorCode } from '../errors.ts';
import { ProblemBody } from '../protocol/problem.ts';
import { fieldErrors, matches } from '../protocol/validate.ts';
import { parseRetryAfter } from './retry.ts';
import { displayUrl, type TransportResponse } from './transport/transport.ts';

/** Largest answer that is read, in bytes: a list of some ten thousand releases. */
const MAX_ANSWER_BYTES = 16 * 1024 * 1024;
/** How long an answer may take from its head to its end, in milliseconds; silence ends it before that. */
const MAX_ANSWER_MS = 60_000;
/** What is shown of what a server says, in characters. */
const MAX_SHOWN_LENGTH = 500;

/** Reads an answer to its end, and no further and no longer than is sensible. */
export async function readText(response: TransportResponse, url: URL): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  const begun = performance.now();
  for await (const chunk of response.body) {
    if (performance.now() - begun > MAX_ANSWER_MS) {
      throw new OtaError('network', `the answer of ${displayUrl(url)} only trickles in`);
    }
    size += chunk.length;
    if (size > MAX_ANSWER_BYTES) {
      throw new OtaError('not_the_api', `the answer of ${displayUrl(url)} does not end`);
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

/**
 * Decodes a 2xx answer.
 * @param proxy what it came through, as `TransportResponse` says
 * @throws OtaError `not_the_api`, naming what came instead
 */
export function decodeResponse<T extends TSchema>(
  schema: T,
  text: string,
  url: URL,
  proxy?: string,
): Static<T> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    const what = isPage(text) ? 'an HTML page' : text.trim() === '' ? 'an empty answer' : 'something else';
    throw notTheApi(url, `${what} instead of JSON`, proxy);
  }
  if (matches(schema, value)) return value;
  const issues = fieldErrors(schema, value).map(({ field, message }) => `${field} ${message}`);
  throw notTheApi(url, `JSON of another shape (${issues.slice(0, 3).join('; ')})`, proxy);
}

/** The text as what the schema says, or undefined: for answers that may be anything. */
export function decodeIfMatching<T extends TSchema>(schema: T, text: string): Static<T> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return matches(schema, value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/** Whether an answer is HTML, as proxies and login pages send it. */
export function isPage(text: string): boolean {
  return /^\s*</.test(text);
}

export function notTheApi(url: URL, what: string, proxy?: string): OtaError {
  return new OtaError('not_the_api', `${displayUrl(url)}${through(proxy)} answered ${what}`, {
    hint: 'Check that --server is the base URL of a SyncKit OTA server, without a proxy or login page before it.',
  });
}

function through(proxy: string | undefined): string {
  return proxy === undefined ? '' : `, through ${proxy},`;
}

/** What an answer other than 2xx means. Decided by status and `code`, never by text; any body is accepted. */
export function failureOf(response: TransportResponse, text: string, url: URL, now: Date): OtaError {
  const { status, proxy } = response;
  if (status < 300) return notTheApi(url, `the status ${status}, which is not one of the API`, proxy);
  if (status < 400) {
    const location = response.header('location') ?? '';
    const to = URL.canParse(location, url.href) ? ` to ${displayUrl(new URL(location, url))}` : '';
    return notTheApi(
      url,
      `a redirect (${status})${to}, which is not followed: what is sent is for one place only`,
      proxy,
    );
  }
  const message = `${displayUrl(url)}${through(proxy)}: ${saidIn(text) ?? `status ${status}`}`;
  return new OtaError(errorCodeOf(status), message, {
    hint: hints[status],
    retryAfterMs: parseRetryAfter(response.header('retry-after'), now),
  });
}

/** What a problem says, as it may be shown: no terminal is to obey a server. */
function saidIn(text: string): string | undefined {
  const problem = decodeIfMatching(ProblemBody, text);
  const words = problem?.detail ?? problem?.title;
  return words?.replace(/\p{C}+/gu, ' ').slice(0, MAX_SHOWN_LENGTH);
}

function errorCodeOf(status: number): OtaErrorCode {
  if (status === 401 || status === 403) return 'unauthorized';
  if (status === 404) return 'usage';
  if (status === 409) return 'conflict';
  if (status === 408 || status === 425 || status === 429 || status >= 500) return 'network';
  return 'preflight_refused';
}

const hints: Readonly<Record<number, string>> = {
  401: 'Give a valid token with --token-file or SYNCKIT_OTA_TOKEN.',
  403: 'Use a token that has the right to do this.',
  404: 'Check --server and the id, slug or version that was given.',
  429: 'Wait a while, then run the same command again.',
  507: 'Free space on the server, then run the same command again.',
};
