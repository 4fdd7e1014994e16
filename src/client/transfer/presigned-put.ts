import { OtaError } from '../../errors.ts';
import { failureOf, readText } from '../response.ts';
import { displayUrl, type Transport, type TransportResponse } from '../transport/transport.ts';

/** How long an upload may stand still, in milliseconds. There is no limit to all of it. */
const IDLE_TIMEOUT_MS = 120_000;
/** How fast a server at least hashes and syncs what it has got, in bytes a millisecond: 4 MiB/s. */
const MIN_DIGESTION = (4 * 1024 * 1024) / 1000;

export interface PutRequest {
  /** Presigned: no token goes along. */
  readonly url: string;
  /** Bytes that will come. */
  readonly size: number;
  readonly body: AsyncIterable<Uint8Array>;
  readonly signal?: AbortSignal | undefined;
}

/** A PUT that was taken, or why its URL is not, or no longer, good: a fresh one may be. */
export type PutOutcome =
  | { readonly response: TransportResponse; readonly text: string }
  | { readonly urlRefused: OtaError };

/**
 * One PUT to a presigned URL, streamed.
 * @throws OtaError `network`, also when nothing moved for two minutes
 */
export async function put(transport: Transport, request: PutRequest): Promise<PutOutcome> {
  const url = parseUploadUrl(request.url);
  const idle = new IdleTimer();
  const signal = request.signal ? AbortSignal.any([request.signal, idle.signal]) : idle.signal;
  try {
    idle.expect(IDLE_TIMEOUT_MS);
    const response = await transport.send({
      method: 'PUT',
      url,
      headers: { 'content-length': String(request.size), 'content-type': 'application/octet-stream' },
      body: watched(request, idle),
      idleTimeoutMs: 0,
      signal,
    });
    const text = await readText(response, url);
    if (response.status >= 200 && response.status < 300) return { response, text };
    const failure = failureOf(response, text, url, new Date());
    if (response.status === 403) return { urlRefused: failure };
    throw failure;
  } catch (error) {
    if (!idle.signal.aborted) throw error;
    throw new OtaError('network', `the upload to ${displayUrl(url)} stood still`, { cause: error });
  } finally {
    idle.stop();
  }
}

/** The body, as long as it moves; after its end the server has the time that it needs for so many bytes. */
async function* watched({ body, size }: PutRequest, idle: IdleTimer): AsyncIterable<Uint8Array> {
  for await (const chunk of body) {
    yield chunk;
    idle.expect(IDLE_TIMEOUT_MS);
  }
  idle.expect(IDLE_TIMEOUT_MS + Math.ceil(size / MIN_DIGESTION));
}

function parseUploadUrl(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url?.protocol === 'https:' || url?.protocol === 'http:') return url;
  throw new OtaError('not_the_api', 'the server gave an upload URL that is not an absolute http(s) URL');
}

/** Aborts its signal when nothing is heard for as long as was said last. */
class IdleTimer {
  readonly #controller = new AbortController();
  #timer: NodeJS.Timeout | undefined;
  #stopped = false;

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  expect(withinMs: number): void {
    clearTimeout(this.#timer);
    if (this.#stopped) return; // the body may still be drained after the answer
    this.#timer = setTimeout(() => this.#controller.abort(), withinMs);
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
  }
}
