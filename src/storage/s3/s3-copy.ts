import { mapConcurrently } from '../../runtime/map-concurrently.ts';
import type { S3Bucket, S3Object } from './s3-bucket.ts';
import { type MultipartId, S3Multipart, s3PartSize } from './s3-multipart.ts';

export interface CopySizes {
  /** Larger objects are copied in parts, in bytes. S3's own limit for one request is 5 GiB. */
  readonly inOneGo: number;
  /** Bytes of each part. */
  readonly part: number;
}

/** Small enough that a slow store responds in time, even with four parts being copied at once. */
export const COPY_SIZES: CopySizes = { inOneGo: 256 * 1024 ** 2, part: 64 * 1024 ** 2 };
const PARTS_AT_ONCE = 4;

export interface CopyRequest {
  readonly source: S3Object;
  readonly to: string;
  readonly sizes?: CopySizes;
}

/**
 * Copies an object inside the bucket, provided that it is still as it was found.
 *
 * Some stores never consider a condition met, and some ignore it. So the condition saves work and decides nothing: the
 * caller reads the copy back and hashes it.
 * @returns `changed` when the source is no longer as it was found
 * @throws OtaError as `toS3Error`
 */
export async function copyObject(bucket: S3Bucket, request: CopyRequest): Promise<'copied' | 'changed'> {
  const { source, to, sizes = COPY_SIZES } = request;
  const copy = (ifUnchanged: boolean) =>
    source.size <= sizes.inOneGo
      ? bucket.copy(source.key, to, ifUnchanged ? source.etag : undefined)
      : new PartwiseCopy(bucket, { source, to, partSize: sizes.part, ifUnchanged }).run();
  if ((await copy(true)) === 'copied') return 'copied';
  const now = await bucket.head(source.key);
  return now !== undefined && now.etag === source.etag && now.size === source.size ? copy(false) : 'changed';
}

interface PartwiseCopyOptions {
  readonly source: S3Object;
  readonly to: string;
  readonly partSize: number;
  readonly ifUnchanged: boolean;
}

/** One copy by a multipart upload; leaves no parts behind, unless aborting it fails too. */
class PartwiseCopy {
  readonly #multipart: S3Multipart;
  readonly #options: PartwiseCopyOptions;

  constructor(bucket: S3Bucket, options: PartwiseCopyOptions) {
    this.#multipart = new S3Multipart(bucket);
    this.#options = options;
  }

  async run(): Promise<'copied' | 'changed'> {
    const upload = await this.#multipart.start(this.#options.to);
    try {
      const etags = await this.#copyParts(upload);
      const isComplete =
        etags !== 'changed' && (await this.#multipart.complete(upload, etags)) === 'assembled';
      if (isComplete) return 'copied';
      await this.#multipart.abort(upload);
      return 'changed';
    } catch (error) {
      await this.#multipart.abort(upload).catch(() => {}); // maintenance aborts it later
      throw error;
    }
  }

  async #copyParts(upload: MultipartId): Promise<string[] | 'changed'> {
    const { source, ifUnchanged } = this.#options;
    const partSize = s3PartSize(source.size, this.#options.partSize);
    const starts = Array.from({ length: Math.ceil(source.size / partSize) }, (_, i) => i * partSize);
    const parts = await mapConcurrently(
      starts,
      (first, i) => {
        const last = Math.min(first + partSize, source.size) - 1;
        return this.#multipart.copyPart(upload, { number: i + 1, source, first, last, ifUnchanged });
      },
      { concurrency: PARTS_AT_ONCE },
    );
    const copied = parts.filter((part) => part !== 'changed');
    return copied.length === parts.length ? copied.map(({ etag }) => etag) : 'changed';
  }
}
