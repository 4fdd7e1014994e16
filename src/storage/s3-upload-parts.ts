import type { ArrivedPart, MultipartUploadKey, PartUrlRequest, UploadParts } from './remote-storage.ts';
import type { MultipartId, S3Multipart } from './s3/s3-multipart.ts';

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
