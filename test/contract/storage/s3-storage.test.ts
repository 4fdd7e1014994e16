import { randomBytes, randomUUID } from 'node:crypto';
import { CreateMultipartUploadCommand, S3Client } from '@aws-sdk/client-s3';
import { describe, expect, test } from 'vitest';
import type { S3Storage } from '../../../src/storage/s3/s3-storage.ts';
import { objectsIn } from '../../support/s3/s3-objects.ts';
import { describeOnS3, fakeS3Place, type S3Place } from '../../support/s3/s3-place.ts';
import { isTaken, openS3 } from '../../support/s3/s3-world.ts';
import { describeArtifactStorage, keysOf } from './artifact-storage.contract.ts';

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
        'cache-control': 'private, max-age=3600, immutable',
        'content-length': '5',
      });
      expect(answer.headers.get('content-encoding')).toBeNull();
    }
  });

  test('belongs to the first database that is served there, and to no other', async () => {
    const place = await open();
    const { storage, stage, served } = await openS3(place);
    await storage.requireOwner('one');
    const staged = await stage(Buffer.from('bytes'));
    await staged.promote();
    const { storage: sameAgain } = await openS3(place);
    await sameAgain.requireOwner('one');
    await expect(sameAgain.requireOwner('other')).rejects.toMatchObject({
      code: 'store_unavailable',
      message: expect.stringMatching(/^s3:\/\/.* belongs to another database$/),
      hint: expect.stringContaining(`${place.location.prefix}database-id`),
    });
    await sameAgain.requireOwner('one');
    expect(await keysOf(storage, new Date(Date.now() + HOUR))).toEqual([staged.storageKey]);
    expect((await served(staged.storageKey))?.toString()).toBe('bytes');
  });

  test('a sweep aborts abandoned copies in parts, and leaves younger ones and uploads', async () => {
    const place = await open();
    const { storage, moment } = await openS3(place);
    await startMultipart(place, 'staging/upload');
    await startMultipart(place, 'artifacts/copy');
    const olderThan = await moment();
    await startMultipart(place, 'artifacts/young');
    await startMultipart({ ...place, location: { ...place.location, prefix: 'not-ours/' } }, 'artifacts/x');
    await storage.sweepStaged(olderThan);
    expect(await objectsIn(place)).toMatchObject({ uploads: ['artifacts/young', 'staging/upload'] });
  });

  test('servers that share a bucket under different prefixes do not see each other’s files', async () => {
    const place = await open();
    const { bucket, prefix } = place.location;
    const first = await openS3(place);
    const second = await openS3({ ...place, location: { bucket, prefix: `${prefix.slice(0, -1)}-2/` } });
    const { storageKey } = await first.stage(Buffer.from('first'));
    expect(await keysOf(second.storage, await second.moment())).toEqual([]);
    await second.storage.sweepStaged(await second.moment());
    expect(await first.served(storageKey)).toEqual(Buffer.from('first'));
  });

  test.each(['staging', 'artifacts'])(
    'files of another server with a prefix inside %s/ are left alone',
    async (folder) => {
      const place = await open();
      const { bucket, prefix } = place.location;
      const outer = await openS3(place);
      const inner = await openS3({ ...place, location: { bucket, prefix: `${prefix}${folder}/` } });
      await inner.storage.requireOwner('inner');
      const { storageKey } = await inner.stage(Buffer.from('inner'));
      await inner.storage.parts.start('upload');
      await startMultipart(place, `${folder}/artifacts/copy`);
      const now = await outer.moment();
      await outer.storage.sweepStaged(now);
      const seen = await keysOf(outer.storage, now);
      for await (const { uploadId } of outer.storage.parts.unfinished(now)) seen.push(uploadId);
      expect(seen).toEqual([]);
      await expect(inner.storage.requireOwner('outer')).rejects.toThrow('belongs to another');
      expect(await inner.served(storageKey)).toEqual(Buffer.from('inner'));
      const { uploads } = await objectsIn(place);
      expect(uploads).toEqual([`${folder}/artifacts/copy`, `${folder}/staging/upload`]);
    },
  );
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
  const { storage } = await openS3(place);
  const keys = Array.from({ length: 2345 }, () => randomUUID()).sort();
  for (const key of keys) place.fake.store.put(`${place.location.prefix}artifacts/${key}`, Buffer.alloc(1));
  expect(await keysOf(storage, inAnHour())).toEqual(keys);
});

test.each([
  ['accepted if it is the id', 1000, true],
  ['refused if it is too long for an id', 1001, false],
])('the owner’s object is %s, whatever size the store reports', async (_, size, isOwner) => {
  const place = await fakeS3Place();
  const { storage } = await openS3(place);
  place.fake.store.put(`${place.location.prefix}database-id`, Buffer.from('one'.padEnd(size)));
  place.fake.defects.add('head_tells_other_size');
  const asked = storage.requireOwner('one');
  await (isOwner
    ? expect(asked).resolves.toBeUndefined()
    : expect(asked).rejects.toThrow('belongs to another database'));
});

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

test('bytes that differ when read again are reported as the store’s fault, not as a wrong signature', async () => {
  const place = await fakeS3Place();
  const { stage } = await openS3(place);
  const staged = await stage(Buffer.from('bytes'));
  place.fake.defects.add('read_flips_a_bit');
  await expect(staged.read()).rejects.toMatchObject({ code: 'store_unavailable' });
  place.fake.defects.clear();
  expect(await staged.read()).toEqual(Buffer.from('bytes'));
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
    ['objects', (storage: S3Storage) => keysOf(storage, inAnHour())],
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
    await list(storage);
    expect(asked).toBeLessThan(3);
  });
});

test('an object that is listed without an age does not count as old', async () => {
  const place = await fakeS3Place();
  const { storage } = await openS3(place);
  place.fake.intercept = ({ method, query }) => {
    if (method !== 'GET' || !query.has('list-type')) return undefined;
    const key = `${place.location.prefix}artifacts/some`;
    return {
      status: 200,
      headers: { 'content-type': 'application/xml' },
      body: `<ListBucketResult><Contents><Key>${key}</Key><Size>1</Size></Contents></ListBucketResult>`,
    };
  };
  expect(await keysOf(storage, new Date(Date.now() - 1000))).toEqual([]);
  expect(await keysOf(storage, new Date(Date.now() + HOUR))).toEqual(['some']);
});
