import { OtaError } from '../../errors.ts';
import { peerAt, type ServerKind } from '../refusal/peer.ts';
import { responseError } from '../refusal/response-error.ts';
import { storeCode } from '../refusal/store-refusal.ts';
import { isPage, pageError, type ReceivedResponse, receive } from '../response.ts';
import { displayUrl, type Transport } from '../transport/transport.ts';

/** How long an upload may stall, in milliseconds. There is no limit to its whole duration. */
const IDLE_TIMEOUT_MS = 120_000;
/** How fast a server at least hashes and syncs what it received, in bytes a millisecond: 4 MiB/s. */
const MIN_PROCESSING_RATE = (4 * 1024 * 1024) / 1000;

export interface PutRequest {
  /** Presigned: no token is sent. */
  readonly url: string;
  readonly size: number;
  readonly body: AsyncIterable<Uint8Array>;
  /** What is known of the server that granted the URL. */
  readonly server?: ServerKind | undefined;
  readonly signal?: AbortSignal | undefined;
}

export type PutResult =
  | { readonly kind: 'stored'; readonly response: ReceivedResponse }
  /** The URL is not valid, or no longer: a fresh one may be. */
  | { readonly kind: 'url_refused'; readonly error: OtaError };

/** @throws OtaError `network`, also when nothing moved for two minutes */
export async function put(transport: Transport, request: PutRequest): Promise<PutResult> {
  const url = parseUploadUrl(request.url);
  const idle = new IdleTimer();
  const signal = request.signal ? AbortSignal.any([request.signal, idle.signal]) : idle.signal;
  try {
    idle.restart(IDLE_TIMEOUT_MS);
    const sent = await transport.send({
      method: 'PUT',
      url,
      headers: { 'content-length': String(request.size), 'content-type': 'application/octet-stream' },
      body: watched(request, idle),
      idleTimeoutMs: 0,
      handedOut: true,
      signal,
    });
    const response = await receive(sent, url);
    if (response.status >= 200 && response.status < 300) {
      if (isPage(response.text) && !response.text.trimStart().startsWith('<?xml')) throw pageError(response);
      return { kind: 'stored', response };
    }
    const error = responseError(response, peerAt(url, request.server), new Date());
    if (isOfUrl(response, error)) return { kind: 'url_refused', error };
    throw error;
  } catch (error) {
    if (!idle.signal.aborted) throw error;
    throw new OtaError('network', `the upload to ${displayUrl(url)} stalled`, { cause: error });
  } finally {
    idle.stop();
  }
}

/** Whether it is the URL that is refused, so that one with a later time or other credentials may be accepted. */
function isOfUrl(response: ReceivedResponse, { code, inFront }: OtaError): boolean {
  if (inFront) return false;
  if (response.status === 403) return code === 'unauthorized' || code === 'store_unavailable';
  return code === 'store_unavailable' && storeCode(response) !== undefined;
}

/** The body, as long as it moves. After its end the server gets time to process that many bytes. */
async function* watched({ body, size }: PutRequest, idle: IdleTimer): AsyncIterable<Uint8Array> {
  for await (const chunk of body) {
    yield chunk;
    idle.restart(IDLE_TIMEOUT_MS);
  }
  idle.restart(IDLE_TIMEOUT_MS + Math.ceil(size / MIN_PROCESSING_RATE));
}

function parseUploadUrl(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url?.protocol === 'https:' || url?.protocol === 'http:') return url;
  throw new OtaError('not_the_api', 'the server gave an upload URL that is not an absolute http(s) URL');
}

class IdleTimer {
  readonly #controller = new AbortController();
  #timer: NodeJS.Timeout | undefined;
  #stopped = false;

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  restart(timeoutMs: number): void {
    clearTimeout(this.#timer);
    if (this.#stopped) return; // the transport may still drain the body after the response
    this.#timer = setTimeout(() => this.#controller.abort(), timeoutMs);
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
  }
}
