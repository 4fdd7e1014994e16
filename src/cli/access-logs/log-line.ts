import { parseBoundedJson } from '../../runtime/text/bounded-json.ts';

/** A request, as an access log has it. */
export interface LoggedRequest {
  /** Milliseconds since 1970. */
  readonly time: number;
  readonly address: string;
  /** With the query. */
  readonly path: string;
  readonly status: number;
}

/** Reads the lines of one file, in order. @returns undefined for a line that is no GET, or none at all */
export type LineReader = (line: string) => LoggedRequest | undefined;

export const LOG_FORMATS = ['combined', 'cloudflare', 'cloudfront', 'caddy'] as const;
export type LogFormat = (typeof LOG_FORMATS)[number];

/** No line of a check is longer: only as much is read of one. */
const MAX_LINE = 8192;

/** By the first line that says what it is: Cloudflare's and Caddy's are JSON, and CloudFront's begin with a comment. */
export function formatOf(line: string): LogFormat | undefined {
  if (line.startsWith('{')) {
    const { ClientRequestURI, request } = parseJson(line);
    if (ClientRequestURI !== undefined) return 'cloudflare';
    return typeof request === 'object' ? 'caddy' : undefined;
  }
  if (line.startsWith('#Version:') || line.startsWith('#Fields:')) return 'cloudfront';
  return COMBINED.test(line) ? 'combined' : undefined;
}

export function lineReader(format: LogFormat): LineReader {
  const read =
    format === 'cloudfront'
      ? cloudFrontReader()
      : { combined: readCombined, cloudflare: readCloudflare, caddy: readCaddy }[format];
  return (line) => (line.length > MAX_LINE ? undefined : read(line));
}

/** `203.0.113.9 - - [30/Nov/2026:12:00:00 +0100] "GET /path HTTP/1.1" 200 …`, as nginx and Apache write it. */
const COMBINED =
  /^(\S{1,80}) \S{1,80} \S{1,80} \[([^\]]{1,40})\] "([A-Z]{1,10}) (\S{1,4096}) [^"]{1,20}" (\d{3}) /;
const COMBINED_TIME = /^(\d{2})\/([A-Z][a-z]{2})\/(\d{4}):(\d{2}:\d{2}:\d{2}) ([+-]\d{2})(\d{2})$/;

function readCombined(line: string): LoggedRequest | undefined {
  const [, address = '', when = '', method, path = '', status] = COMBINED.exec(line) ?? [];
  const [, day, month, year, clock, hours, minutes] = COMBINED_TIME.exec(when) ?? [];
  const time = Date.parse(`${day} ${month} ${year} ${clock} ${hours}${minutes}`);
  return toRequest({ time, address, method, path, status: Number(status) });
}

/** A line of Logpush in NDJSON. */
function readCloudflare(line: string): LoggedRequest | undefined {
  const fields = parseJson(line);
  const {
    ClientIP,
    ClientRequestMethod,
    ClientRequestURI,
    EdgeResponseStatus,
    EdgeStartTimestamp: when,
  } = fields;
  return toRequest({
    time: timeOf(when),
    address: String(ClientIP ?? ''),
    method: String(ClientRequestMethod),
    path: String(ClientRequestURI ?? ''),
    status: Number(EdgeResponseStatus),
  });
}

/** A line of Caddy's own access log, which is JSON by default. */
function readCaddy(line: string): LoggedRequest | undefined {
  const { ts, status, request } = parseJson(line);
  const fields: Readonly<Record<string, unknown>> =
    typeof request === 'object' && request !== null ? { ...request } : {};
  const { client_ip: client, remote_ip: remote, method, uri } = fields;
  return toRequest({
    time: timeOf(ts),
    address: String(client ?? remote ?? ''),
    method: String(method),
    path: String(uri ?? ''),
    status: Number(status),
  });
}

/** RFC 3339, or Unix seconds or nanoseconds. */
function timeOf(when: unknown): number {
  if (typeof when !== 'number') return Date.parse(String(when));
  return when > 1e14 ? when / 1e6 : when * 1000;
}

function parseJson(line: string): Record<string, unknown> {
  try {
    const value: unknown = parseBoundedJson(line);
    return typeof value === 'object' && value !== null ? { ...value } : {};
  } catch {
    return {};
  }
}

/** CloudFront's standard logs: columns that the comment `#Fields:` names, divided by tabs. */
function cloudFrontReader(): LineReader {
  let columns: readonly string[] = [];
  return (line) => {
    if (line.startsWith('#')) {
      if (line.startsWith('#Fields:')) columns = line.slice('#Fields:'.length).trim().split(/\s/);
      return undefined;
    }
    const cells = line.split('\t');
    const cell = (name: string) => cells[columns.indexOf(name)] ?? '';
    const query = cell('cs-uri-query');
    return toRequest({
      time: Date.parse(`${cell('date')}T${cell('time')}Z`),
      address: cell('c-ip'),
      method: cell('cs-method'),
      path: cell('cs-uri-stem') + (query === '' || query === '-' ? '' : `?${query}`),
      status: Number(cell('sc-status')),
    });
  };
}

function toRequest({
  method,
  ...request
}: LoggedRequest & { readonly method: string | undefined }): LoggedRequest | undefined {
  const { time, address, path, status } = request;
  const isWhole = method === 'GET' && address !== '' && path.startsWith('/') && Number.isInteger(status);
  return isWhole && Math.abs(time) < 8.64e15 ? request : undefined;
}
