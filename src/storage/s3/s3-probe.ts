import { createHash, randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { OtaError } from '../../errors.ts';
import type { Clock } from '../../protocol/time.ts';
import type { S3Bucket, S3Object } from './s3-bucket.ts';
import { copyObject } from './s3-copy.ts';
import { isBusy, notS3 } from './s3-error.ts';
import { S3Multipart } from './s3-multipart.ts';

/** What a store was found to refuse, as S3 does. Nothing depends on it; it is logged for the operator. */
export interface S3Enforcement {
  /** A PUT of another length than its URL was signed for. */
  readonly length: boolean;
  /** A PUT without a length. */
  readonly chunked: boolean;
  /** A PUT with a body that does not match its Content-MD5. */
  readonly checksum: boolean;
  /** A presigned request with an Authorization header. */
  readonly twoAuthorizations: boolean;
  /** A copy of an object that does not have the required ETag. */
  readonly copyCondition: boolean;
}

export interface S3ProbeOptions {
  readonly bucket: S3Bucket;
  /** The folder that uploads arrive in, with a trailing slash. */
  readonly staging: string;
  /** The folder that downloads are served from, with a trailing slash. */
  readonly artifacts: string;
  readonly clock: Clock;
}

/** The store's response to a presigned request; `error` is shaped like the SDK's. */
interface ProbeResponse {
  readonly status: number;
  readonly date: string | null;
  readonly body: Buffer;
  readonly error: object;
}

interface ProbeRequest {
  readonly method?: 'GET' | 'PUT';
  readonly body?: Buffer;
  /** Sends the body without its length. */
  readonly chunked?: boolean;
  readonly headers?: Readonly<Record<string, string>>;
}

const BYTES = Buffer.from('probe');
/** Uploads and artifacts have names without it. */
const NAME = 'probe-';
const ORPHAN = /probe-[\da-f-]{36}(-refused|-unconditional)?$/;
/** Other nodes may be probing now; a probe ends within seconds. */
const ORPHAN_AGE_MS = 60 * 60 * 1000;
const MAX_REMOVED = 100;
const OTHER_ETAG = `"${'0'.repeat(32)}"`;
const URL_LIFE_MS = 60_000;
const REQUEST_TIMEOUT_MS = 3000;
/** Of a store that answers that it is busy; the first wait in milliseconds. */
const MAX_TRIES = 4;
const RETRY_DELAY_MS = 100;

/**
 * Takes an artifact through its whole life once, using every permission that the server needs, and removes what it
 * created.
 * @throws OtaError `store_unavailable` when the store cannot be used, or loses or alters what it is given; `no_space`
 */
export function probeS3(options: S3ProbeOptions): Promise<S3Enforcement> {
  return new Probe(options).run();
}

class Probe {
  readonly #bucket: S3Bucket;
  readonly #staging: string;
  readonly #artifacts: string;
  readonly #key: string;
  readonly #copy: string;
  readonly #expiresAt: Date;
  readonly #leftBefore: Date;

  constructor({ bucket, staging, artifacts, clock }: S3ProbeOptions) {
    this.#bucket = bucket;
    this.#staging = staging;
    this.#artifacts = artifacts;
    this.#key = `${staging}${NAME}${randomUUID()}`;
    this.#copy = `${artifacts}${NAME}${randomUUID()}`;
    this.#leftBefore = new Date(clock().getTime() - ORPHAN_AGE_MS);
    this.#expiresAt = new Date(clock().getTime() + URL_LIFE_MS);
  }

  async run(): Promise<S3Enforcement> {
    const bucket = this.#bucket;
    const key = this.#key;
    for await (const _ of bucket.list(this.#artifacts, { pageSize: 1 })) break; // first: a failed listing explains most clearly
    try {
      const arrived = await this.#requireUpload();
      const [refusals, copyCondition] = await Promise.all([
        this.#probeRefusals(`${key}-refused`),
        bucket.copy(key, `${key}-unconditional`, OTHER_ETAG).then((outcome) => outcome === 'changed'),
        this.#requireMultipart(),
      ]);
      await this.#requireCopy(arrived);
      await this.#removeOrphans().catch(() => {}); // the next start tries again
      return { ...refusals, copyCondition };
    } finally {
      const created = [key, `${key}-refused`, `${key}-unconditional`, this.#copy];
      await Promise.all(created.map((one) => bucket.delete(one).catch(() => {}))); // the next start removes the rest
    }
  }

  /** Reads it before it is copied: the refusal of a copy does not say which of its two permissions is missing. */
  async #requireUpload(): Promise<S3Object> {
    const bucket = this.#bucket;
    const url = await bucket.presignPut(this.#key, BYTES.length, this.#expiresAt);
    const response = await this.#request(url, { method: 'PUT', body: BYTES });
    if (response.status >= 300) {
      // The SDK adapts to the store's clock in its own requests; URLs for clients are signed by this server's.
      const error = this.#isSkewed(response)
        ? { ...response.error, name: 'RequestTimeTooSkewed' }
        : response.error;
      throw bucket.toError(error, 'uploading by a presigned URL (s3:PutObject)');
    }
    const arrived = await bucket.head(this.#key);
    if (arrived?.etag === '') throw notS3(bucket.endpoint); // a web site that serves a page for every path
    if (arrived?.size !== BYTES.length) throw this.#unsuitable('loses uploaded objects');
    return arrived;
  }

  /** Whether a URL was refused because by the store's clock it had expired, or was not valid yet. */
  #isSkewed({ status, date }: ProbeResponse): boolean {
    const left = this.#expiresAt.getTime() - Date.parse(date ?? '');
    return status === 403 && (left < 0 || left > 2 * URL_LIFE_MS);
  }

  async #probeRefusals(key: string): Promise<Omit<S3Enforcement, 'copyCondition'>> {
    const url = await this.#bucket.presignPut(key, BYTES.length, this.#expiresAt);
    const refuses = async (request: ProbeRequest): Promise<boolean> => {
      const { status } = await this.#request(url, { ...request, method: 'PUT' }).catch(() => ({ status: 0 }));
      return status < 200 || status >= 300;
    };
    const [length, chunked, checksum, twoAuthorizations] = await Promise.all([
      refuses({ body: Buffer.concat([BYTES, BYTES]) }),
      refuses({ body: BYTES, chunked: true }),
      refuses({ body: BYTES, headers: { 'content-md5': md5(Buffer.from('other')) } }),
      refuses({ body: BYTES, headers: { authorization: 'Bearer probe' } }),
    ]);
    return { length, chunked, checksum, twoAuthorizations };
  }

  /** Uses the permissions for copies and uploads in parts. */
  async #requireMultipart(): Promise<void> {
    const multipart = new S3Multipart(this.#bucket);
    const upload = await multipart.start(`${this.#staging}${NAME}${randomUUID()}`);
    try {
      await multipart.parts(upload);
      for await (const _ of multipart.unfinished(this.#staging, new Date(0))) break;
    } finally {
      await multipart.abort(upload);
    }
  }

  /** Copies, reads the copy back as the server and by a download URL, and deletes it. */
  async #requireCopy(source: S3Object): Promise<void> {
    const bucket = this.#bucket;
    const key = this.#copy;
    if ((await copyObject(bucket, { source, to: key })) === 'changed')
      throw this.#unsuitable('cannot copy objects');
    const read = await bucket.readSmall(key, BYTES.length + 1);
    if (read === undefined) throw this.#unsuitable('does not have a copy that it made');
    if (!read.bytes.equals(BYTES)) {
      throw this.#unsuitable('returns different bytes than were uploaded');
    }
    const url = await bucket.presignGet({
      key,
      fileName: 'probe',
      expiresAt: this.#expiresAt,
      method: 'GET',
    });
    const response = await this.#request(url, { method: 'GET' });
    if (response.status !== 200) {
      throw bucket.toError(response.error, 'downloading by a presigned URL (s3:GetObject)');
    }
    if (!response.body.equals(BYTES)) throw this.#unsuitable('serves different bytes than were uploaded');
    await bucket.delete(key);
    if ((await bucket.head(key)) !== undefined) throw this.#unsuitable('keeps deleted objects');
  }

  /** Removes what probes of processes that were killed have left, which their names and sizes prove. */
  async #removeOrphans(): Promise<void> {
    const bucket = this.#bucket;
    let left = MAX_REMOVED;
    for (const folder of [this.#staging, this.#artifacts]) {
      for await (const { key, size, lastModified } of bucket.list(folder + NAME)) {
        const isProbe = ORPHAN.test(key) && size <= 2 * BYTES.length && lastModified < this.#leftBefore;
        if (isProbe && left-- > 0) await bucket.delete(key);
      }
    }
    const multipart = new S3Multipart(bucket);
    for await (const upload of multipart.unfinished(this.#staging + NAME, this.#leftBefore)) {
      if (ORPHAN.test(upload.key) && left-- > 0) await multipart.abort(upload);
    }
  }

  /** Sends a request as a client does, which knows nothing of S3; again if the store is only busy, as the SDK does. */
  async #request(url: string, request: ProbeRequest): Promise<ProbeResponse> {
    for (let tries = 1; ; tries++) {
      const response = await this.#requestOnce(url, request);
      if (tries === MAX_TRIES || !isBusy(response.status)) return response;
      await sleep(RETRY_DELAY_MS * 2 ** tries * (0.5 + Math.random() / 2));
    }
  }

  async #requestOnce(
    url: string,
    { body: bytes, chunked, ...request }: ProbeRequest,
  ): Promise<ProbeResponse> {
    const signal = AbortSignal.timeout(REQUEST_TIMEOUT_MS);
    // `fetch` wants `duplex` for a body that is a stream; the type of its options lacks it.
    const sent: RequestInit & { duplex?: 'half' } =
      bytes && chunked
        ? { body: new Blob([new Uint8Array(bytes)]).stream(), duplex: 'half' }
        : bytes
          ? { body: new Uint8Array(bytes) }
          : {};
    try {
      const response = await fetch(url, { ...request, ...sent, signal, redirect: 'manual' });
      const body = Buffer.from(await response.arrayBuffer());
      const name = /<Code>(\w+)<\/Code>/.exec(body.toString('utf8'))?.[1] ?? 'UnknownError';
      const region = response.headers.get('x-amz-bucket-region');
      const $metadata = { httpStatusCode: response.status };
      const error = { name, $metadata, ...(region && { Region: region }) };
      return { status: response.status, date: response.headers.get('date'), body, error };
    } catch (error) {
      // `fetch` wraps the connection's error.
      const isWrapped = error instanceof Error && error.name !== 'TimeoutError' && error.cause !== undefined;
      throw this.#bucket.toError(isWrapped ? error.cause : error, 'reaching the store by a presigned URL');
    }
  }

  #unsuitable(what: string): OtaError {
    const { name, endpoint } = this.#bucket;
    return new OtaError('store_unavailable', `the bucket ${name} at ${endpoint} ${what}`, {
      hint: 'Use a different S3 store, or another version of this one: it cannot store updates reliably.',
    });
  }
}

function md5(bytes: Buffer): string {
  return createHash('md5').update(bytes).digest('base64');
}
