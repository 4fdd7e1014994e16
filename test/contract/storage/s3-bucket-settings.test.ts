import {
  CreateBucketCommand,
  PutBucketLifecycleConfigurationCommand,
  PutBucketVersioningCommand,
  PutObjectLockConfigurationCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import { describe, expect, onTestFinished, test } from 'vitest';
import { S3Storage } from '../../../src/storage/s3/s3-storage.ts';
import { deadUrl, listenHttp } from '../../support/network/loopback-server.ts';
import { describeOnCeph, fakeS3Place, type S3Place } from '../../support/s3/s3-place.ts';

async function openStorage(place: S3Place & { readonly publicEndpoint?: string }): Promise<S3Storage> {
  const storage = await S3Storage.open({ ...place, clock: () => new Date() });
  onTestFinished(() => storage.close());
  return storage;
}

const xml = (body: string) => ({ status: 200, headers: { 'content-type': 'application/xml' }, body });

/** A bucket with settings, as AWS answers them. */
async function bucketWith(settings: Readonly<Record<string, string>>): Promise<S3Storage> {
  const { fake, ...place } = await fakeS3Place();
  fake.intercept = ({ key, query }) => {
    const name = key === '' ? Object.keys(settings).find((one) => query.has(one)) : undefined;
    return name === undefined ? undefined : xml(settings[name] ?? '');
  };
  return openStorage({ ...place, location: { ...place.location, prefix: 'updates/' } });
}

const versioned = '<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>';
const rules = (...all: string[]) =>
  `<LifecycleConfiguration>${all.map((rule) => `<Rule><ID>mine</ID><Status>Enabled</Status>${rule}</Rule>`).join('')}</LifecycleConfiguration>`;
const noncurrent =
  '<Filter><Prefix></Prefix></Filter><NoncurrentVersionExpiration><NoncurrentDays>7</NoncurrentDays></NoncurrentVersionExpiration>';
const expiring = (filter: string, rest = '<Expiration><Days>30</Days></Expiration>') =>
  `<Filter>${filter}</Filter>${rest}`;

describe('field 15: a bucket is warned of', () => {
  test.each<[string, Record<string, string>, RegExp]>([
    ['that keeps old versions', { versioning: versioned }, /keeps old versions/],
    [
      'that locks its objects',
      {
        'object-lock':
          '<ObjectLockConfiguration><ObjectLockEnabled>Enabled</ObjectLockEnabled><Rule><DefaultRetention><Mode>COMPLIANCE</Mode><Days>30</Days></DefaultRetention></Rule></ObjectLockConfiguration>',
      },
      /locks every object for 30 days \(COMPLIANCE\)/,
    ],
    ['that expires everything', { lifecycle: rules(expiring('<Prefix></Prefix>')) }, /rule mine .* expires/],
    ['that expires the prefix', { lifecycle: rules(expiring('<Prefix>updates/</Prefix>')) }, /expires/],
    [
      'that expires some of the files',
      { lifecycle: rules(expiring('<Prefix>updates/artifacts/a</Prefix>')) },
      /expires/,
    ],
    [
      'that archives the files',
      {
        lifecycle: rules(
          expiring(
            '<Prefix>updates/</Prefix>',
            '<Transition><Days>30</Days><StorageClass>GLACIER</StorageClass></Transition>',
          ),
        ),
      },
      /archives/,
    ],
  ])('%s', async (_, settings, line) => {
    const storage = await bucketWith(settings);
    expect(await storage.warnings()).toEqual([expect.stringMatching(line)]);
    await storage.probe();
  });

  test.each<[string, Record<string, string>]>([
    ['that drops old versions', { versioning: versioned, lifecycle: rules(noncurrent) }],
    ['that keeps no versions any more', { versioning: versioned.replace('Enabled', 'Suspended') }],
    ['that expires uploads', { lifecycle: rules(expiring('<Prefix>updates/staging/</Prefix>')) }],
    ['that expires other files', { lifecycle: rules(expiring('<Prefix>logs/</Prefix>')) }],
    ['that expires tagged files', { lifecycle: rules(expiring('<Tag><Key>a</Key><Value>b</Value></Tag>')) }],
    [
      'with a rule that is switched off',
      { lifecycle: rules(expiring('<Prefix></Prefix>')).replace('Enabled', 'Disabled') },
    ],
    ['of which the key may ask nothing', {}],
  ])('but not one %s', async (_, settings) => {
    expect(await (await bucketWith(settings)).warnings()).toEqual([]);
  });
});

describeOnCeph('field 15: a real bucket', (open) => {
  test('is warned of for what it was set to', async () => {
    const { location, ...settings } = await open();
    const client = new S3Client(settings);
    onTestFinished(() => client.destroy());
    const Bucket = `settings-${location.prefix.slice(0, 8)}`;
    await client.send(new CreateBucketCommand({ Bucket, ObjectLockEnabledForBucket: true }));
    const storage = await openStorage({ ...settings, location: { ...location, bucket: Bucket } });
    expect(await storage.warnings()).toEqual([expect.stringContaining('keeps old versions')]);
    const DefaultRetention = { Mode: 'GOVERNANCE', Days: 1 } as const;
    const ObjectLockConfiguration = { ObjectLockEnabled: 'Enabled', Rule: { DefaultRetention } } as const;
    await client.send(new PutObjectLockConfigurationCommand({ Bucket, ObjectLockConfiguration }));
    const Rules = [
      { ID: 'all', Status: 'Enabled', Filter: { Prefix: '' }, Expiration: { Days: 1 } } as const,
    ];
    const LifecycleConfiguration = { Rules };
    await client.send(new PutBucketLifecycleConfigurationCommand({ Bucket, LifecycleConfiguration }));
    const VersioningConfiguration = { Status: 'Enabled' } as const;
    await client.send(new PutBucketVersioningCommand({ Bucket, VersioningConfiguration }));
    expect(await storage.warnings()).toEqual([
      expect.stringContaining('keeps old versions'),
      expect.stringContaining('locks every object for 1 days (GOVERNANCE)'),
      expect.stringContaining('the lifecycle rule all'),
    ]);
  });
});

describe('field 15: an endpoint for clients', () => {
  const inAnHour = new Date(Date.now() + 3_600_000);
  const urlsOf = async (storage: S3Storage) => [
    await storage.uploadUrl({ uploadId: 'a', size: 5, expiresAt: inAnHour }),
    await storage.downloadUrl({ storageKey: 'a', fileName: 'a', expiresAt: inAnHour }),
    await storage.parts.url({ uploadId: 'a', multipartId: 'm', number: 1, size: 5, expiresAt: inAnHour }),
  ];

  test('is in every URL that they get, and what they get there is accepted', async () => {
    const place = await fakeS3Place();
    const publicEndpoint = place.endpoint.replace('127.0.0.1', 'localhost');
    const storage = await openStorage({ ...place, publicEndpoint });
    await storage.probe();
    expect(await storage.warnings()).toEqual([]);
    const urls = await urlsOf(storage);
    expect(urls.map((url) => new URL(url).origin)).toEqual(urls.map(() => publicEndpoint));
    expect((await fetch(urls[0] ?? '', { method: 'PUT', body: 'bytes' })).status).toBe(200);
  });

  test('may be out of the server’s reach, which it is warned of', async () => {
    const place = await fakeS3Place();
    const storage = await openStorage({ ...place, publicEndpoint: (await deadUrl()).origin });
    await storage.probe();
    expect(await storage.warnings()).toEqual([expect.stringContaining('cannot be reached from this server')]);
  });

  test('that leads somewhere else is warned of', async () => {
    const place = await fakeS3Place();
    const other = await listenHttp((_, response) => response.writeHead(200).end('<html>Welcome</html>'));
    const storage = await openStorage({ ...place, publicEndpoint: other.origin });
    expect(await storage.warnings()).toEqual([expect.stringContaining('status 200')]);
  });
});
