import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  ListMultipartUploadsCommand,
  ListPartsCommand,
  UploadPartCommand,
  UploadPartCopyCommand,
} from '@aws-sdk/client-s3';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';
import type { ArrivedPart, MultipartUploadKey, PartUrlRequest, UploadParts } from '../remote-storage.ts';
import { headersOf, type ObjectHeaders, type S3Bucket, type S3Object } from './s3-bucket.ts';
import { SLOW_REQUEST } from './s3-client.ts';
import { isConditionRefused, isNotFound, notS3, s3ErrorCode, s3Status } from './s3-error.ts';
import { isForeign } from './s3-location.ts';

export interface MultipartId {
  readonly key: string;
  /** S3's UploadId. */
  readonly id: string;
}

export interface PartCopy {
  /** From 1. */
  readonly number: number;
  readonly source: S3Object;
  /** Offset of the first and of the last byte. */
  readonly first: number;
  readonly last: number;
  /** Copies only while the source has its ETag. */
  readonly ifUnchanged: boolean;
}

/** After the start of any upload. */
const END_OF_TIME = new Date(8.64e15);
/** S3's limit of parts for one upload. */
const MAX_PARTS = 10_000;
/** Codes for ETags that are not those of the upload's parts, or parts that do not make a file. */
const WRONG_PARTS: readonly string[] = ['InvalidPart', 'InvalidPartOrder', 'EntityTooSmall', 'MalformedXML'];

/** Bytes of each part: as many as wanted, or more where there would be too many parts. */
export function s3PartSize(size: number, wanted: number): number {
  return Math.max(wanted, Math.ceil(size / MAX_PARTS));
}

/** S3's multipart uploads in one bucket. Each method rejects with the error of `toS3Error`. */
export class S3Multipart {
  readonly #bucket: S3Bucket;

  constructor(bucket: S3Bucket) {
    this.#bucket = bucket;
  }

  async start(key: string, headers?: ObjectHeaders): Promise<MultipartId> {
    const input = { Bucket: this.#bucket.name, Key: key, ...headersOf(headers) };
    const { UploadId: id } = await this.#bucket.client
      .send(new CreateMultipartUploadCommand(input))
      .catch((error) => this.#fail(error, 'starting a multipart upload (s3:PutObject)'));
    if (id === undefined) throw notS3(this.#bucket.endpoint);
    return { key, id };
  }

  /**
   * Copies a range of an object as a part.
   * @returns the part's ETag, or `changed` when the source has another ETag
   */
  async copyPart(
    upload: MultipartId,
    { number, source, first, last, ifUnchanged }: PartCopy,
  ): Promise<{ readonly etag: string } | 'changed'> {
    const input = {
      ...this.#identify(upload),
      PartNumber: number,
      CopySource: this.#bucket.copySource(source.key),
      CopySourceRange: `bytes=${first}-${last}`,
      ...(ifUnchanged && { CopySourceIfMatch: source.etag }),
    };
    try {
      const command = new UploadPartCopyCommand(input);
      const { CopyPartResult } = await this.#bucket.client.send(command, SLOW_REQUEST);
      return { etag: CopyPartResult?.ETag ?? '' };
    } catch (error) {
      if (ifUnchanged && isConditionRefused(error)) return 'changed';
      return this.#fail(error, 'copying objects (s3:GetObject and s3:PutObject)');
    }
  }

  /** @returns the part's ETag */
  async putPart(upload: MultipartId, number: number, bytes: Buffer): Promise<string> {
    const input = { ...this.#identify(upload), PartNumber: number, Body: bytes };
    const { ETag = '' } = await this.#bucket.client
      .send(new UploadPartCommand(input), SLOW_REQUEST)
      .catch((error) => this.#fail(error, 'writing objects (s3:PutObject)'));
    return ETag;
  }

  /** The parts that have arrived, by number; undefined when there is no such upload, or no longer. */
  async parts(upload: MultipartId): Promise<ReadonlyMap<number, ArrivedPart> | undefined> {
    const parts = new Map<number, ArrivedPart>();
    let after = 0;
    for (;;) {
      const input = { ...this.#identify(upload), ...(after > 0 && { PartNumberMarker: String(after) }) };
      const page = await this.#bucket.client.send(new ListPartsCommand(input)).catch((error) => {
        if (isNotFound(error)) return undefined;
        return this.#fail(error, 'listing parts (s3:ListMultipartUploadParts)');
      });
      if (page === undefined) return undefined;
      for (const { PartNumber: number = 0, ETag: etag = '', Size: size = 0 } of page.Parts ?? []) {
        parts.set(number, { etag, size });
      }
      const next = page.IsTruncated ? Number(page.NextPartNumberMarker ?? 0) : 0;
      if (!(next > after)) return parts; // a store that repeats its marker would list forever
      after = next;
    }
  }

  presignPart(
    upload: MultipartId,
    { number, size, expiresAt }: Pick<PartUrlRequest, 'number' | 'size' | 'expiresAt'>,
  ): Promise<string> {
    const input = { ...this.#identify(upload), PartNumber: number, ContentLength: size };
    const bucket = this.#bucket;
    return getSignedUrl(bucket.signer, new UploadPartCommand(input), bucket.presigning(expiresAt));
  }

  /**
   * Assembles the object.
   * @param etags of all parts, in order
   * @returns `differ` when they are not those of its parts; `gone` when there is no such upload, or no longer
   */
  async complete(upload: MultipartId, etags: readonly string[]): Promise<'assembled' | 'differ' | 'gone'> {
    const Parts = etags.map((ETag, i) => ({ PartNumber: i + 1, ETag }));
    const input = { ...this.#identify(upload), MultipartUpload: { Parts } };
    try {
      await this.#bucket.client.send(new CompleteMultipartUploadCommand(input), SLOW_REQUEST);
      return 'assembled';
    } catch (error) {
      if (isNotFound(error)) return 'gone';
      if (WRONG_PARTS.includes(s3ErrorCode(error))) return 'differ';
      // Ceph responds InternalError for an upload that it does not know.
      if ((s3Status(error) ?? 0) >= 500 && (await this.parts(upload)) === undefined) return 'gone';
      return this.#fail(error, 'completing a multipart upload (s3:PutObject)');
    }
  }

  /** Resolves also when there is no such upload. */
  async abort(upload: MultipartId): Promise<void> {
    await this.#bucket.client.send(new AbortMultipartUploadCommand(this.#identify(upload))).catch((error) => {
      if (!isNotFound(error)) this.#fail(error, 'aborting a multipart upload (s3:AbortMultipartUpload)');
    });
  }

  /**
   * Uploads that are neither completed nor aborted, without other servers' (`isForeign`).
   * @param prefix the beginning of their keys
   * @param olderThan only those that were started before
   */
  async *unfinished(prefix: string, olderThan = END_OF_TIME): AsyncIterable<MultipartId> {
    let after: { readonly KeyMarker?: string | undefined; readonly UploadIdMarker?: string | undefined } = {};
    for (;;) {
      const input = { Bucket: this.#bucket.name, Prefix: prefix, ...after };
      const page = await this.#bucket.client
        .send(new ListMultipartUploadsCommand(input))
        .catch((error) => this.#fail(error, 'listing multipart uploads (s3:ListBucketMultipartUploads)'));
      for (const { Key: key = '', UploadId: id = '', Initiated } of page.Uploads ?? []) {
        if (isForeign(key, prefix)) continue;
        if (Initiated !== undefined && Initiated < olderThan) yield { key, id };
      }
      const next = { KeyMarker: page.NextKeyMarker, UploadIdMarker: page.NextUploadIdMarker };
      const isMoved = next.KeyMarker !== after.KeyMarker || next.UploadIdMarker !== after.UploadIdMarker;
      if (!page.IsTruncated || !next.KeyMarker || !isMoved) return;
      after = next;
    }
  }

  #identify({ key, id }: MultipartId) {
    return { Bucket: this.#bucket.name, Key: key, UploadId: id };
  }

  #fail(error: unknown, action: string): never {
    throw this.#bucket.toError(error, action);
  }
}

/** Uploads in parts, as S3's multipart uploads in the folder where single PUTs arrive too. */
export class S3UploadParts implements UploadParts {
  readonly #multipart: S3Multipart;
  readonly #staging: string;

  /** @param staging the prefix of all uploads' keys */
  constructor(multipart: S3Multipart, staging: string) {
    this.#multipart = multipart;
    this.#staging = staging;
  }

  async start(uploadId: string): Promise<string> {
    return (await this.#multipart.start(this.#staging + uploadId)).id;
  }

  url(request: PartUrlRequest): Promise<string> {
    return this.#multipart.presignPart(this.#identify(request), request);
  }

  arrived(upload: MultipartUploadKey): Promise<ReadonlyMap<number, ArrivedPart> | undefined> {
    return this.#multipart.parts(this.#identify(upload));
  }

  assemble(upload: MultipartUploadKey, etags: readonly string[]): Promise<'assembled' | 'differ' | 'gone'> {
    return this.#multipart.complete(this.#identify(upload), etags);
  }

  abort(upload: MultipartUploadKey): Promise<void> {
    return this.#multipart.abort(this.#identify(upload));
  }

  async *unfinished(olderThan: Date): AsyncIterable<MultipartUploadKey> {
    for await (const { key, id } of this.#multipart.unfinished(this.#staging, olderThan)) {
      yield { uploadId: key.slice(this.#staging.length), multipartId: id };
    }
  }

  #identify({ uploadId, multipartId }: MultipartUploadKey): MultipartId {
    return { key: this.#staging + uploadId, id: multipartId };
  }
}
