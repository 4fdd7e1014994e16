import { OtaError } from '../../errors.ts';
import type { ContentDigest } from '../artifact-storage.ts';
import { digestStream } from '../stream-digest.ts';
import type { S3Bucket, S3Object } from './s3-bucket.ts';

/**
 * Compares the copy with what arrived. Call it where nothing else would reveal a difference, and before bytes are refused:
 * what a single read returns may be the store's fault.
 * @throws OtaError `store_unavailable`
 */
export async function requireSameAsArrived(
  bucket: S3Bucket,
  { key, size }: S3Object,
  copy: ContentDigest,
): Promise<void> {
  const arrived = await digestStream(bucket.read(key), { size, blake2b512: false });
  if (arrived === 'size_differs' || arrived.sha256 !== copy.sha256) {
    throw storeContradictsItself(`the store's copy of ${key} differs from the original`);
  }
}

/**
 * Confirms by reading that what arrived does not have that size.
 * @throws OtaError `store_unavailable`
 */
export async function requireOtherSize(bucket: S3Bucket, { key }: S3Object, size: number): Promise<void> {
  const arrived = await digestStream(bucket.read(key), { size, blake2b512: false });
  if (arrived !== 'size_differs') {
    throw storeContradictsItself(`the store reports another size for ${key} than it serves`);
  }
}

/** Whether nothing else arrived since. */
export async function isUnchanged(bucket: S3Bucket, { key, etag }: S3Object): Promise<boolean> {
  return (await bucket.head(key))?.etag === etag;
}

export function storeContradictsItself(message: string): OtaError {
  return new OtaError('store_unavailable', message, {
    hint: 'If it keeps happening, the store is not reliable: check its log.',
  });
}
