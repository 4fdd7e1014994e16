import type { Readable } from 'node:stream';
import { Agent, request } from 'undici';
import { OtaError } from '../errors.ts';

/** One HTTP request. Never followed along a redirect. */
export interface TransportRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  /** Text is sent as it is; a stream needs a `content-length` header. */
  readonly body?: string | AsyncIterable<Uint8Array>;
  /** How long the answer's headers may take, and its body be silent, in milliseconds; 0: for ever. */
  readonly idleTimeoutMs: number;
  readonly signal?: AbortSignal | undefined;
}

export interface TransportResponse {
  readonly status: number;
  /** Undefined when the header is absent. */
  header(name: string): string | undefined;
  /** To be read to its end, or ended early. */
  readonly body: AsyncIterable<Uint8Array>;
}

/** The seam to the network. Rejects with OtaError `network` when no answer comes. */
export interface Transport {
  send(request: TransportRequest): Promise<TransportResponse>;
}

/** Real HTTP. `undici.request` and not `fetch`, which keeps a streamed body in memory. */
export class UndiciTransport implements Transport {
  readonly #agent = new Agent({ connect: { timeout: 10_000 } });

  async send({
    method,
    url,
    headers,
    body,
    idleTimeoutMs,
    signal,
  }: TransportRequest): Promise<TransportResponse> {
    try {
      const response = await request(url, {
        dispatcher: this.#agent,
        method,
        headers: { 'user-agent': 'synckit-ota', ...headers },
        headersTimeout: idleTimeoutMs,
        bodyTimeout: idleTimeoutMs,
        // undici's types leave out async iterables, which it takes: "Parameter: DispatchOptions", body
        body: (body as string | Readable | undefined) ?? null,
        signal: signal ?? null,
      });
      return {
        status: response.statusCode,
        header: (name) => single(response.headers[name]),
        body: withNetworkErrors(response.body, url),
      };
    } catch (error) {
      throw networkError(error, url);
    }
  }

  /** Ends idle connections, so that the process can. */
  async close(): Promise<void> {
    await this.#agent.close();
  }
}

/** An URL as it may be shown: a signature or credentials are in what is left out. */
export function displayUrl(url: URL): string {
  const bundleType = url.searchParams.get('bundle_type');
  return `${url.origin}${url.pathname}${bundleType === null ? '' : `?bundle_type=${bundleType}`}`;
}

async function* withNetworkErrors(body: AsyncIterable<Uint8Array>, url: URL): AsyncIterable<Uint8Array> {
  try {
    yield* body;
  } catch (error) {
    throw networkError(error, url);
  }
}

function networkError(error: unknown, url: URL): unknown {
  if (error instanceof OtaError) return error; // thrown by the body that was sent
  const { name, code, message } = error as NodeJS.ErrnoException;
  // Not the network's fault: an abort, or a mistake in this program.
  if (name === 'AbortError' || error instanceof TypeError || code === 'UND_ERR_INVALID_ARG') return error;
  return new OtaError('network', `${url.origin} did not answer: ${reasons[code ?? ''] ?? message}`, {
    cause: error,
    hint: 'Check the address and that the server is up, then run the same command again.',
  });
}

const reasons: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connection refused',
  ECONNRESET: 'connection reset',
  ENOTFOUND: 'no such host',
  EAI_AGAIN: 'its name could not be looked up',
  EPIPE: 'it closed the connection',
  UND_ERR_SOCKET: 'it closed the connection',
  UND_ERR_CONNECT_TIMEOUT: 'no connection within 10 s',
  UND_ERR_HEADERS_TIMEOUT: 'timeout',
  UND_ERR_BODY_TIMEOUT: 'timeout in the middle of its answer',
};

function single(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? value[0] : value;
}
