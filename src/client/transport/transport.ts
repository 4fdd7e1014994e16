import type { Readable } from 'node:stream';
import { Agent, type Dispatcher, errors, request } from 'undici';
import { OtaError } from '../../errors.ts';
import { readChunks } from '../../runtime/read-chunks.ts';
import { GuardedLookup } from './guarded-lookup.ts';
import { networkError } from './network-error.ts';
import { mayBeProtocolFault, protocolFault } from './protocol-fault.ts';
import { displayProxy, openProxyAgent, proxyNetworkError, proxyRefusal } from './proxy-agent.ts';
import { type ProxySettings, proxyFor } from './proxy-settings.ts';

export interface TransportRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  /** Text is sent as it is; a stream needs a `content-length` header. */
  readonly body?: string | AsyncIterable<Uint8Array>;
  /** How long the response's headers may take, and its body may stall, in milliseconds; 0: no limit. */
  readonly idleTimeoutMs: number;
  /** The server named this URL: it must not lead into a network that the server is not in. */
  readonly handedOut?: boolean;
  /** Without the headers that are added for one origin: as installed apps ask. */
  readonly asApp?: boolean;
  readonly signal?: AbortSignal | undefined;
}

/** Headers that are added to every request to one origin, and to no other. */
export interface OriginHeaders {
  readonly origin: string;
  /** By name, in lower case. They may be secret. */
  readonly headers: Readonly<Record<string, string>>;
}

export interface TransportResponse {
  readonly status: number;
  header(name: string): string | undefined;
  /** To be read to its end, or its iterator returned. Each chunk is valid only until the next is asked for. */
  readonly body: AsyncIterable<Uint8Array>;
  /** The proxy it came through, for people; undefined: none. */
  readonly proxy?: string | undefined;
}

/** The seam to the network. Rejects as `networkError` says when there is no response. */
export interface Transport {
  send(request: TransportRequest): Promise<TransportResponse>;
}

const CONNECT_TIMEOUT_MS = 10_000;
/** Interim responses (1xx) to one request. Servers send one or two. */
const MAX_INFOS = 100;

/** `undici.request` and not `fetch`, which keeps a streamed body in memory. Redirects are not followed. */
export class UndiciTransport implements Transport {
  readonly #direct: Agent;
  /** For URLs that a server named. */
  readonly #guarded: Agent;
  readonly #proxies: ProxySettings;
  readonly #proxyAgents = new Map<string, Dispatcher>();
  readonly #added: OriginHeaders | undefined;
  /** The origins that a response came from. */
  readonly #known = new Set<string>();
  /** What was found out about other origins, each time with one connection more. */
  readonly #faults = new Map<string, Promise<OtaError | undefined>>();

  /** @param added for the origin of the server, which `handedOut` URLs are measured by */
  constructor(proxies: ProxySettings = { bypass: [] }, added?: OriginHeaders) {
    this.#proxies = proxies;
    this.#added = added;
    const guard = added && new GuardedLookup(new URL(added.origin));
    const timeout = CONNECT_TIMEOUT_MS;
    this.#direct = new Agent({ connect: { timeout, ...(guard && { lookup: guard.trusted }) } });
    this.#guarded = new Agent({ connect: { timeout, ...(guard && { lookup: guard.handedOut }) } });
  }

  async send({
    method,
    url,
    headers,
    body,
    idleTimeoutMs,
    asApp = false,
    handedOut = false,
    signal,
  }: TransportRequest): Promise<TransportResponse> {
    const proxy = proxyFor(url, this.#proxies);
    const start = performance.now();
    let infos = 0;
    try {
      const responding = request(url, {
        dispatcher: proxy ? this.#agentFor(proxy) : handedOut ? this.#guarded : this.#direct,
        method,
        headers: { 'user-agent': 'synckit-ota', ...(!asApp && this.#addedFor(url)), ...headers },
        headersTimeout: idleTimeoutMs,
        bodyTimeout: idleTimeoutMs,
        // Each "Early Hints" restarts undici's own timeout for the headers.
        onInfo: () => {
          infos += 1;
          if (infos > MAX_INFOS) throw tooManyInfos(url);
          if (idleTimeoutMs > 0 && performance.now() - start > idleTimeoutMs)
            throw new errors.HeadersTimeoutError();
        },
        // undici's types leave out async iterables, which it takes: "Parameter: DispatchOptions", body
        body: (body as string | Readable | undefined) ?? null,
        signal: signal ?? null,
      });
      const response = await (signal ? untilAborted(responding, signal) : responding);
      this.#known.add(url.origin);
      return {
        status: response.statusCode,
        header: (name) => single(response.headers[name]),
        body: withNetworkErrors(response.body, url, proxy),
        proxy: proxy && displayProxy(proxy),
      };
    } catch (error) {
      const isUnknown = proxy === undefined && !signal?.aborted && !this.#known.has(url.origin);
      if (isUnknown && mayBeProtocolFault(error)) {
        const fault = this.#faults.get(url.origin) ?? protocolFault(error, url);
        this.#faults.set(url.origin, fault);
        const found = await fault;
        if (found !== undefined) throw found;
      }
      throw connectionError(url, proxy, error);
    }
  }

  /** Ends all connections, also those being opened, so that the process can end. */
  async close(): Promise<void> {
    const agents = [this.#direct, this.#guarded, ...this.#proxyAgents.values()];
    await Promise.all(agents.map((agent) => agent.destroy()));
  }

  #addedFor({ origin }: URL): Readonly<Record<string, string>> | undefined {
    return origin === this.#added?.origin ? this.#added.headers : undefined;
  }

  #agentFor(proxy: URL): Dispatcher {
    const agent = this.#proxyAgents.get(proxy.href) ?? openProxyAgent(proxy);
    this.#proxyAgents.set(proxy.href, agent);
    return agent;
  }
}

/** A URL as it may be shown: without the query and credentials, which may be secret. */
export function displayUrl(url: URL): string {
  const bundleType = url.searchParams.get('bundle_type');
  return `${url.origin}${url.pathname}${bundleType === null ? '' : `?bundle_type=${bundleType}`}`;
}

function tooManyInfos(url: URL): OtaError {
  const message = `${displayUrl(url)} answered with more than ${MAX_INFOS} interim responses (1xx)`;
  return new OtaError('not_the_api', message, { hint: 'Check what stands in front of the server.' });
}

/** undici obeys a signal only once it is connected. */
function untilAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const stop = () => reject(signal.reason);
    signal.addEventListener('abort', stop, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', stop));
  });
}

async function* withNetworkErrors(
  body: Readable,
  url: URL,
  proxy: URL | undefined,
): AsyncIterable<Uint8Array> {
  try {
    yield* readChunks(body, true);
  } catch (error) {
    throw connectionError(url, proxy, error);
  } finally {
    body.on('error', () => {}).destroy(); // unless it is at its end, that ends the connection
  }
}

/** The error of a connection: to the server, to a proxy that forwards requests, or in a proxy's tunnel. */
function connectionError(url: URL, proxy: URL | undefined, error: unknown): unknown {
  if (proxy === undefined) return networkError(error, url.origin);
  if (url.protocol === 'https:') {
    return networkError(error, `${url.origin}, through ${displayProxy(proxy)},`, { inTunnel: true });
  }
  // undici reports a 407 for a request in absolute form like this.
  if (error instanceof errors.InvalidArgumentError) return proxyRefusal(proxy, 407, url.host);
  return proxyNetworkError(error, proxy);
}

function single(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? value[0] : value;
}
