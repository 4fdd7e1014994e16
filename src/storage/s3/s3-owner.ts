import { OtaError } from '../../errors.ts';
import type { S3Bucket } from './s3-bucket.ts';

/** Larger than an id, in bytes: what is there may be anything. */
const MAX_ID_BYTES = 1000;

/**
 * Writes down in the bucket which database its artifacts are of, when it is served first, and from then on refuses
 * every other: what another database refers to would pass for left-overs, and be removed.
 *
 * Stores need no conditional writes for it, so of two databases that are served there first at the same moment one is
 * refused at its next start only.
 * @param key where in the bucket
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
  throw new OtaError(
    'store_unavailable',
    `what is in s3://${bucket.name}/${key.replace(/\/?[^/]*$/, '')} belongs to another database`,
    {
      hint: `Give this database a prefix of its own; if the other is gone for good, delete s3://${bucket.name}/${key} and start again.`,
    },
  );
}
