import type { Readable } from 'node:stream';
import { Agent, type Dispatcher, errors, request } from 'undici';
import { networkError } from './network-error.ts';
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
  readonly signal?: AbortSignal | undefined;
}

export interface TransportResponse {
  readonly status: number;
  header(name: string): string | undefined;
  /** To be read to its end, or its iterator returned. */
  readonly body: AsyncIterable<Uint8Array>;
  /** The proxy it came through, for people; undefined: none. */
  readonly proxy?: string | undefined;
}

/** The seam to the network. Rejects as `networkError` says when there is no response. */
export interface Transport {
  send(request: TransportRequest): Promise<TransportResponse>;
}

/** `undici.request` and not `fetch`, which keeps a streamed body in memory. Redirects are not followed. */
export class UndiciTransport implements Transport {
  readonly #direct = new Agent({ connect: { timeout: 10_000 } });
  readonly #proxies: ProxySettings;
  readonly #proxyAgents = new Map<string, Dispatcher>();

  constructor(proxies: ProxySettings = { bypass: [] }) {
    this.#proxies = proxies;
  }

  async send({
    method,
    url,
    headers,
    body,
    idleTimeoutMs,
    signal,
  }: TransportRequest): Promise<TransportResponse> {
    const proxy = proxyFor(url, this.#proxies);
    const start = performance.now();
    try {
      const responding = request(url, {
        dispatcher: proxy ? this.#agentFor(proxy) : this.#direct,
        method,
        headers: { 'user-agent': 'synckit-ota', ...headers },
        headersTimeout: idleTimeoutMs,
        bodyTimeout: idleTimeoutMs,
        // Each "Early Hints" restarts undici's own timeout for the headers.
        onInfo: () => {
          if (idleTimeoutMs > 0 && performance.now() - start > idleTimeoutMs)
            throw new errors.HeadersTimeoutError();
        },
        // undici's types leave out async iterables, which it takes: "Parameter: DispatchOptions", body
        body: (body as string | Readable | undefined) ?? null,
        signal: signal ?? null,
      });
      const response = await (signal ? untilAborted(responding, signal) : responding);
      return {
        status: response.statusCode,
        header: (name) => single(response.headers[name]),
        body: withNetworkErrors(response.body, url, proxy),
        proxy: proxy && displayProxy(proxy),
      };
    } catch (error) {
      throw connectionError(url, proxy, error);
    }
  }

  /** Ends all connections, also those being opened, so that the process can end. */
  async close(): Promise<void> {
    await Promise.all([this.#direct, ...this.#proxyAgents.values()].map((agent) => agent.destroy()));
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

/** undici obeys a signal only once it is connected. */
function untilAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const stop = () => reject(signal.reason);
    signal.addEventListener('abort', stop, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', stop));
  });
}

async function* withNetworkErrors(
  body: AsyncIterable<Uint8Array>,
  url: URL,
  proxy: URL | undefined,
): AsyncIterable<Uint8Array> {
  try {
    yield* body;
  } catch (error) {
    throw connectionError(url, proxy, error);
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
