import { Readable } from 'node:stream';
import {
  CopyObjectCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  type S3Client,
} from '@aws-sdk/client-s3';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';
import type { Clock } from '../../protocol/time.ts';
import { readChunks } from '../../runtime/read-chunks.ts';
import { contentDisposition } from '../content-disposition.ts';
import { SLOW_REQUEST } from './s3-client.ts';
import { isConditionRefused, isNotFound, s3ErrorCode, toS3Error } from './s3-error.ts';
import { isForeign } from './s3-location.ts';

export interface S3Object {
  readonly key: string;
  /** Bytes. */
  readonly size: number;
  /** In quotes, as the store sends it. */
  readonly etag: string;
  readonly lastModified: Date;
}

export interface S3BucketOptions {
  readonly client: S3Client;
  /** Signs the URLs that clients use; the same when left out. It sends nothing. */
  readonly signer?: S3Client;
  readonly name: string;
  /** The server that requests go to, as people know it. */
  readonly endpoint: string;
  readonly clock: Clock;
}

export interface PutCondition {
  /** Only while the object has this ETag. */
  readonly ifMatch?: string;
  /** `*`: only while there is no object. */
  readonly ifNoneMatch?: string;
}

export interface PresignedGet {
  readonly key: string;
  readonly fileName: string;
  readonly expiresAt: Date;
  readonly method: 'GET' | 'HEAD';
}

export interface ListOptions {
  /** By default a thousand. */
  readonly pageSize?: number;
  /** Lists the keys after this one. */
  readonly startAfter?: string;
  /** Also what is in folders of that one, whoever it belongs to. */
  readonly isDeep?: boolean;
}

/** Sent to readers of an object. */
export interface ObjectHeaders {
  readonly contentType: string;
  readonly cacheControl: string;
}

/** Of every stored file: no browser displays or runs it. */
export const CONTENT_TYPE = 'application/octet-stream';
/** Sent with downloads, as our own server does: their bytes never change, and no proxy may compress them. */
const DOWNLOAD_CACHE = 'private, max-age=3600, immutable, no-transform';
/** S3's longest lifetime of a presigned URL, in seconds. */
const MAX_PRESIGNED_SECONDS = 7 * 24 * 60 * 60;

/** One bucket, with a method for each operation. Each rejects with the error of `toS3Error`. */
export class S3Bucket {
  readonly client: S3Client;
  readonly signer: S3Client;
  readonly name: string;
  readonly endpoint: string;
  readonly #clock: Clock;

  constructor({ client, signer = client, name, endpoint, clock }: S3BucketOptions) {
    this.client = client;
    this.signer = signer;
    this.name = name;
    this.endpoint = endpoint;
    this.#clock = clock;
  }

  /** With presigned URLs for this server itself. */
  asServerReachesIt(): S3Bucket {
    const { client, name, endpoint } = this;
    return new S3Bucket({ client, name, endpoint, clock: this.#clock });
  }

  /** @returns undefined when there is no such object */
  async head(key: string): Promise<S3Object | undefined> {
    const input = { Bucket: this.name, Key: key };
    try {
      const {
        ContentLength = 0,
        ETag = '',
        LastModified,
      } = await this.client.send(new HeadObjectCommand(input));
      return { key, size: ContentLength, etag: ETag, lastModified: LastModified ?? new Date(0) };
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw this.toError(error, 'reading objects (s3:GetObject)');
    }
  }

  /** Rejects when there is no such object. Each chunk is valid only until the next is asked for. */
  async *read(key: string): AsyncIterable<Uint8Array> {
    try {
      const { body } = await this.#open(key);
      yield* body;
    } catch (error) {
      throw this.toError(error, 'reading objects (s3:GetObject)');
    }
  }

  /** Reads a small object into memory, cut off after that many bytes; undefined when there is none. */
  async readSmall(
    key: string,
    maxBytes: number,
  ): Promise<{ readonly bytes: Buffer; readonly etag: string } | undefined> {
    try {
      const { body, etag } = await this.#open(key);
      const chunks: Uint8Array[] = [];
      let size = 0;
      for await (const chunk of body) {
        chunks.push(Buffer.from(chunk));
        size += chunk.length;
        if (size > maxBytes) break;
      }
      return { bytes: Buffer.concat(chunks).subarray(0, maxBytes), etag };
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw this.toError(error, 'reading objects (s3:GetObject)');
    }
  }

  /** Rejects with the store's own error. */
  async #open(key: string): Promise<{ readonly body: AsyncIterable<Uint8Array>; readonly etag: string }> {
    const input = { Bucket: this.name, Key: key };
    const { Body, ETag: etag = '' } = await this.client.send(new GetObjectCommand(input));
    if (!(Body instanceof Readable)) throw new Error('the response has no body');
    return { body: chunksOf(Body), etag };
  }

  /**
   * Copies an object of up to 5 GiB inside the bucket, without the metadata its uploader set (type, encoding).
   * @param etag copies only while the source has this ETag; undefined: unconditionally
   * @returns `changed` when the source has another ETag or is gone, or the store does not support the condition
   */
  async copy(from: string, to: string, etag: string | undefined): Promise<'copied' | 'changed'> {
    const input = {
      Bucket: this.name,
      Key: to,
      CopySource: this.copySource(from),
      MetadataDirective: 'REPLACE',
      ContentType: CONTENT_TYPE,
      ...(etag !== undefined && { CopySourceIfMatch: etag }),
    } as const;
    try {
      await this.client.send(new CopyObjectCommand(input), SLOW_REQUEST);
      return 'copied';
    } catch (error) {
      if (isNotFound(error) || (etag !== undefined && isConditionRefused(error))) return 'changed';
      throw this.toError(error, 'copying objects (s3:GetObject and s3:PutObject)');
    }
  }

  /**
   * Writes an object under a condition.
   * @returns `refused` when it is not met, or the store does not support it; `conflict` when another one is being written
   */
  async putIf(
    key: string,
    bytes: Buffer,
    { ifMatch, ifNoneMatch }: PutCondition = {},
  ): Promise<'written' | 'refused' | 'conflict'> {
    const input = {
      Bucket: this.name,
      Key: key,
      Body: bytes,
      ContentType: CONTENT_TYPE,
      ...(ifMatch !== undefined && { IfMatch: ifMatch }),
      ...(ifNoneMatch !== undefined && { IfNoneMatch: ifNoneMatch }),
    };
    try {
      await this.client.send(new PutObjectCommand(input), SLOW_REQUEST);
      return 'written';
    } catch (error) {
      if (s3ErrorCode(error) === 'ConditionalRequestConflict') return 'conflict';
      const conditional = ifMatch !== undefined || ifNoneMatch !== undefined;
      if (conditional && (isConditionRefused(error) || isNotFound(error))) return 'refused';
      throw this.toError(error, 'writing objects (s3:PutObject)');
    }
  }

  /** Replaces an existing object. */
  async put(key: string, bytes: Buffer, headers?: ObjectHeaders): Promise<void> {
    const input = { Bucket: this.name, Key: key, Body: bytes, ...headersOf(headers) };
    await this.client.send(new PutObjectCommand(input), SLOW_REQUEST).catch((error) => {
      throw this.toError(error, 'writing objects (s3:PutObject)');
    });
  }

  /** Resolves also when there is no such object. */
  async delete(key: string): Promise<void> {
    const input = { Bucket: this.name, Key: key };
    await this.client.send(new DeleteObjectCommand(input)).catch((error) => {
      if (!isNotFound(error)) throw this.toError(error, 'deleting objects (s3:DeleteObject)');
    });
  }

  /** Lists a folder, without other servers' objects (`isForeign`). @param prefix with a trailing slash */
  async *list(prefix: string, { pageSize, startAfter, isDeep }: ListOptions = {}): AsyncIterable<S3Object> {
    let after: string | undefined;
    for (;;) {
      const input = {
        Bucket: this.name,
        Prefix: prefix,
        ...(after ? { ContinuationToken: after } : startAfter && { StartAfter: startAfter }),
        ...(pageSize && { MaxKeys: pageSize }),
      };
      const page = await this.client.send(new ListObjectsV2Command(input)).catch((error) => {
        throw this.toError(error, 'listing objects (s3:ListBucket)');
      });
      for (const { Key: key = '', Size: size = 0, ETag: etag = '', LastModified } of page.Contents ?? []) {
        if (!isDeep && isForeign(key, prefix)) continue;
        yield { key, size, etag, lastModified: LastModified ?? new Date() }; // of unknown age: nothing old, to be swept
      }
      const next = page.IsTruncated ? page.NextContinuationToken : undefined;
      if (!next || next === after) return; // a store that repeats its marker would list forever
      after = next;
    }
  }

  /** A URL for one PUT of exactly `size` bytes: the length is signed, the content type is not. */
  presignPut(key: string, size: number, expiresAt: Date): Promise<string> {
    const command = new PutObjectCommand({ Bucket: this.name, Key: key, ContentLength: size });
    return getSignedUrl(this.signer, command, this.presigning(expiresAt));
  }

  /** A URL that browsers save as a file. */
  presignGet({ key, fileName, expiresAt, method }: PresignedGet): Promise<string> {
    const input = {
      Bucket: this.name,
      Key: key,
      ResponseContentDisposition: contentDisposition(fileName),
      ResponseContentType: CONTENT_TYPE,
      ResponseCacheControl: DOWNLOAD_CACHE,
    };
    const presigning = this.presigning(expiresAt);
    return method === 'HEAD'
      ? getSignedUrl(this.signer, new HeadObjectCommand(input), presigning)
      : getSignedUrl(this.signer, new GetObjectCommand(input), presigning);
  }

  /** The presigner's options for a URL that expires then. */
  presigning(expiresAt: Date) {
    const signingDate = this.#clock();
    const seconds = Math.floor((expiresAt.getTime() - signingDate.getTime()) / 1000);
    return { signingDate, expiresIn: Math.min(seconds, MAX_PRESIGNED_SECONDS) };
  }

  /** The source of a copy. No character of our keys needs encoding. */
  copySource(key: string): string {
    return `${this.name}/${key}`;
  }

  /** @param action with the permission it needs, in AWS's notation: `reading objects (s3:GetObject)` */
  toError(error: unknown, action: string): unknown {
    return toS3Error(error, { bucket: this.name, endpoint: this.endpoint, action });
  }
}

/** Whoever stops early needs no more of it. */
async function* chunksOf(body: Readable): AsyncIterable<Uint8Array> {
  try {
    yield* readChunks(body);
  } finally {
    body.destroy();
  }
}

/** As a request has them; by default those of the server's own files. */
export function headersOf({ contentType, cacheControl }: Partial<ObjectHeaders> = {}) {
  return {
    ContentType: contentType ?? CONTENT_TYPE,
    ...(cacheControl !== undefined && { CacheControl: cacheControl }),
  };
}
