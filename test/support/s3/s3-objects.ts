import { ListMultipartUploadsCommand, paginateListObjectsV2, S3Client } from '@aws-sdk/client-s3';
import type { S3Place } from './s3-place.ts';

/** The number of objects where upload URLs write and where download URLs read, and the uploads in parts. */
export async function objectsIn({ location, ...settings }: S3Place) {
  const client = new S3Client(settings);
  const { bucket: Bucket, prefix } = location;
  const count = async (folder: string) => {
    let found = 0;
    const pages = paginateListObjectsV2({ client }, { Bucket, Prefix: `${prefix}${folder}/` });
    for await (const { Contents = [] } of pages) found += Contents.length;
    return found;
  };
  try {
    const { Uploads = [] } = await client.send(new ListMultipartUploadsCommand({ Bucket, Prefix: prefix }));
    const uploads = Uploads.map(({ Key = '' }) => Key.slice(prefix.length)).sort();
    return { staging: await count('staging'), artifacts: await count('artifacts'), uploads };
  } finally {
    client.destroy();
  }
}
