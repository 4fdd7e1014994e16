import { OtaError } from '../../errors.ts';
import type { S3Bucket } from './s3-bucket.ts';

/** More than an id has, in bytes: the object may be anything. */
const MAX_ID_BYTES = 1000;

/**
 * Records in the bucket which database its artifacts belong to when it is served for the first time, and refuses every
 * other database from then on: the files that another database refers to would be taken for orphans, and removed.
 *
 * Needs no conditional writes: of two databases that are first served there at the same moment, one is refused at its
 * next start only.
 * @param key of the object with the id
 * @throws OtaError `store_unavailable`
 */
export async function requireOwner(bucket: S3Bucket, key: string, databaseId: string): Promise<void> {
  let found = await bucket.head(key);
  if (found === undefined) {
    await bucket.put(key, Buffer.from(`${databaseId}\n`));
    found = await bucket.head(key);
  }
  const owner = found && (await bucket.readAll(key, MAX_ID_BYTES));
  if (owner?.toString('utf8').trim() === databaseId) return;
  const folder = key.replace(/\/?[^/]*$/, '');
  throw new OtaError('store_unavailable', `s3://${bucket.name}/${folder} belongs to another database`, {
    hint: `Give this database its own prefix; if the other database no longer exists, delete s3://${bucket.name}/${key} and start again.`,
  });
}
