import type { IncomingHttpHeaders } from 'node:http';

/** What identifies a representation: a strong entity tag, and when it was last changed, where that is known. */
export interface Validators {
  /** In quotes. */
  readonly etag: string;
  readonly lastModified?: Date;
}

/**
 * What the conditions of a GET or HEAD ask for (RFC 9110, section 13.2.2): the representation, of which `Range` may
 * select a part; all of it, because `If-Range` names another one; nothing, because the client has it; or an error.
 */
export type Precondition = 'send' | 'send_whole' | 'not_modified' | 'failed';

/** An entity tag in a list. A tag may hold commas. */
const ENTITY_TAG = /(W\/)?("[!#-~\x80-\xff]*")/g;

/** The three forms of RFC 9110, section 5.6.7. Anything else is no date, and its condition is ignored. */
const HTTP_DATE =
  /^(?:[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} [\d:]{8} GMT|[A-Z][a-z]{5,8}, \d{2}-[A-Z][a-z]{2}-\d{2} [\d:]{8} GMT|[A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]\d [\d:]{8} \d{4})$/;

export function evaluatePreconditions(headers: IncomingHttpHeaders, validators: Validators): Precondition {
  if (isFailed(headers, validators)) return 'failed';
  if (isNotModified(headers, validators)) return 'not_modified';
  const ifRange = headers['if-range'];
  return ifRange === undefined || isSame(String(ifRange), validators) ? 'send' : 'send_whole';
}

/** Bytes of a file from `start` to before `end`. */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

/**
 * A request's range, as far as the file has it (RFC 9110, section 14.1.2), whatever the number of digits; undefined where
 * it has none, several, or an invalid one.
 */
export function requestedRange(
  range: string | undefined,
  size: number,
): ByteRange | 'unsatisfiable' | undefined {
  const [, first = '', last = ''] = /^bytes=[ \t]*(\d*)-(\d*)$/i.exec(range?.trim() ?? '') ?? [];
  if (first === '') return last === '' ? undefined : lastBytes(Number(last), size);
  const start = Number(first);
  if (last !== '' && Number(last) < start) return undefined;
  if (start >= size) return 'unsatisfiable';
  return { start, end: last === '' ? size : Math.min(Number(last) + 1, size) };
}

function lastBytes(count: number, size: number): ByteRange | 'unsatisfiable' {
  return count === 0 ? 'unsatisfiable' : { start: Math.max(0, size - count), end: size };
}

/** Whether `If-None-Match` names the tag, by weak comparison: a proxy that compresses makes a tag weak. */
export function matchesEtag(ifNoneMatch: string, etag: string): boolean {
  return ifNoneMatch.trim() === '*' || namesTag(ifNoneMatch, etag);
}

function isFailed(headers: IncomingHttpHeaders, { etag, lastModified }: Validators): boolean {
  const ifMatch = headers['if-match'];
  if (ifMatch !== undefined) {
    return ifMatch.trim() !== '*' && !namesTag(ifMatch, etag, { strongly: true });
  }
  const unmodifiedSince = parseHttpDate(headers['if-unmodified-since']);
  return (
    unmodifiedSince !== undefined && lastModified !== undefined && isAfter(lastModified, unmodifiedSince)
  );
}

function isNotModified(headers: IncomingHttpHeaders, { etag, lastModified }: Validators): boolean {
  const ifNoneMatch = headers['if-none-match'];
  if (ifNoneMatch !== undefined) return matchesEtag(ifNoneMatch, etag);
  const modifiedSince = parseHttpDate(headers['if-modified-since']);
  return modifiedSince !== undefined && lastModified !== undefined && !isAfter(lastModified, modifiedSince);
}

/** `If-Range` takes one strong tag, or exactly the date. */
function isSame(ifRange: string, { etag, lastModified }: Validators): boolean {
  if (ifRange.includes('"')) return ifRange.trim() === etag;
  const date = parseHttpDate(ifRange);
  return date !== undefined && lastModified !== undefined && inSeconds(date) === inSeconds(lastModified);
}

/** Reads the list only as far as the tag. */
function namesTag(list: string, etag: string, { strongly = false } = {}): boolean {
  for (const [, weak, opaque] of list.matchAll(ENTITY_TAG)) {
    if (opaque === etag && !(strongly && weak !== undefined)) return true;
  }
  return false;
}

function parseHttpDate(text: string | undefined): Date | undefined {
  const trimmed = text?.trim() ?? '';
  if (!HTTP_DATE.test(trimmed)) return undefined;
  const date = new Date(trimmed.endsWith('GMT') ? trimmed : `${trimmed} GMT`);
  return Number.isNaN(date.getTime()) ? undefined : date;
}

function isAfter(a: Date, b: Date): boolean {
  return inSeconds(a) > inSeconds(b);
}

/** HTTP knows no fractions of a second. */
function inSeconds(date: Date): number {
  return Math.floor(date.getTime() / 1000);
}
