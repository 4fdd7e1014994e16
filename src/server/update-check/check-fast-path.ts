import type { IncomingMessage, ServerResponse } from 'node:http';
import { LRUCache } from 'lru-cache';
import { CHANNEL_HEADER } from '../../protocol/channel.ts';
import { COHORT_HEADER, MANUAL_HEADER, parseCohort } from '../../protocol/rollout/cohort.ts';
import type { Clock } from '../../protocol/time.ts';
import type { Tally } from '../counting/check-counter.ts';
import type { CountedClient } from '../counting/client-block.ts';
import type { ForwardedReader } from '../http/client-address.ts';
import type { ServerCounters } from '../metrics/server-counters.ts';
import type { Validity } from './rollouts.ts';

/**
 * A whole response to an update check. It depends on the URL and the header of the channel; where an app has rollouts also
 * on the headers that say who asks, or on the address, and it holds until a time.
 */
export interface CheckResponse {
  readonly status: 200 | 204;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  /** Empty for a 204. */
  readonly body: string;
  /** Where an app has rollouts: for how long these headers are right, too. */
  readonly validity?: Validity | undefined;
  /** The version of the update; absent where there is none. */
  readonly offered?: string;
}

/** Knows whether what was read about an app is current. */
export interface AppStates {
  /** What stands for the app if all in memory is current; the same object for as long as nothing changes. No IO. */
  peek(slug: string): object | undefined;
}

interface Stored extends Pick<CheckResponse, 'status' | 'body'> {
  readonly slug: string;
  /** What the app was when this was its response. */
  readonly state: object;
  readonly etag: string | undefined;
  /** Where an app has rollouts: until when it may be sent, in milliseconds since 1970. */
  readonly until: number | undefined;
  /** Whether it stands for several responses, one for each who asks. */
  readonly isDivided: boolean;
  /** Names and values in turn, which Node writes faster than an object's. */
  readonly headers: string[];
  /** The same of a 304. */
  readonly unchanged: string[];
  readonly counted: CountedRequest | undefined;
}

/** What a response takes in memory besides its URL and its body, in bytes. */
const OVERHEAD = 300;
/** Longer URLs are answered without being kept. */
const MAX_KEY_LENGTH = 512;

/** An `If-None-Match` that every reader understands alike. */
const ONE_TAG = /^(?:W\/)?("[!#-)+\--~]*")$/;

export interface CheckFastPathOptions {
  readonly apps: AppStates;
  readonly clock: Clock;
  /** How much memory the responses may take, in bytes, as if each had a body of its own. */
  readonly maxBytes: number;
  readonly counts?: CountedChecks | undefined;
  readonly counters?: Pick<ServerCounters, 'checks'> | undefined;
}

/** Where checks are counted that are answered here. */
export interface CountedChecks {
  readonly addressOf: ForwardedReader;
  count(tally: Tally, client: CountedClient): void;
}

/** What a response is kept for. */
export interface StoredFor {
  readonly slug: string;
  /** What `peek` returned before the response was computed: if it has changed since, nothing is kept. */
  readonly state: object | undefined;
  /** Undefined where it is not counted. */
  readonly counted?: CountedRequest | undefined;
}

/** A request, all but its client. */
export interface CountedRequest {
  readonly tally: Tally;
  /** The cohort in the URL. */
  readonly cohort: number | undefined;
}

/**
 * Answers repeated update checks before the framework sees them, several times as fast as it could: the framework's
 * route computes the response to a URL once, and it is sent again until the app changes. Everything out of the ordinary
 * is left to the framework.
 */
export class CheckFastPath {
  readonly #apps: AppStates;
  readonly #clock: Clock;
  readonly #counts: CountedChecks | undefined;
  readonly #counters: CheckFastPathOptions['counters'];
  readonly #responses: LRUCache<string, Stored>;
  /** The states found current in this turn of the event loop, by slug. Its requests had arrived when it began. */
  readonly #current = new Map<string, object | undefined>();

  constructor({ apps, clock, maxBytes, counts, counters }: CheckFastPathOptions) {
    this.#apps = apps;
    this.#clock = clock;
    this.#counts = counts;
    this.#counters = counters;
    const sizeCalculation = ({ body }: Stored, key: string) =>
      OVERHEAD + key.length + Buffer.byteLength(body);
    this.#responses = new LRUCache({ maxSize: maxBytes, sizeCalculation });
  }

  /** Keeps the response to a request that the framework has answered. */
  store(request: IncomingMessage, { slug, state, counted }: StoredFor, response: CheckResponse): void {
    const read = readRequest(request);
    if (read === undefined || read.key.length > MAX_KEY_LENGTH) return;
    if (state === undefined || state !== this.#apps.peek(slug)) return;
    const { status, body, validity } = response;
    const { etag } = response.headers;
    const unchanged = Object.entries(headersOfUnchanged(response)).flat();
    const length = { 'content-length': String(Buffer.byteLength(response.body)) };
    const headers = Object.entries({ ...response.headers, ...(status === 200 && length) }).flat();
    const stored = { status, body, etag, headers, unchanged, slug, state, counted, until: validity?.until };
    if (validity === undefined) {
      this.#responses.set(read.key, { ...stored, isDivided: false });
      return;
    }
    this.#responses.set(read.key, { ...stored, body: '', headers: [], unchanged: [], isDivided: true });
    if (validity.by === 'audience') this.#responses.set(keyOfAudience(read), { ...stored, isDivided: false });
  }

  /** @returns false if the request is left to the framework */
  answer(request: IncomingMessage, response: ServerResponse): boolean {
    const read = readRequest(request);
    const found = read && this.#responses.get(read.key);
    if (found === undefined || this.#stateOf(found.slug) !== found.state) return false;
    const stored = found.isDivided ? this.#storedFor(read, found.state) : found;
    if (read === undefined || stored === undefined) return false;
    const { status, headers, body, unchanged, etag } = stored;
    const { ifNoneMatch } = read;
    const isUnchanged = ifNoneMatch !== undefined && namesTag(ifNoneMatch, etag);
    if (isUnchanged === undefined) return false;
    if (isUnchanged) response.writeHead(304, unchanged).end();
    else response.writeHead(status, headers).end(body);
    this.#counters?.checks.count(isUnchanged ? 304 : status);
    this.#count(stored, read, request);
    return true;
  }

  #count({ counted }: Stored, read: ReadRequest, { socket }: IncomingMessage): void {
    if (this.#counts === undefined || counted === undefined) return;
    const address = this.#counts.addressOf(read.forwardedFor, socket.remoteAddress);
    this.#counts.count(counted.tally, { address, cohort: counted.cohort ?? parseCohort(read.cohort) });
  }

  /** Where an app has rollouts. */
  #storedFor(read: ReadRequest | undefined, state: object): Stored | undefined {
    const stored = read && this.#responses.get(keyOfAudience(read));
    if (stored?.until === undefined || stored.state !== state) return undefined;
    return this.#clock().getTime() < stored.until ? stored : undefined;
  }

  #stateOf(slug: string): object | undefined {
    if (this.#current.size === 0) setImmediate(() => this.#current.clear());
    if (!this.#current.has(slug)) this.#current.set(slug, this.#apps.peek(slug));
    return this.#current.get(slug);
  }
}

/** The headers of a 304 in place of a response. */
export function headersOfUnchanged({ headers }: CheckResponse): CheckResponse['headers'] {
  const { 'content-type': _, ...others } = headers;
  return others;
}

interface ReadRequest {
  /** Requests with the same key get the same response, unless the app has rollouts. */
  readonly key: string;
  readonly cohort: string | undefined;
  readonly manual: string | undefined;
  readonly ifNoneMatch: string | undefined;
  readonly forwardedFor: string;
}

/** Reads a GET that a stored response can answer; undefined for any other. Node's `request.headers` would be slower. */
function readRequest({ method, url = '', rawHeaders }: IncomingMessage): ReadRequest | undefined {
  if (method !== 'GET') return undefined;
  let channel: string | undefined;
  let ifNoneMatch: string | undefined;
  let cohort: string | undefined;
  let manual: string | undefined;
  let forwardedFor = '';
  let hosts = 0;
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    const value = rawHeaders[i + 1] ?? '';
    switch (rawHeaders[i]?.toLowerCase()) {
      case CHANNEL_HEADER:
        if (channel !== undefined) return undefined;
        channel = value;
        break;
      case 'if-none-match':
        if (ifNoneMatch !== undefined) return undefined;
        ifNoneMatch = value;
        break;
      case COHORT_HEADER:
        if (cohort !== undefined) return undefined;
        cohort = value;
        break;
      case MANUAL_HEADER:
        if (manual !== undefined) return undefined;
        manual = value;
        break;
      case 'x-forwarded-for':
        forwardedFor = forwardedFor === '' ? value : `${forwardedFor}, ${value}`;
        break;
      case 'host':
        hosts += 1;
        break;
      case 'content-length':
      case 'transfer-encoding':
      case 'expect':
        return undefined;
    }
  }
  if (hosts !== 1) return undefined;
  return {
    key: channel === undefined ? url : `${url}\n${channel}`,
    ifNoneMatch,
    cohort,
    manual,
    forwardedFor,
  };
}

/** A URL begins with a slash, so no key of another kind is like it. Headers have no line ends. */
function keyOfAudience({ key, cohort, manual }: ReadRequest): string {
  const word = (value: string | undefined) => (value === undefined ? '-' : `=${value}`);
  return `${word(cohort)}\n${word(manual)}\n${key}`;
}

/** Undefined where only the framework knows. */
function namesTag(ifNoneMatch: string, etag: string | undefined): boolean | undefined {
  if (ifNoneMatch === etag) return true; // as nearly all are
  const tag = ONE_TAG.exec(ifNoneMatch)?.[1];
  return tag === undefined ? undefined : tag === etag;
}
