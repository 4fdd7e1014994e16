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
import { SLOW_REQUEST } from './s3-client.ts';
import { isConditionRefused, isNotThere, s3Failure } from './s3-error.ts';
import { isOfAnother } from './s3-location.ts';

/** What is stored under a key. */
export interface S3Object {
  readonly key: string;
  /** Bytes. */
  readonly size: number;
  /** In quotes, as the store gives it. */
  readonly etag: string;
  readonly lastModified: Date;
}

/** A GET or HEAD to be presigned. */
export interface PresignedGet {
  readonly key: string;
  readonly fileName: string;
  readonly expiresAt: Date;
  readonly method: 'GET' | 'HEAD';
}

/** What every stored file is: nothing that a browser shows or runs. */
export const CONTENT_TYPE = 'application/octet-stream';
/** Of a download, which is always of the same bytes: as our own server sends it. */
const DOWNLOAD_CACHE = 'private, max-age=3600, immutable';
/** Longest life of a presigned URL, in seconds. */
const MAX_PRESIGNED_SECONDS = 7 * 24 * 60 * 60;

/** One bucket, one method for each operation; failures are told as `s3Failure` does. */
export class S3Bucket {
  readonly client: S3Client;
  readonly name: string;
  /** Where requests go, for people. */
  readonly endpoint: string;
  readonly #clock: Clock;

  constructor(client: S3Client, name: string, endpoint: string, clock: Clock) {
    this.client = client;
    this.name = name;
    this.endpoint = endpoint;
    this.#clock = clock;
  }

  /** Undefined when there is nothing under the key. */
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
      if (isNotThere(error)) return undefined;
      throw this.failure(error, 'looking at objects (s3:GetObject)');
    }
  }

  /** The bytes under a key, as a stream. Rejects when there is nothing. */
  async *read(key: string): AsyncIterable<Uint8Array> {
    const input = { Bucket: this.name, Key: key };
    try {
      const { Body } = await this.client.send(new GetObjectCommand(input));
      if (Body === undefined) throw new Error('the answer has no body');
      yield* Body as AsyncIterable<Uint8Array>;
    } catch (error) {
      throw this.failure(error, 'reading objects (s3:GetObject)');
    }
  }

  /**
   * All the bytes under a key at once. Rejects when there is nothing.
   * @returns undefined when they are more than `maxBytes`, which are not read on
   */
  async readAll(key: string, maxBytes: number): Promise<Buffer | undefined>;
  async readAll(key: string): Promise<Buffer>;
  async readAll(key: string, maxBytes = Number.POSITIVE_INFINITY): Promise<Buffer | undefined> {
    const chunks: Uint8Array[] = [];
    let size = 0;
    for await (const chunk of this.read(key)) {
      size += chunk.length;
      if (size > maxBytes) return undefined;
      chunks.push(chunk);
    }
    return Buffer.concat(chunks);
  }

  /**
   * Copies an object of up to 5 GiB inside the bucket, without what its uploader said of it (its type, its encoding).
   * @param etag only if the source still has it; without it, whatever the source is
   * @returns `changed` when the source has another ETag, or is gone, or the store knows no such condition
   */
  async copy(from: string, to: string, etag: string | undefined): Promise<'copied' | 'changed'> {
    const input = {
      Bucket: this.name,
      Key: to,
      CopySource: this.source(from),
      MetadataDirective: 'REPLACE',
      ContentType: CONTENT_TYPE,
      ...(etag !== undefined && { CopySourceIfMatch: etag }),
    } as const;
    try {
      await this.client.send(new CopyObjectCommand(input), SLOW_REQUEST);
      return 'copied';
    } catch (error) {
      if (isNotThere(error) || (etag !== undefined && isConditionRefused(error))) return 'changed';
      throw this.failure(error, 'copying objects (s3:GetObject and s3:PutObject)');
    }
  }

  /** Puts a few bytes under a key, in place of what is there. */
  async put(key: string, bytes: Buffer): Promise<void> {
    const input = { Bucket: this.name, Key: key, Body: bytes, ContentType: CONTENT_TYPE };
    await this.client.send(new PutObjectCommand(input), SLOW_REQUEST).catch((error) => {
      throw this.failure(error, 'writing objects (s3:PutObject)');
    });
  }

  /** Resolves also when there is nothing under the key. */
  async delete(key: string): Promise<void> {
    const input = { Bucket: this.name, Key: key };
    await this.client.send(new DeleteObjectCommand(input)).catch((error) => {
      if (!isNotThere(error)) throw this.failure(error, 'deleting objects (s3:DeleteObject)');
    });
  }

  /** What is in a folder, page by page, but for what `isOfAnother`. @param prefix with a slash at its end */
  async *list(prefix: string, pageSize?: number): AsyncIterable<S3Object> {
    let after: string | undefined;
    for (;;) {
      const input = {
        Bucket: this.name,
        Prefix: prefix,
        ...(after && { ContinuationToken: after }),
        ...(pageSize && { MaxKeys: pageSize }),
      };
      const page = await this.client.send(new ListObjectsV2Command(input)).catch((error) => {
        throw this.failure(error, 'listing objects (s3:ListBucket)');
      });
      for (const { Key: key = '', Size: size = 0, ETag: etag = '', LastModified } of page.Contents ?? []) {
        if (isOfAnother(key, prefix)) continue;
        yield { key, size, etag, lastModified: LastModified ?? new Date() }; // what does not say how old it is, is not old
      }
      const next = page.IsTruncated ? page.NextContinuationToken : undefined;
      if (!next || next === after) return; // a store that does not get on would list for ever
      after = next;
    }
  }

  /** A URL that takes one PUT of exactly so many bytes: their number is signed, what they are called is not. */
  presignPut(key: string, size: number, expiresAt: Date): Promise<string> {
    const command = new PutObjectCommand({ Bucket: this.name, Key: key, ContentLength: size });
    return getSignedUrl(this.client, command, this.presigning(expiresAt));
  }

  /** A URL that gives the bytes as a file to be saved. */
  presignGet({ key, fileName, expiresAt, method }: PresignedGet): Promise<string> {
    const Command = method === 'HEAD' ? HeadObjectCommand : GetObjectCommand;
    const command = new Command({
      Bucket: this.name,
      Key: key,
      ResponseContentDisposition: `attachment; filename="${fileName}"`,
      ResponseContentType: CONTENT_TYPE,
      ResponseCacheControl: DOWNLOAD_CACHE,
    });
    return getSignedUrl(this.client, command as GetObjectCommand, this.presigning(expiresAt));
  }

  /** How a presigned URL lives until then. */
  presigning(expiresAt: Date) {
    const signingDate = this.#clock();
    const seconds = Math.floor((expiresAt.getTime() - signingDate.getTime()) / 1000);
    return { signingDate, expiresIn: Math.min(seconds, MAX_PRESIGNED_SECONDS) };
  }

  /** A key of this bucket as the source of a copy. Nothing in a key of ours needs encoding. */
  source(key: string): string {
    return `${this.name}/${key}`;
  }

  failure(error: unknown, action: string): unknown {
    return s3Failure(error, { bucket: this.name, endpoint: this.endpoint, action });
  }
}
