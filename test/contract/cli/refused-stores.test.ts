import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import tls from 'node:tls';
import { PutBucketPolicyCommand, S3Client } from '@aws-sdk/client-s3';
import { describe, expect, inject, test } from 'vitest';
import { deadUrl, listenHttp, listenUntilFinished } from '../../support/network/loopback-server.ts';
import { runInProcess } from '../../support/process/in-process.ts';
import { serveRefusal } from '../../support/process/refusal.ts';
import { createCephUser } from '../../support/s3/ceph.ts';
import { S3_CREDENTIALS } from '../../support/s3/s3-credentials.ts';
import {
  describeOnCeph,
  describeOnS3,
  fakeS3Place,
  placeIn,
  type S3Place,
} from '../../support/s3/s3-place.ts';
import { S3_RIGHTS } from '../../support/s3/s3-rights.ts';
import { createBucket } from '../../support/s3/shared-ceph.ts';
import { storageOptions } from '../../support/server/storage-options.ts';

const refusalOf = (place: S3Place, env: Record<string, string> = {}) =>
  serveRefusal(storageOptions(place), S3_CREDENTIALS.secretKey, { env });

const certificate = async () => ({
  key: await readFile(new URL('../../fixtures/tls/key.pem', import.meta.url)),
  cert: await readFile(new URL('../../fixtures/tls/cert.pem', import.meta.url)),
});

describeOnS3('serve fails with 9 and one sentence if its files', (open) => {
  test('are in a bucket that does not exist', async () => {
    const place = await open();
    const { message, hint } = await refusalOf({
      ...place,
      location: { ...place.location, bucket: 'other-bucket' },
    });
    expect(message).toBe(`there is no bucket other-bucket at ${place.endpoint}`);
    expect(hint).toContain('--storage');
  });

  test.each([
    ['an unknown key', { AWS_ACCESS_KEY_ID: 'AKIANOBODYHASTHIS00' }, 'InvalidAccessKeyId'],
    ['another secret', { AWS_SECRET_ACCESS_KEY: 'wrong' }, 'SignatureDoesNotMatch'],
  ])('are in a bucket that it accesses with %s', async (_, env, code) => {
    const place = await open();
    const { message, hint } = await refusalOf(place, env);
    expect(message).toBe(`${place.endpoint} cannot be used with these credentials (${code})`);
    expect(hint).toContain('AWS_ACCESS_KEY_ID');
  });

  test('are in a store without TLS at an https:// URL', async () => {
    const place = await open();
    const { message, hint } = await refusalOf({
      ...place,
      endpoint: place.endpoint.replace('http:', 'https:'),
    });
    expect(message).toMatch(/^https:.* cannot be reached: the port does not accept TLS$/);
    expect(hint).toContain('--s3-endpoint');
  });
});

describeOnCeph('serve fails with 9 and one sentence if its files', () => {
  const KEY = { accessKey: 'AKIASTRANGER00000000', secretKey: 'the-secret-of-a-stranger' };
  const env = { AWS_ACCESS_KEY_ID: KEY.accessKey, AWS_SECRET_ACCESS_KEY: KEY.secretKey };

  test('are in a bucket with any of the required rights missing', async () => {
    const folder = inject('cephFolder');
    await createCephUser(folder, 'stranger', KEY);
    const endpoint = await readFile(join(folder, 'ready'), 'utf8');
    const place = placeIn(endpoint, 'guarded');
    await createBucket(endpoint, 'guarded');
    expect((await refusalOf(place, env)).message).toContain('(s3:ListBucket)');

    // Denied, because whoever uploads an object here may do all with it that no policy denies.
    for (const lacking of S3_RIGHTS) {
      await setPolicy(endpoint, lacking);
      const { message, hint } = await refusalOf(place, env);
      expect(message).toContain(`(${lacking})`);
      expect(hint).toContain('policy');
    }
  }, 60_000);

  /** Everything is allowed to the stranger in the bucket, but one. */
  async function setPolicy(endpoint: string, lacking: string): Promise<void> {
    const client = new S3Client({ endpoint, region: 'us-east-1', forcePathStyle: true });
    const statement = (Effect: string, Action: string) => ({
      Effect,
      Principal: { AWS: ['arn:aws:iam:::user/stranger'] },
      Action,
      Resource: ['arn:aws:s3:::guarded', 'arn:aws:s3:::guarded/*'],
    });
    const Statement = [statement('Allow', 's3:*'), statement('Deny', lacking)];
    const Policy = JSON.stringify({ Version: '2012-10-17', Statement });
    await client.send(new PutBucketPolicyCommand({ Bucket: 'guarded', Policy }));
    client.destroy();
  }
});

describe('serve fails with 9 and one sentence if its files are', () => {
  const refusalAt = async (endpoint: string) => refusalOf({ ...(await fakeS3Place()), endpoint });

  test('in another region', async () => {
    const { message, hint } = await refusalOf({ ...(await fakeS3Place()), region: 'eu-west-9' });
    expect(message).toBe('the bucket bucket is in another region: us-east-1');
    expect(hint).toContain('--s3-region us-east-1');
  });

  test('at a port that nothing listens on', async () => {
    expect((await refusalAt((await deadUrl()).origin)).message).toMatch(
      /cannot be reached: connection refused$/,
    );
  });

  test('at an unknown host', async () => {
    expect((await refusalAt('http://no-such-host.invalid')).message).toMatch(/cannot be reached: /);
  });

  test('at a port with TLS and an http:// URL', async () => {
    const { origin } = await listenUntilFinished(tls.createServer(await certificate()));
    expect((await refusalAt(origin)).message).toMatch(/cannot be reached: /);
  });

  test('at a port with an untrusted certificate', async () => {
    const { port } = await listenUntilFinished(tls.createServer(await certificate()));
    expect((await refusalAt(`https://127.0.0.1:${port}`)).message).toMatch(/its certificate is not trusted/);
  });

  test('at a port where something else responds', async () => {
    const { origin } = await listenHttp((_, response) => response.end('<html>Welcome</html>'));
    expect((await refusalAt(origin)).message).toContain('does not respond like an S3 store');
  });
});

test.each([
  [['--storage', 's3://bucket/staging'], '--storage s3://bucket/staging has staging in its prefix'],
  [['--storage', 's3://bucket/../other'], '--storage s3://bucket/other has an invalid prefix'],
  [['--storage', 'tape'], '--storage is neither disk nor a bucket'],
  [['--storage', 's3://b/p'], '--storage s3://b/p has no valid bucket name: it needs 3 to 63'],
  [['--storage', 's3://key:secret@bucket'], '--storage s3://bucket has no valid bucket name'],
  [['--storage', 's3://bucket', '--s3-endpoint', 'https://key:secret@x'], '--s3-endpoint https://x/ is not'],
  [['--storage', 's3://bucket', '--s3-region', 'not a region!'], '--s3-region not a region! is not'],
  [
    [
      '--storage',
      's3://bucket',
      '--s3-endpoint',
      'https://a.example',
      '--public-url',
      'https://a.example/updates',
    ],
    '--s3-endpoint and --public-url are both https://a.example',
  ],
  [['--storage', 's3://bucket', '--s3-endpoint', 'ftp://x'], '--s3-endpoint ftp://x is not'],
  [['--s3-region', 'eu-central-1'], 'need --storage s3://'],
])('the options %s are refused with a hint', async (options, message) => {
  const { code, stderr } = await runInProcess(['serve', ...options]);
  expect(code).toBe(2);
  expect(stderr).toContain(message);
  expect(stderr).not.toContain('secret');
});
