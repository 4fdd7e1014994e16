import { OtaError } from '../../errors.ts';
import type { MeasuredBytes } from '../artifact-storage.ts';
import { measureAll } from '../stream-digest.ts';
import type { S3Bucket, S3Object } from './s3-bucket.ts';

/**
 * That the store did copy what arrived, and read it as it is. Where nothing else would tell, and before an uploader is
 * told that the bytes are wrong: one read alone may be the store's fault.
 * @throws OtaError `store_unavailable`
 */
export async function requireSameAsArrived(
  bucket: S3Bucket,
  { key, size }: S3Object,
  copy: MeasuredBytes,
): Promise<void> {
  const arrived = await measureAll(bucket.read(key), { size, blake2b512: false });
  if (arrived === 'size_differs' || arrived.sha256 !== copy.sha256) {
    throw storeContradictsItself(`the store's copy of ${key} is not what it was copied from`);
  }
}

/**
 * That what arrived has not so many bytes, as the store says.
 * @throws OtaError `store_unavailable`
 */
export async function requireOtherSize(bucket: S3Bucket, { key }: S3Object, size: number): Promise<void> {
  const arrived = await measureAll(bucket.read(key), { size, blake2b512: false });
  if (arrived !== 'size_differs') {
    throw storeContradictsItself(`the store tells another size of ${key} than it reads`);
  }
}

/** Whether nothing else arrived since. */
export async function isUnchanged(bucket: S3Bucket, { key, etag }: S3Object): Promise<boolean> {
  return (await bucket.head(key))?.etag === etag;
}

export function storeContradictsItself(message: string): OtaError {
  return new OtaError('store_unavailable', message, {
    hint: 'If it comes again, the store cannot be relied on: look at its log.',
  });
}
