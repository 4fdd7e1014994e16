import { randomBytes, randomUUID } from 'node:crypto';
import { CreateMultipartUploadCommand, S3Client } from '@aws-sdk/client-s3';
import { describe, expect, test } from 'vitest';
import { S3Bucket } from '../../../src/storage/s3/s3-bucket.ts';
import { createS3Client } from '../../../src/storage/s3/s3-client.ts';
import type { S3Storage } from '../../../src/storage/s3/s3-storage.ts';
import { objectsIn } from '../../support/s3/s3-objects.ts';
import { describeOnS3, fakeS3Place, type S3Place } from '../../support/s3/s3-place.ts';
import { isTaken, openS3 } from '../../support/s3/s3-world.ts';
import { describeArtifactStorage } from './artifact-storage.contract.ts';

const MIB = 1024 * 1024;
const HOUR = 60 * 60 * 1000;
const inAnHour = () => new Date(Date.now() + HOUR);

/** Starts a multipart upload and abandons it. */
async function startMultipart({ location, ...settings }: S3Place, name: string): Promise<void> {
  const client = new S3Client(settings);
  const input = { Bucket: location.bucket, Key: location.prefix + name };
  await client.send(new CreateMultipartUploadCommand(input));
  client.destroy();
}

/** The names of what download URLs read, in order. */
async function keysIn({ location, ...settings }: S3Place): Promise<string[]> {
  const client = await createS3Client(settings);
  const { bucket: name, prefix } = location;
  const bucket = new S3Bucket({ client, name, endpoint: settings.endpoint, clock: () => new Date() });
  const folder = `${prefix}artifacts/`;
  const keys: string[] = [];
  for await (const { key } of bucket.list(folder)) keys.push(key.slice(folder.length));
  client.destroy();
  return keys.sort();
}

describeOnS3('S3Storage', (open) => {
  describeArtifactStorage('keeps artifacts', async () => openS3(await open()));

  test('a file that is too large for one request is copied in parts, and is identical', async () => {
    const copySizes = { inOneGo: 5 * MIB, part: 5 * MIB };
    const { stage, served } = await openS3(await open(), { copySizes });
    for (const size of [5 * MIB, 5 * MIB + 1, 11 * MIB]) {
      const bytes = randomBytes(size);
      const staged = await stage(bytes);
      expect((await served(staged.storageKey))?.equals(bytes)).toBe(true);
    }
  });

  test('metadata that an uploader set is not sent with downloads', async () => {
    const { storage } = await openS3(await open());
    const uploadId = randomUUID();
    const url = await storage.uploadUrl({ uploadId, size: 5, expiresAt: inAnHour() });
    const headers = { 'content-type': 'text/html', 'content-encoding': 'gzip', 'cache-control': 'no-cache' };
    expect((await fetch(url, { method: 'PUT', headers, body: 'bytes' })).status).toBe(200);
    const staged = await storage.receive(uploadId, { size: 5, blake2b512: false, identified: true });
    if (!isTaken(staged)) throw new Error('the upload was not taken');
    const download = {
      storageKey: staged.storageKey,
      fileName: 'my-app-1.2.0+5-linux',
      expiresAt: inAnHour(),
    };
    for (const method of ['GET', 'HEAD'] as const) {
      const answer = await fetch(await storage.downloadUrl({ ...download, method }), { method });
      expect(answer.status).toBe(200);
      expect(Object.fromEntries(answer.headers)).toMatchObject({
        'content-type': 'application/octet-stream',
        'content-disposition': 'attachment; filename="my-app-1.2.0+5-linux"',
        'cache-control': 'private, max-age=3600, immutable, no-transform',
        'content-length': '5',
      });
      expect(answer.headers.get('content-encoding')).toBeNull();
    }
  });

  test('field 13: a presigned URL never names a file that is not safe to save', async () => {
    const { storage } = await openS3(await open());
    const download = {
      storageKey: randomUUID(),
      fileName: '..\\x/CON\u202e"\r\n.exe',
      expiresAt: inAnHour(),
    };
    for (const method of ['GET', 'HEAD'] as const) {
      const { searchParams } = new URL(await storage.downloadUrl({ ...download, method }));
      expect(searchParams.get('response-content-disposition')).toBe('attachment; filename="CON____.exe"');
    }
  });

  test('of many that claim an empty place at once exactly one does', async () => {
    const place = await open();
    const storages = await Promise.all(Array.from({ length: 8 }, () => openS3(place)));
    const claimed = await Promise.all(
      storages.map(({ storage }, i) => storage.writeOwner(`claimed by ${i}`, undefined)),
    );
    expect(claimed.filter(Boolean)).toHaveLength(1);
    const owner = await storages[0]?.storage.readOwner();
    expect(owner?.text).toBe(`claimed by ${claimed.indexOf(true)}`);
  });

  test('removing an orphan aborts copies and uploads in parts under its name, and no others', async () => {
    const place = await open();
    const { storage } = await openS3(place);
    for (const name of ['staging/one', 'staging/one-more', 'artifacts/one', 'artifacts/two']) {
      await startMultipart(place, name);
    }
    await storage.removeOrphan({ kind: 'file', name: 'one' });
    expect((await objectsIn(place)).uploads).toEqual(['artifacts/two', 'staging/one', 'staging/one-more']);
    await storage.removeOrphan({ kind: 'upload', name: 'one' });
    expect((await objectsIn(place)).uploads).toEqual(['artifacts/two', 'staging/one-more']);
  });

  test('servers that share a bucket under different prefixes do not see each other’s files', async () => {
    const place = await open();
    const { bucket, prefix } = place.location;
    const first = await openS3(place);
    const second = await openS3({ ...place, location: { bucket, prefix: `${prefix.slice(0, -1)}-2/` } });
    const { storageKey } = await first.stage(Buffer.from('first'));
    await second.storage.removeOrphan({ kind: 'file', name: storageKey });
    await first.storage.writeOwner('first', undefined);
    expect(await second.storage.readOwner()).toBeUndefined();
    expect(await first.served(storageKey)).toEqual(Buffer.from('first'));
  });
});

describe('an upload URL', () => {
  test('signs the length, and no checksum of a body that is not known yet', async () => {
    const { storage } = await openS3(await fakeS3Place());
    const url = new URL(await storage.uploadUrl({ uploadId: 'id', size: 52428800, expiresAt: inAnHour() }));
    expect(url.searchParams.get('X-Amz-SignedHeaders')?.split(';')).toEqual(['content-length', 'host']);
    expect(url.search.toLowerCase()).not.toMatch(/checksum|crc32/);
  });

  test('expires at the given time by the server’s clock', async () => {
    const now = new Date('2026-03-13T12:00:00Z');
    const { storage } = await openS3(await fakeS3Place(), { clock: () => now });
    const expiresAt = new Date('2026-03-13T12:30:00Z');
    const url = new URL(await storage.uploadUrl({ uploadId: 'id', size: 5, expiresAt }));
    expect(url.searchParams.get('X-Amz-Date')).toBe('20260313T120000Z');
    expect(url.searchParams.get('X-Amz-Expires')).toBe('1800');
  });
});

test('more objects than fit into one response are all listed', async () => {
  const place = await fakeS3Place();
  const keys = Array.from({ length: 2345 }, () => randomUUID()).sort();
  for (const key of keys) place.fake.store.put(`${place.location.prefix}artifacts/${key}`, Buffer.alloc(1));
  expect(await keysIn(place)).toEqual(keys);
});

test.each([
  ['ignores them', 'conditions_ignored'],
  ['does not know them', 'puts_with_conditions_unknown'],
  ['never considers them met', 'wrong_etag'],
] as const)(
  'where a store with conditions %s, one of two that write an owner at once has',
  async (_, defect) => {
    const place = await fakeS3Place();
    place.fake.defects.add(defect);
    const [first, second] = [await openS3(place), await openS3(place)];
    const claims = [
      first.storage.writeOwner('first', undefined),
      second.storage.writeOwner('second', undefined),
    ];
    const claimed = await Promise.all(claims);
    expect(claimed.filter(Boolean)).toHaveLength(1);
    const owner = await first.storage.readOwner();
    expect(owner?.text).toBe(claimed[0] ? 'first' : 'second');
    expect(await first.storage.writeOwner('renewed', owner?.version)).toBe(true);
    expect(await second.storage.readOwner()).toMatchObject({ text: 'renewed' });
  },
);

test('a copy in parts that fails halfway leaves no parts', async () => {
  const place = await fakeS3Place();
  const { fake } = place;
  const { storage, arrive } = await openS3(place, { copySizes: { inOneGo: MIB, part: 5 * MIB } });
  await arrive(randomBytes(11 * MIB), 'upload');
  fake.intercept = ({ query }) => (query.get('partNumber') === '2' ? { status: 400 } : undefined);
  const options = { size: 11 * MIB, blake2b512: false, identified: true };
  await expect(storage.receive('upload', options)).rejects.toMatchObject({ code: 'store_unavailable' });
  expect(fake.store.uploads.size).toBe(0);
  fake.intercept = undefined;
  expect(await storage.receive('upload', options)).toMatchObject({ size: 11 * MIB });
});

test('the head comes from the bytes that were hashed: the store is not asked again', async () => {
  const place = await fakeS3Place();
  const { stage } = await openS3(place);
  const staged = await stage(Buffer.from('bytes'));
  let asked = 0;
  place.fake.intercept = () => {
    asked++;
    return undefined;
  };
  expect(await staged.readHead()).toEqual(Buffer.from('bytes'));
  expect(asked).toBe(0);
});

describe.each([
  ['without a marker', ''],
  [
    'with a marker that repeats',
    `<NextContinuationToken>same</NextContinuationToken><NextKeyMarker>same</NextKeyMarker>
     <NextUploadIdMarker>same</NextUploadIdMarker><NextPartNumberMarker>1</NextPartNumberMarker>`,
  ],
])('a store that claims there is more, %s,', (_, marker) => {
  test.each([
    ['objects', (_: S3Storage, place: S3Place) => keysIn(place)],
    [
      'uploads in parts',
      async ({ parts }: S3Storage) => {
        for await (const upload of parts.unfinished(inAnHour())) throw new Error(`found ${upload.uploadId}`);
      },
    ],
    ['parts', (storage: S3Storage) => storage.parts.arrived({ uploadId: 'upload', multipartId: 'id' })],
  ] as const)('is not asked forever: %s', async (_what, list) => {
    const place = await fakeS3Place();
    const { storage } = await openS3(place);
    let asked = 0;
    place.fake.intercept = () => {
      const more = ++asked < 10 ? `<IsTruncated>true</IsTruncated>${marker}` : '';
      return {
        status: 200,
        headers: { 'content-type': 'application/xml' },
        body: `<Result>${more}</Result>`,
      };
    };
    await list(storage, place);
    expect(asked).toBeLessThan(3);
  });
});
