import { chmod, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DeleteObjectCommand, GetObjectCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import type { Store } from './stores.ts';

/** Ways in which a stored file is lost behind the server's back. */
export const DAMAGES = ['missing', 'cut short', 'too long', 'empty'] as const;
export type Damage = (typeof DAMAGES)[number];

type StoredFiles = Pick<Store, 'dataDir' | 'place'>;

/** Damages a stored file. @returns its bytes from before */
export async function damage(store: StoredFiles, storageKey: string, how: Damage): Promise<Buffer> {
  const bytes = await readStored(store, storageKey);
  await writeStored(store, storageKey, damaged(bytes, how));
  return bytes;
}

function damaged(bytes: Buffer, how: Damage): Buffer | undefined {
  switch (how) {
    case 'missing':
      return undefined;
    case 'cut short':
      return bytes.subarray(0, bytes.length >> 1);
    case 'too long':
      return Buffer.concat([bytes, bytes]);
    case 'empty':
      return Buffer.alloc(0);
  }
}

async function readStored({ dataDir, place }: StoredFiles, storageKey: string): Promise<Buffer> {
  if (place === undefined) return readFile(join(dataDir, 'artifacts', storageKey));
  return withClient(place, async (client, object) => {
    const { Body } = await client.send(new GetObjectCommand(object(storageKey)));
    return Buffer.from((await Body?.transformToByteArray()) ?? []);
  });
}

/** Writes a stored file as an operator would who restores it. @param bytes undefined to remove it */
export async function writeStored(
  { dataDir, place }: StoredFiles,
  storageKey: string,
  bytes: Buffer | undefined,
): Promise<void> {
  if (place === undefined) {
    const file = join(dataDir, 'artifacts', storageKey);
    await rm(file, { force: true });
    if (bytes !== undefined) await writeFile(file, bytes).then(() => chmod(file, 0o600));
    return;
  }
  await withClient(place, async (client, object) => {
    await (bytes === undefined
      ? client.send(new DeleteObjectCommand(object(storageKey)))
      : client.send(new PutObjectCommand({ ...object(storageKey), Body: bytes })));
  });
}

type Place = NonNullable<Store['place']>;
type ObjectOf = (storageKey: string) => { readonly Bucket: string; readonly Key: string };

async function withClient<T>(
  { location: { bucket, prefix }, ...settings }: Place,
  use: (client: S3Client, object: ObjectOf) => Promise<T>,
): Promise<T> {
  const client = new S3Client(settings);
  try {
    return await use(client, (storageKey) => ({ Bucket: bucket, Key: `${prefix}artifacts/${storageKey}` }));
  } finally {
    client.destroy();
  }
}
