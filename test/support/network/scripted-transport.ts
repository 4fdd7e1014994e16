import { getResponse, type HttpHandler } from 'msw';
import { onTestFinished } from 'vitest';
import type {
  Transport,
  TransportRequest,
  TransportResponse,
} from '../../../src/client/transport/transport.ts';
import { OtaError } from '../../../src/errors.ts';

/** A request as it left the client, its body read to the end. */
export interface SentRequest {
  readonly method: string;
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

/**
 * A network that answers from msw handlers. `HttpResponse.error()` stands for a response that never comes.
 * A request that no handler expects fails the test.
 */
export class ScriptedTransport implements Transport {
  readonly requests: SentRequest[] = [];
  readonly #handlers: HttpHandler[];
  readonly #unexpected: string[] = [];

  constructor(...handlers: HttpHandler[]) {
    this.#handlers = handlers;
    onTestFinished(() => {
      if (this.#unexpected.length > 0) throw new Error(`unexpected requests: ${this.#unexpected.join(', ')}`);
    });
  }

  async send({ method, url, headers, body, signal }: TransportRequest): Promise<TransportResponse> {
    signal?.throwIfAborted();
    const bytes = await collect(body);
    this.requests.push({ method, url, headers, body: bytes });
    const request = new Request(url, {
      method,
      headers,
      ...(body !== undefined && { body: new Uint8Array(bytes) }),
    });
    const response = await getResponse(this.#handlers, request);
    if (response === undefined) {
      this.#unexpected.push(`${method} ${url}`);
      throw new Error(`no handler expects ${method} ${url}`);
    }
    if (response.type === 'error') throw new OtaError('network', `${url.origin} did not answer`);
    return {
      status: response.status,
      header: (name) => response.headers.get(name) ?? undefined,
      body: response.body ?? nothing(),
    };
  }

  /** `METHOD /path` of each request, in order. */
  get calls(): string[] {
    return this.requests.map(({ method, url }) => `${method} ${url.pathname}`);
  }

  /** The JSON of each request with that method and that end of its path. */
  bodiesOf(method: string, pathEnd: string): unknown[] {
    return this.requests
      .filter((request) => request.method === method && request.url.pathname.endsWith(pathEnd))
      .map(({ body }) => JSON.parse(body.toString('utf8')));
  }
}

/** A resolver that gives each response once, in this order; a further request fails the test. */
export function inOrder(...answers: readonly (() => Response)[]): () => Response {
  const left = [...answers];
  return () => {
    const next = left.shift();
    if (next === undefined) throw new Error('one request more than answers');
    return next();
  };
}

async function collect(body: TransportRequest['body']): Promise<Buffer> {
  if (body === undefined || typeof body === 'string') return Buffer.from(body ?? '');
  const chunks: Uint8Array[] = [];
  for await (const chunk of body) chunks.push(chunk);
  return Buffer.concat(chunks);
}

async function* nothing(): AsyncIterable<Uint8Array> {}
