import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { OtaError } from '../errors.ts';
import { UploadAnswer } from '../protocol/messages.ts';
import { decodeIfMatching, failureOf, readText } from './answer.ts';
import { displayUrl, type Transport } from './transport.ts';

/** Bytes read from the file at once. */
const READ_SIZE = 256 * 1024;
/** How long an upload may stand still, in milliseconds. There is no limit to all of it. */
const IDLE_TIMEOUT_MS = 120_000;
/** How fast a server at least hashes and syncs what it has got, in bytes a millisecond: 4 MiB/s. */
const MIN_DIGESTION = (4 * 1024 * 1024) / 1000;

export interface UploadRequest {
  /** Presigned: no token goes along. */
  readonly url: string;
  readonly file: string;
  /** Bytes. */
  readonly size: number;
  /** What the file was when it was planned; a file that changed since is not sent to its end. */
  readonly sha256: string;
  readonly onProgress?: (sentBytes: number) => void;
  readonly signal?: AbortSignal | undefined;
}

/** A PUT that was answered: with what our server tells of it, or with why its URL is not, or no longer, good. */
export type UploadOutcome =
  | {
      /** Extension `expect`: whether the release went live by it. Undefined where the storage does not say. */
      readonly wentLive: boolean | undefined;
    }
  /** A fresh URL may be good. */
  | { readonly urlRefused: OtaError };

/**
 * api.md, "Upload Artifacts": one PUT of the file to its presigned URL, streamed from disk.
 * @throws OtaError `network`, also when nothing moved for two minutes; `preflight_refused` when the file changed
 */
export async function uploadFile(transport: Transport, request: UploadRequest): Promise<UploadOutcome> {
  const url = parseUploadUrl(request.url);
  const idle = new IdleTimer();
  const signal = request.signal ? AbortSignal.any([request.signal, idle.signal]) : idle.signal;
  try {
    idle.expect(IDLE_TIMEOUT_MS);
    const response = await transport.send({
      method: 'PUT',
      url,
      headers: { 'content-length': String(request.size), 'content-type': 'application/octet-stream' },
      body: readUnchanged(
        request,
        () => idle.expect(IDLE_TIMEOUT_MS),
        () => idle.expect(IDLE_TIMEOUT_MS + Math.ceil(request.size / MIN_DIGESTION)),
      ),
      idleTimeoutMs: 0,
      signal,
    });
    const text = await readText(response, url);
    if (response.status >= 200 && response.status < 300) {
      return { wentLive: decodeIfMatching(UploadAnswer, text)?.went_live };
    }
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

/**
 * The file's bytes. The last of them are held back until all are known to be those that were planned, and the file to
 * be what it was: one that is written again, or replaced, may not be what is to be published any more.
 */
async function* readUnchanged(
  { file, size, sha256, onProgress }: UploadRequest,
  onMove: () => void,
  onEnd: () => void,
): AsyncIterable<Uint8Array> {
  const hash = createHash('sha256');
  const opened = await identify(file);
  let sent = 0;
  let heldBack: Buffer | undefined;
  for await (const chunk of readFile(file)) {
    hash.update(chunk);
    if (sent + (heldBack?.length ?? 0) + chunk.length > size) break; // what is held back would be the last of it
    if (heldBack !== undefined) {
      yield heldBack;
      sent += heldBack.length;
      onMove();
      onProgress?.(sent);
    }
    heldBack = chunk;
  }
  const planned = sent + (heldBack?.length ?? 0) === size && hash.digest('hex') === sha256;
  if (!planned || opened !== (await identify(file))) {
    throw new OtaError('preflight_refused', `${file} changed while it was being uploaded`, {
      hint: 'Publish again once nothing writes to the file any more.',
    });
  }
  if (heldBack !== undefined) yield heldBack;
  onEnd();
  onProgress?.(size);
}

/** What differs once a file is written or another takes its place; undefined when there is none. */
async function identify(file: string): Promise<string | undefined> {
  const found = await stat(file).catch(() => undefined);
  return found && `${found.dev} ${found.ino} ${found.size} ${found.mtimeMs}`;
}

async function* readFile(file: string): AsyncIterable<Buffer> {
  try {
    yield* createReadStream(file, { highWaterMark: READ_SIZE });
  } catch (cause) {
    throw new OtaError('usage', `${file} cannot be read any more: ${(cause as Error).message}`, { cause });
  }
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
