import type { FileInventory, ListedFile } from '../file-inventory.ts';
import { S3Bucket } from './s3-bucket.ts';
import { createS3Client } from './s3-client.ts';
import type { S3StorageOptions } from './s3-storage.ts';

/** The artifacts in a bucket, which is only listed and read. */
export async function openS3Inventory(options: S3StorageOptions): Promise<FileInventory & { close(): void }> {
  const { endpoint = 'S3', location, clock } = options;
  const client = await createS3Client(options);
  const bucket = new S3Bucket({ client, name: location.bucket, endpoint, clock });
  const artifacts = `${location.prefix}artifacts/`;
  return {
    served: () => listFolder(bucket, artifacts),
    staged: () => listFolder(bucket, `${location.prefix}staging/`),
    read: (storageKey) => bucket.read(artifacts + storageKey),
    locationOf: (storageKey) => `s3://${location.bucket}/${artifacts}${storageKey}`,
    close: () => client.destroy(),
  };
}

async function* listFolder(bucket: S3Bucket, prefix: string): AsyncIterable<ListedFile> {
  for await (const { key, size } of bucket.list(prefix)) yield { name: key.slice(prefix.length), size };
}
