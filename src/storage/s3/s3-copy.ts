import pMap from 'p-map';
import type { S3Bucket, S3Object } from './s3-bucket.ts';
import { type MultipartId, S3Multipart, s3PartSize } from './s3-multipart.ts';

export interface CopySizes {
  /** Larger objects are copied in parts, in bytes. One request copies 5 GiB at most. */
  readonly inOneGo: number;
  /** Bytes of each part. */
  readonly part: number;
}

/** Small enough for a request to be answered in good time, also where four parts are copied at once by a slow store. */
export const COPY_SIZES: CopySizes = { inOneGo: 256 * 1024 ** 2, part: 64 * 1024 ** 2 };
const PARTS_AT_ONCE = 4;

/**
 * Copies an object inside the bucket as long as it is what was looked at.
 *
 * Some stores never find a condition met, and some never look at one. So the condition saves work and decides nothing:
 * what was copied is read back and hashed by whoever asked for it.
 * @returns `changed` when the source is not any more what it was
 */
export async function copyObject(
  bucket: S3Bucket,
  source: S3Object,
  to: string,
  sizes: CopySizes = COPY_SIZES,
): Promise<'copied' | 'changed'> {
  const copy = (ifUnchanged: boolean) =>
    source.size <= sizes.inOneGo
      ? bucket.copy(source.key, to, ifUnchanged ? source.etag : undefined)
      : copyInParts(bucket, source, to, sizes.part, ifUnchanged);
  if ((await copy(true)) === 'copied') return 'copied';
  const now = await bucket.head(source.key);
  return now !== undefined && now.etag === source.etag && now.size === source.size ? copy(false) : 'changed';
}

async function copyInParts(
  bucket: S3Bucket,
  source: S3Object,
  to: string,
  partSize: number,
  ifUnchanged: boolean,
): Promise<'copied' | 'changed'> {
  const multipart = new S3Multipart(bucket);
  const upload = await multipart.start(to);
  try {
    const etags = await copyParts(multipart, upload, source, partSize, ifUnchanged);
    if (etags !== 'changed' && (await multipart.complete(upload, etags)) === 'joined') return 'copied';
    await multipart.abort(upload);
    return 'changed';
  } catch (error) {
    await multipart.abort(upload).catch(() => {}); // upkeep ends it later
    throw error;
  }
}

async function copyParts(
  multipart: S3Multipart,
  upload: MultipartId,
  source: S3Object,
  wanted: number,
  ifUnchanged: boolean,
): Promise<string[] | 'changed'> {
  const partSize = s3PartSize(source.size, wanted);
  const starts = Array.from({ length: Math.ceil(source.size / partSize) }, (_, i) => i * partSize);
  const parts = await pMap(
    starts,
    (first, i) => {
      const last = Math.min(first + partSize, source.size) - 1;
      return multipart.copyPart(upload, i + 1, source, { first, last, ifUnchanged });
    },
    { concurrency: PARTS_AT_ONCE },
  );
  const copied = parts.filter((part) => part !== 'changed');
  return copied.length === parts.length ? copied.map(({ etag }) => etag) : 'changed';
}
