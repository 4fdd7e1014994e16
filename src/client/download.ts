import { createHash } from 'node:crypto';
import { OtaError } from '../errors.ts';
import { failureOf, notTheApi, readText } from './answer.ts';
import { displayUrl, type Transport, type TransportResponse } from './transport.ts';

/** As Tauri's updater: at most so many hops. */
const MAX_REDIRECTS = 10;
/** How long a download may stand still, in milliseconds. */
const IDLE_TIMEOUT_MS = 60_000;

export interface DownloadRequest {
  readonly url: URL;
  readonly onChunk?: (chunk: Uint8Array) => void;
  readonly onProgress?: (receivedBytes: number) => void;
  readonly signal?: AbortSignal | undefined;
}

/** What was downloaded, measured as it streamed by. */
export interface Downloaded {
  /** Bytes. */
  readonly size: number;
  readonly sha256: string;
  readonly blake2b512: Buffer;
}

/**
 * api.md, "Download Endpoint", as an installed client does it: GET, along the redirect, without any token.
 * @throws OtaError `network`; `usage` for a 404; `not_the_api`
 */
export async function download(transport: Transport, request: DownloadRequest): Promise<Downloaded> {
  const response = await followRedirects(transport, request);
  const sha256 = createHash('sha256');
  const blake2b512 = createHash('blake2b512');
  let size = 0;
  for await (const chunk of response.body) {
    sha256.update(chunk);
    blake2b512.update(chunk);
    request.onChunk?.(chunk);
    size += chunk.length;
    request.onProgress?.(size);
  }
  return { size, sha256: sha256.digest('hex'), blake2b512: blake2b512.digest() };
}

async function followRedirects(
  transport: Transport,
  { url: start, signal }: DownloadRequest,
): Promise<TransportResponse> {
  let url = start;
  for (let hops = 0; hops <= MAX_REDIRECTS; hops++) {
    const headers = { accept: 'application/octet-stream' };
    const response = await transport.send({
      method: 'GET',
      url,
      headers,
      idleTimeoutMs: IDLE_TIMEOUT_MS,
      signal,
    });
    if (response.status >= 200 && response.status < 300) return response;
    const text = await readText(response, url);
    if (response.status < 300 || response.status >= 400) throw failureOf(response, text, url, new Date());
    const location = response.header('location');
    const next = location !== undefined && URL.canParse(location, url.href) && new URL(location, url);
    if (!next || !/^https?:$/.test(next.protocol)) {
      throw notTheApi(url, `a redirect (${response.status}) that leads nowhere`);
    }
    url = next;
  }
  throw new OtaError('not_the_api', `${displayUrl(start)} redirects more than ${MAX_REDIRECTS} times`);
}
