import { createHash } from 'node:crypto';
import { OtaError } from '../../errors.ts';
import { isOnlyLocal } from '../../runtime/loopback.ts';
import { countUsedBuffer } from '../../runtime/used-buffers.ts';
import { notTheApi, receive, responseError } from '../response.ts';
import { displayUrl, type Transport, type TransportResponse } from '../transport/transport.ts';

/** As many as Tauri's updater follows. */
const MAX_REDIRECTS = 10;
/** Statuses of a file that does not exist; S3 may answer 403 for a missing key. */
const NOT_SERVED = [403, 404, 410];
/** Largest file that is read unless said otherwise, in bytes. */
const MAX_BYTES = 16 * 1024 ** 3;
/** How long a download may stall, in milliseconds. */
const IDLE_TIMEOUT_MS = 60_000;
/** What has to arrive in that time, in bytes: with less it might go on for days. */
const MIN_PROGRESS = 512 * 1024;
/** For a redirect that only the server's own machine can follow. */
const CHECK_ADDRESSES =
  'Start the server with --public-url, and --s3-endpoint where it has a bucket, set to addresses that everyone reaches.';

export interface DownloadRequest {
  readonly url: URL;
  /** More than this is not read, in bytes. */
  readonly maxBytes?: number | undefined;
  readonly onChunk?: (chunk: Uint8Array) => void;
  readonly signal?: AbortSignal | undefined;
}

export interface Downloaded {
  readonly kind: 'downloaded';
  /** Bytes. */
  readonly size: number;
  readonly sha256: string;
  readonly blake2b512: Buffer;
  /** The digest that the server announced (`Repr-Digest`, RFC 9530), hexadecimal; undefined without one. */
  readonly announcedSha256: string | undefined;
}

/** There is no such file: 404, 410, or 403. */
export interface NotServed {
  readonly kind: 'not_served';
}

/** api.md, "Download Endpoint". @throws OtaError `network`; `not_the_api`, also for more than `maxBytes` */
export async function download(
  transport: Transport,
  request: DownloadRequest,
): Promise<Downloaded | NotServed> {
  const found = await followRedirects(transport, request);
  if (found.kind === 'not_served') return found;
  const { response } = found;
  const { maxBytes = MAX_BYTES } = request;
  const sha256 = createHash('sha256');
  const blake2b512 = createHash('blake2b512');
  let size = 0;
  let progress = { since: performance.now(), size };
  for await (const chunk of response.body) {
    sha256.update(chunk);
    blake2b512.update(chunk);
    request.onChunk?.(chunk);
    countUsedBuffer(chunk.length);
    size += chunk.length;
    if (size > maxBytes) throw notTheApi(request, `more than ${maxBytes} bytes`);
    if (performance.now() - progress.since > IDLE_TIMEOUT_MS) {
      if (size - progress.size < MIN_PROGRESS) throw tooSlow(request.url);
      progress = { since: performance.now(), size };
    }
  }
  return {
    kind: 'downloaded',
    size,
    sha256: sha256.digest('hex'),
    blake2b512: blake2b512.digest(),
    announcedSha256: parseReprDigest(response.header('repr-digest')),
  };
}

type FoundFile = { readonly kind: 'found'; readonly response: TransportResponse } | NotServed;

async function followRedirects(
  transport: Transport,
  { url: start, signal }: DownloadRequest,
): Promise<FoundFile> {
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
    if (response.status >= 200 && response.status < 300) return { kind: 'found', response };
    const received = await receive(response, url);
    if (NOT_SERVED.includes(response.status)) return { kind: 'not_served' };
    if (response.status < 300 || response.status >= 400) throw responseError(received, new Date());
    const location = response.header('location');
    const next = location !== undefined && URL.canParse(location, url.href) && new URL(location, url);
    if (!next || !/^https?:$/.test(next.protocol)) {
      throw notTheApi({ url }, `a redirect (${response.status}) without a valid http(s) Location`);
    }
    if (isOnlyLocal(next) && !isOnlyLocal(url)) {
      const reason = `${displayUrl(url)} redirects to ${next.origin}, which leads every other machine to itself`;
      throw new OtaError('not_the_api', reason, { hint: CHECK_ADDRESSES });
    }
    url = next;
  }
  throw new OtaError('not_the_api', `${displayUrl(start)} redirects more than ${MAX_REDIRECTS} times`);
}

function tooSlow(url: URL): OtaError {
  return new OtaError('network', `the download from ${displayUrl(url)} is too slow`, {
    hint: 'Run the same command again when the connection is better.',
  });
}

/** RFC 9530, section 3: the SHA-256 among the digests of a representation, in hexadecimal. */
function parseReprDigest(value: string | undefined): string | undefined {
  const base64 = /(?:^|[,\s])sha-256=:([A-Za-z0-9+/]+=*):/.exec(value ?? '')?.[1];
  return base64 && Buffer.from(base64, 'base64').toString('hex');
}
