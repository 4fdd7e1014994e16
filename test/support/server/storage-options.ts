import type { S3Place } from '../s3/s3-place.ts';

/** The options of `serve` for a place in a store. */
export function storageOptions({ endpoint, region, location }: S3Place): string[] {
  const where = `s3://${location.bucket}/${location.prefix.replace(/\/$/, '')}`;
  return ['--storage', where, '--s3-endpoint', endpoint, '--s3-region', region, '--s3-force-path-style'];
}
