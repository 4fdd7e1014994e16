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
import { CONTENT_TYPE, type S3Bucket, type S3Object } from './s3-bucket.ts';
import { SLOW_REQUEST } from './s3-client.ts';
import { isConditionRefused, isNotThere, notS3, s3ErrorCode, s3Status } from './s3-error.ts';
import { isOfAnother } from './s3-location.ts';

/** A multipart upload by what S3 knows it by. */
export interface MultipartId {
  readonly key: string;
  /** S3's name of it, opaque. */
  readonly id: string;
}

/** S3's limit of parts for one upload. */
const MAX_PARTS = 10_000;
/** Codes by which a store tells that ETags are not those of its parts, or parts not as they have to be. */
const NOT_ITS_PARTS = ['InvalidPart', 'InvalidPartOrder', 'EntityTooSmall', 'MalformedXML'];

/** Bytes of each part: as many as wanted, or more where there would be too many parts. */
export function s3PartSize(size: number, wanted: number): number {
  return Math.max(wanted, Math.ceil(size / MAX_PARTS));
}

/** S3's multipart uploads in one bucket. */
export class S3Multipart {
  readonly #bucket: S3Bucket;

  constructor(bucket: S3Bucket) {
    this.#bucket = bucket;
  }

  async start(key: string): Promise<MultipartId> {
    const input = { Bucket: this.#bucket.name, Key: key, ContentType: CONTENT_TYPE };
    const { UploadId: id } = await this.#bucket.client
      .send(new CreateMultipartUploadCommand(input))
      .catch((error) => this.#fail(error, 'starting a multipart upload (s3:PutObject)'));
    if (id === undefined) throw notS3(this.#bucket.endpoint);
    return { key, id };
  }

  /**
   * Lets a part be a copy of an object's bytes.
   * @returns the part's ETag, or `changed` when the object is not any more what it was
   */
  async copyPart(
    upload: MultipartId,
    number: number,
    source: S3Object,
    { first, last, ifUnchanged }: { first: number; last: number; ifUnchanged: boolean },
  ): Promise<{ readonly etag: string } | 'changed'> {
    const input = {
      ...this.#named(upload),
      PartNumber: number,
      CopySource: this.#bucket.source(source.key),
      CopySourceRange: `bytes=${first}-${last}`,
      ...(ifUnchanged && { CopySourceIfMatch: source.etag }),
    };
    try {
      const { CopyPartResult } = await this.#bucket.client.send(
        new UploadPartCopyCommand(input),
        SLOW_REQUEST,
      );
      return { etag: CopyPartResult?.ETag ?? '' };
    } catch (error) {
      if (ifUnchanged && isConditionRefused(error)) return 'changed';
      return this.#fail(error, 'copying objects (s3:GetObject and s3:PutObject)');
    }
  }

  /** Sends a part. @returns its ETag */
  async putPart(upload: MultipartId, number: number, bytes: Buffer): Promise<string> {
    const input = { ...this.#named(upload), PartNumber: number, Body: bytes };
    const { ETag = '' } = await this.#bucket.client
      .send(new UploadPartCommand(input), SLOW_REQUEST)
      .catch((error) => this.#fail(error, 'writing objects (s3:PutObject)'));
    return ETag;
  }

  /** What of it is there, by number; undefined when there is no such upload (any more). */
  async parts(upload: MultipartId): Promise<ReadonlyMap<number, ArrivedPart> | undefined> {
    const parts = new Map<number, ArrivedPart>();
    let after = 0;
    for (;;) {
      const input = { ...this.#named(upload), ...(after > 0 && { PartNumberMarker: String(after) }) };
      const page = await this.#bucket.client.send(new ListPartsCommand(input)).catch((error) => {
        if (isNotThere(error)) return undefined;
        return this.#fail(error, 'listing parts (s3:ListMultipartUploadParts)');
      });
      if (page === undefined) return undefined;
      for (const { PartNumber: number = 0, ETag: etag = '', Size: size = 0 } of page.Parts ?? []) {
        parts.set(number, { etag, size });
      }
      const next = page.IsTruncated ? Number(page.NextPartNumberMarker ?? 0) : 0;
      if (!(next > after)) return parts; // as of other listings: a store that does not get on would list for ever
      after = next;
    }
  }

  /** A URL that takes one PUT of exactly so many bytes. */
  presignPart(upload: MultipartId, number: number, size: number, expiresAt: Date): Promise<string> {
    const input = { ...this.#named(upload), PartNumber: number, ContentLength: size };
    const bucket = this.#bucket;
    return getSignedUrl(bucket.client, new UploadPartCommand(input), bucket.presigning(expiresAt));
  }

  /**
   * Makes the object of its parts, whose ETags come in order.
   * @returns `differ` when they are not its parts; `gone` when there is no such upload (any more)
   */
  async complete(upload: MultipartId, etags: readonly string[]): Promise<'joined' | 'differ' | 'gone'> {
    const Parts = etags.map((ETag, i) => ({ PartNumber: i + 1, ETag }));
    const input = { ...this.#named(upload), MultipartUpload: { Parts } };
    try {
      await this.#bucket.client.send(new CompleteMultipartUploadCommand(input), SLOW_REQUEST);
      return 'joined';
    } catch (error) {
      if (isNotThere(error)) return 'gone';
      if (NOT_ITS_PARTS.includes(s3ErrorCode(error))) return 'differ';
      // Ceph only says InternalError of an upload that it does not know.
      if ((s3Status(error) ?? 0) >= 500 && (await this.parts(upload)) === undefined) return 'gone';
      return this.#fail(error, 'completing a multipart upload (s3:PutObject)');
    }
  }

  /** Drops an upload and its parts; resolves also when there is none. */
  async abort(upload: MultipartId): Promise<void> {
    await this.#bucket.client.send(new AbortMultipartUploadCommand(this.#named(upload))).catch((error) => {
      if (!isNotThere(error)) this.#fail(error, 'ending a multipart upload (s3:AbortMultipartUpload)');
    });
  }

  /** Uploads whose key begins so, but for what `isOfAnother`, that were started before `olderThan` and are neither complete nor ended. */
  async *unfinished(prefix: string, olderThan: Date): AsyncIterable<MultipartId> {
    let after: { readonly KeyMarker?: string | undefined; readonly UploadIdMarker?: string | undefined } = {};
    for (;;) {
      const input = { Bucket: this.#bucket.name, Prefix: prefix, ...after };
      const page = await this.#bucket.client
        .send(new ListMultipartUploadsCommand(input))
        .catch((error) => this.#fail(error, 'listing multipart uploads (s3:ListBucketMultipartUploads)'));
      for (const { Key: key = '', UploadId: id = '', Initiated } of page.Uploads ?? []) {
        if (isOfAnother(key, prefix)) continue;
        if (Initiated !== undefined && Initiated < olderThan) yield { key, id };
      }
      const next = { KeyMarker: page.NextKeyMarker, UploadIdMarker: page.NextUploadIdMarker };
      const isMoved = next.KeyMarker !== after.KeyMarker || next.UploadIdMarker !== after.UploadIdMarker;
      if (!page.IsTruncated || !next.KeyMarker || !isMoved) return;
      after = next;
    }
  }

  #named({ key, id }: MultipartId) {
    return { Bucket: this.#bucket.name, Key: key, UploadId: id };
  }

  #fail(error: unknown, action: string): never {
    throw this.#bucket.failure(error, action);
  }
}

/** Uploads in parts, by S3's multipart uploads to where single PUTs go too. */
export class S3UploadParts implements UploadParts {
  readonly #multipart: S3Multipart;
  readonly #staging: string;

  /** @param staging what the keys of all uploads begin with */
  constructor(multipart: S3Multipart, staging: string) {
    this.#multipart = multipart;
    this.#staging = staging;
  }

  async start(uploadId: string): Promise<string> {
    return (await this.#multipart.start(this.#staging + uploadId)).id;
  }

  url({ number, size, expiresAt, ...upload }: PartUrlRequest): Promise<string> {
    return this.#multipart.presignPart(this.#named(upload), number, size, expiresAt);
  }

  arrived(upload: MultipartUploadKey): Promise<ReadonlyMap<number, ArrivedPart> | undefined> {
    return this.#multipart.parts(this.#named(upload));
  }

  join(upload: MultipartUploadKey, etags: readonly string[]): Promise<'joined' | 'differ' | 'gone'> {
    return this.#multipart.complete(this.#named(upload), etags);
  }

  end(upload: MultipartUploadKey): Promise<void> {
    return this.#multipart.abort(this.#named(upload));
  }

  async *unfinished(olderThan: Date): AsyncIterable<MultipartUploadKey> {
    for await (const { key, id } of this.#multipart.unfinished(this.#staging, olderThan)) {
      yield { uploadId: key.slice(this.#staging.length), multipartId: id };
    }
  }

  #named({ uploadId, multipartId }: MultipartUploadKey): MultipartId {
    return { key: this.#staging + uploadId, id: multipartId };
  }
}
