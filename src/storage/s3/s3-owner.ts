import { setTimeout as sleep } from 'node:timers/promises';
import type { OwnerRecord } from '../artifact-storage.ts';
import type { PutCondition, S3Bucket } from './s3-bucket.ts';

/** More than a record has, in bytes: the object may be anything. */
const MAX_RECORD_BYTES = 4000;
/**
 * With a store that does not support conditions, how long another writer of the first record has to show up, in
 * milliseconds: longer than usually passes between its read and its write.
 */
const SETTLE_MS = 1500;

/** What to write, if the object still has that ETag; undefined: if there is none. */
export interface OwnerWrite {
  readonly text: string;
  readonly version: string | undefined;
}

/** The object that says which database the files below a prefix belong to. @param key of the object */
export async function readOwnerObject(bucket: S3Bucket, key: string): Promise<OwnerRecord | undefined> {
  const found = await bucket.readSmall(key, MAX_RECORD_BYTES);
  return found && { text: found.bytes.toString('utf8'), version: found.etag };
}

/**
 * Writes the object unless it has changed since it was read. Where a store does not support conditions, of two writers of the
 * first record the one that was written over finds that out before it returns; of two of a later one, when it reads next.
 * @returns false when it has changed, or another writer is at it
 */
export async function writeOwnerObject(bucket: S3Bucket, key: string, write: OwnerWrite): Promise<boolean> {
  const bytes = Buffer.from(write.text);
  for (const condition of conditionsFor(write.version)) {
    const outcome = await bucket.putIf(key, bytes, condition);
    if (outcome === 'conflict') return false;
    if (outcome === 'written') {
      if (condition?.ifMatch !== undefined) return true;
      if (condition?.ifNoneMatch === undefined || !(await isEnforced(bucket, key, bytes))) break;
      return true;
    }
    const now = await readOwnerObject(bucket, key);
    if (now?.text === write.text) return true; // an earlier attempt had arrived, and its response was lost
    if (now?.version !== write.version) return false;
  }
  if (write.version === undefined) await sleep(SETTLE_MS);
  return (await readOwnerObject(bucket, key))?.text === write.text;
}

/** Ceph compares ETags without quotes, others with them, and some support no conditions at all. */
function conditionsFor(version: string | undefined): readonly (PutCondition | undefined)[] {
  return version === undefined
    ? [{ ifNoneMatch: '*' }, undefined]
    : [{ ifMatch: version }, { ifMatch: version.replaceAll('"', '') }, undefined];
}

/** Whether the store refuses a condition that is not met, now that there is an object; if not, it is written again. */
async function isEnforced(bucket: S3Bucket, key: string, bytes: Buffer): Promise<boolean> {
  return (await bucket.putIf(key, bytes, { ifNoneMatch: '*' })) === 'refused';
}
