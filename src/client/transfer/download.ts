import { createHash } from 'node:crypto';
import { OtaError } from '../../errors.ts';
import { sizeInWords } from '../../protocol/upload/size-in-words.ts';
import { countUsedBuffer } from '../../runtime/used-buffers.ts';
import { unsafePlaceOf, unsafeRedirect, withSource } from '../handed-out-url.ts';
import { peerAt, type ServerKind } from '../refusal/peer.ts';
import { responseError } from '../refusal/response-error.ts';
import { isMissingObject, storeCode } from '../refusal/store-refusal.ts';
import { isPage, notTheApi, pageError, type ReceivedResponse, receive } from '../response.ts';
import { displayUrl, type Transport, type TransportResponse } from '../transport/transport.ts';

/** As many as Tauri's updater follows. */
const MAX_REDIRECTS = 10;
/** Statuses of a file that does not exist; S3 may answer 403 for a missing key. */
const NOT_SERVED = [403, 404, 410];
/** Largest file that is read of a response that does not announce its size, in bytes. */
const MAX_UNANNOUNCED_BYTES = 16 * 1024 ** 3;
/** How long a download may stall, in milliseconds. */
const IDLE_TIMEOUT_MS = 60_000;
/** What has to arrive in that time, in bytes: with less it might go on for days. */
const MIN_PROGRESS = 512 * 1024;

export interface DownloadRequest {
  readonly url: URL;
  /** More than this is not read, in bytes; undefined: as much as the response announces. */
  readonly maxBytes?: number | undefined;
  /** Called with the size that the response announces, if it does. */
  readonly onTotal?: ((bytes: number) => void) | undefined;
  readonly onChunk?: (chunk: Uint8Array) => void;
  /** Whether the BLAKE2b-512 is needed, which takes more than twice as long as the SHA-256. */
  readonly blake2b512?: boolean;
  /** What is known of the server that the URL is of. */
  readonly server?: ServerKind | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface Downloaded {
  readonly kind: 'downloaded';
  /** Bytes. */
  readonly size: number;
  readonly sha256: string;
  /** If it was asked for. */
  readonly blake2b512: Buffer | undefined;
  /** The digest that the server announced (`Repr-Digest`, RFC 9530), hexadecimal; undefined without one. */
  readonly announcedSha256: string | undefined;
}

/** There is no such file: 404, 410, or 403. */
export interface NotServed {
  readonly kind: 'not_served';
}

/** A download that has started. */
export interface OpenDownload {
  readonly kind: 'open';
  /** To be read to its end, or its iterator returned. @throws OtaError `network`; `not_the_api` */
  readonly chunks: AsyncIterable<Uint8Array>;
  /** As `Downloaded` has it. */
  readonly announcedSha256: string | undefined;
}

/** api.md, "Download Endpoint". @throws OtaError `network`; `not_the_api`, also for a page and for more than `maxBytes` */
export async function download(
  transport: Transport,
  request: DownloadRequest,
): Promise<Downloaded | NotServed> {
  const opened = await open(transport, request);
  if (opened.kind === 'not_served') return opened;
  const sha256 = createHash('sha256');
  const blake2b512 = request.blake2b512 ? createHash('blake2b512') : undefined;
  let size = 0;
  for await (const chunk of opened.chunks) {
    sha256.update(chunk);
    blake2b512?.update(chunk);
    request.onChunk?.(chunk);
    size += chunk.length;
  }
  return {
    kind: 'downloaded',
    size,
    sha256: sha256.digest('hex'),
    blake2b512: blake2b512?.digest(),
    announcedSha256: opened.announcedSha256,
  };
}

/** Begins a download, for who reads its bytes one after the other. @throws as `download` */
export async function openDownload(
  transport: Transport,
  request: DownloadRequest,
): Promise<OpenDownload | NotServed> {
  const opened = await open(transport, request);
  return opened.kind === 'not_served' ? opened : { ...opened, chunks: copiesOf(opened.chunks) };
}

/** Who reads them may keep them for a while. */
async function* copiesOf(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  for await (const chunk of chunks) {
    yield Buffer.from(chunk);
    countUsedBuffer(chunk.length);
  }
}

/** Each of its chunks is valid only until the next is asked for. */
async function open(transport: Transport, request: DownloadRequest): Promise<OpenDownload | NotServed> {
  const found = await followRedirects(transport, request);
  if (found.kind === 'not_served') return found;
  const announcedSha256 = parseReprDigest(found.response.header('repr-digest'));
  return { kind: 'open', chunks: checkedChunks(found, request), announcedSha256 };
}

async function* checkedChunks(
  { response, url }: OpenResponse,
  request: DownloadRequest,
): AsyncGenerator<Uint8Array> {
  const announced = announcedSize(response);
  const maxBytes = request.maxBytes ?? announced ?? MAX_UNANNOUNCED_BYTES;
  if (announced !== undefined) request.onTotal?.(announced);
  let size = 0;
  let progress = { since: performance.now(), size };
  for await (const chunk of response.body) {
    if (size === 0) requireNoPage(response, url, chunk);
    size += chunk.length;
    yield chunk;
    if (Math.max(size, announced ?? 0) > maxBytes) throw tooLarge(request, announced, maxBytes);
    if (performance.now() - progress.since > IDLE_TIMEOUT_MS) {
      if (size - progress.size < MIN_PROGRESS) throw tooSlow(request.url);
      progress = { since: performance.now(), size };
    }
  }
}

function announcedSize(response: TransportResponse): number | undefined {
  const text = response.header('content-length') ?? '';
  return /^\d{1,15}$/.test(text) ? Number(text) : undefined;
}

function tooLarge(request: DownloadRequest, announced: number | undefined, maxBytes: number): OtaError {
  const unannounced =
    request.maxBytes === undefined && announced === undefined ? ' without saying how large the file is' : '';
  return notTheApi(request, `more than ${sizeInWords(maxBytes)}${unannounced}`);
}

/** A login page also comes with 200. @throws OtaError `not_the_api` for HTML that is sent as such */
function requireNoPage(response: TransportResponse, url: URL, start: Uint8Array): void {
  if (!/^text\/html\b/i.test(response.header('content-type') ?? '')) return;
  const text = Buffer.from(start).toString('utf8');
  if (!isPage(text)) return;
  const { status, proxy } = response;
  throw pageError({ url, proxy, status, text, header: (name) => response.header(name) });
}

interface OpenResponse {
  readonly kind: 'found';
  readonly response: TransportResponse;
  readonly url: URL;
}

type FoundFile = OpenResponse | NotServed;

async function followRedirects(
  transport: Transport,
  { url: start, server, signal }: DownloadRequest,
): Promise<FoundFile> {
  let url = start;
  for (let hops = 0; hops <= MAX_REDIRECTS; hops++) {
    const headers = { accept: 'application/octet-stream' };
    const asked = transport.send({
      method: 'GET',
      url,
      headers,
      idleTimeoutMs: IDLE_TIMEOUT_MS,
      handedOut: true,
      signal,
    });
    const at = url;
    const response = await asked.catch((error) => {
      throw error instanceof OtaError ? withSource(error, at, new URL(start.origin)) : error;
    });
    if (response.status >= 200 && response.status < 300) return { kind: 'found', response, url };
    const received = await receive(response, url);
    if (response.status < 300 || response.status >= 400) return requireNotServed(received, server);
    const location = response.header('location');
    const next = location !== undefined && URL.canParse(location, url.href) && new URL(location, url);
    if (!next || !/^https?:$/.test(next.protocol)) {
      throw notTheApi({ url }, `a redirect (${response.status}) without a valid http(s) Location`);
    }
    const unsafe = unsafePlaceOf(next, url);
    if (unsafe !== undefined) throw unsafeRedirect(unsafe, next, displayUrl(url));
    url = next;
  }
  throw new OtaError('not_the_api', `${displayUrl(start)} redirects more than ${MAX_REDIRECTS} times`);
}

/** @throws OtaError unless the refusal says that there is no such file */
function requireNotServed(response: ReceivedResponse, server: ServerKind | undefined): NotServed {
  const error = responseError(response, peerAt(response.url, server), new Date());
  const isMissing = isMissingObject(response) || !storeCode(response);
  if (NOT_SERVED.includes(response.status) && isMissing && !error.inFront) return { kind: 'not_served' };
  throw error;
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
