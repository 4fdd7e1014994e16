import { mapConcurrently } from '../../runtime/map-concurrently.ts';
import type { StoredState } from '../artifact-storage.ts';
import type { S3Bucket } from './s3-bucket.ts';

/** Up to this number of keys, each takes a request of its own: listed, they might span the whole bucket. */
const MAX_SINGLE_REQUESTS = 50;
const REQUESTS_AT_ONCE = 4;

/**
 * What a bucket has under keys. Many are found in listings of a thousand objects; what no listing shows is confirmed by a
 * request of its own, unless that is most of them.
 * @param folder with a trailing slash
 */
export async function inspectObjects(
  bucket: S3Bucket,
  folder: string,
  names: readonly string[],
): Promise<ReadonlyMap<string, StoredState>> {
  if (names.length <= MAX_SINGLE_REQUESTS) return inspectEach(bucket, folder, names);
  const listed = await listedSizes(bucket, folder, names);
  const unlisted = names.filter((name) => !listed.has(name));
  const found = new Map<string, StoredState>();
  for (const name of names) {
    const size = listed.get(name);
    found.set(name, size === undefined ? { kind: 'missing' } : { kind: 'stored', size });
  }
  if (unlisted.length > MAX_SINGLE_REQUESTS) return found;
  return new Map([...found, ...(await inspectEach(bucket, folder, unlisted))]);
}

async function inspectEach(
  bucket: S3Bucket,
  folder: string,
  names: readonly string[],
): Promise<Map<string, StoredState>> {
  const inspect = async (name: string): Promise<[string, StoredState]> => {
    const object = await bucket.head(folder + name);
    return [name, object === undefined ? { kind: 'missing' } : { kind: 'stored', size: object.size }];
  };
  const states = new Map(await mapConcurrently(names, inspect, { concurrency: REQUESTS_AT_ONCE }));
  if ([...states.values()].some(({ kind }) => kind === 'missing')) await requireBucket(bucket, folder);
  return states;
}

/** Also a bucket that is gone, and what answers in its place, says 404 to each request: only a listing differs. */
async function requireBucket(bucket: S3Bucket, folder: string): Promise<void> {
  for await (const _ of bucket.list(folder, { pageSize: 1 })) break;
}

/** The sizes of the objects from the first to the last of these names, in a bucket's order. */
async function listedSizes(
  bucket: S3Bucket,
  folder: string,
  names: readonly string[],
): Promise<Map<string, number>> {
  const sorted = [...names].sort();
  const [first = ''] = sorted;
  const last = folder + sorted.at(-1);
  const sizes = new Map<string, number>();
  for await (const { key, size } of bucket.list(folder, { startAfter: folder + first.slice(0, -1) })) {
    if (key > last) break;
    sizes.set(key.slice(folder.length), size);
  }
  return sizes;
}
