import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { S3Storage, type S3StorageOptions } from '../../../src/storage/s3/s3-storage.ts';
import { deadUrl, listenHttp, listenRaw } from '../../support/network/loopback-server.ts';
import type { Defect } from '../../support/s3/fake-s3/defect.ts';
import { objectsIn } from '../../support/s3/s3-objects.ts';
import { describeOnS3, fakeS3Place } from '../../support/s3/s3-place.ts';
import { S3_RIGHTS } from '../../support/s3/s3-rights.ts';

type Settings = Omit<S3StorageOptions, 'clock'>;

async function probe(settings: Settings, clock = () => new Date()) {
  const storage = await S3Storage.open({ ...settings, clock });
  onTestFinished(() => storage.close());
  return storage.probe();
}

const ALL = { length: true, chunked: true, checksum: true, twoAuthorizations: true };

describeOnS3('the probe of a store', (open) => {
  test('tells what it refuses, and leaves nothing', async () => {
    const place = await open();
    expect(await probe(place)).toEqual({ ...ALL, copyCondition: expect.any(Boolean) });
    expect(await objectsIn(place)).toEqual({ staging: 0, artifacts: 0, uploads: [] });
  });

  test('tells that there is no such bucket', async () => {
    const place = await open();
    const location = { ...place.location, bucket: 'no-such-bucket' };
    await expect(probe({ ...place, location })).rejects.toMatchObject({
      code: 'store_unavailable',
      message: expect.stringMatching(/^there is no bucket no-such-bucket at http/),
      hint: expect.stringContaining('--storage'),
    });
  });

  test.each([
    ['a key that nobody has', 'AWS_ACCESS_KEY_ID', 'AKIANOBODYHASTHIS00'],
    ['a wrong secret', 'AWS_SECRET_ACCESS_KEY', 'wrong'],
  ])('tells of %s', async (_, name, value) => {
    vi.stubEnv(name, value);
    onTestFinished(() => void vi.unstubAllEnvs());
    await expect(probe(await open())).rejects.toMatchObject({
      code: 'store_unavailable',
      message: expect.stringContaining('cannot be used with these credentials'),
      hint: expect.stringContaining('AWS_ACCESS_KEY_ID'),
    });
  });
});

describe('a store whose clock is not the server’s', () => {
  const HOUR_MS = 60 * 60 * 1000;
  const expectTold = async (place: Settings, offset: number) => {
    await expect(probe(place, () => new Date(Date.now() + offset))).rejects.toMatchObject({
      code: 'store_unavailable',
      message: expect.stringMatching(/^the clock of http.* differs from this server's$/),
      hint: expect.stringContaining('NTP'),
    });
  };

  describeOnS3('is told from one that lacks a right', (open) => {
    test('where the server is behind', async () => expectTold(await open(), -HOUR_MS));
  });

  test('is told where the server is ahead, by a store that refuses what begins later (Ceph does not)', async () => {
    await expectTold(await fakeS3Place(), HOUR_MS);
  });
});

describe('the probe tells', () => {
  test.each([
    ['length', 'length_not_enforced'],
    ['chunked', 'chunked_accepted'],
    ['checksum', 'checksum_not_enforced'],
    ['twoAuthorizations', 'two_auth_accepted'],
    ['copyCondition', 'conditions_ignored'],
  ] as const)('that a store does not hold to %s, and it can be used all the same', async (what, defect) => {
    const place = await fakeS3Place();
    place.fake.defects.add(defect);
    expect(await probe(place)).toEqual({ ...ALL, copyCondition: true, [what]: false });
    place.fake.defects.clear();
    expect(await objectsIn(place)).toEqual({ staging: 0, artifacts: 0, uploads: [] });
  });

  test.each<[Defect, RegExp]>([
    ['put_flips_a_bit', /returns other bytes/],
    ['put_truncated', /does not keep what is uploaded/],
    ['head_tells_other_size', /does not keep what is uploaded/],
    ['copy_of_other_bytes', /returns other bytes/],
    ['copy_not_made', /reading objects/],
    ['copy_fails_in_200', /copying objects .* failed .*InternalError/],
    ['etag_changes', /makes no copies/],
    ['read_flips_a_bit', /returns other bytes/],
    ['read_cut_off', /connection reset|closed the connection/],
    ['read_too_short', /returns other bytes/],
    ['delete_ignored', /keeps what is deleted/],
  ])('that a store is not fit (%s)', async (defect, message) => {
    const place = await fakeS3Place();
    place.fake.defects.add(defect);
    await expect(probe(place)).rejects.toMatchObject({
      code: 'store_unavailable',
      message: expect.stringMatching(message),
      hint: expect.any(String),
    });
  });

  test.each([
    ['never met', 'wrong_etag'],
    ['not known', 'conditions_unknown'],
  ] as const)('that conditions which are %s are no hindrance', async (_, defect) => {
    const place = await fakeS3Place();
    place.fake.defects.add(defect);
    expect(await probe(place)).toMatchObject({ copyCondition: true });
  });

  test.each(S3_RIGHTS)('that the key lacks the right %s', async (right) => {
    const place = await fakeS3Place();
    place.fake.denied.add(right);
    await expect(probe(place)).rejects.toMatchObject({
      code: 'store_unavailable',
      message: expect.stringContaining(`(${right})`),
      hint: expect.stringContaining('policy'),
    });
  });

  test('which region a bucket is in', async () => {
    const place = await fakeS3Place({ region: 'eu-central-1' });
    await expect(probe(place)).rejects.toMatchObject({
      message: expect.stringContaining('in another region: eu-central-1'),
      hint: expect.stringContaining('--s3-region eu-central-1'),
    });
    expect(await probe({ ...place, region: 'eu-central-1' })).toMatchObject(ALL);
  });

  test('that nothing listens there', async () => {
    const place = await fakeS3Place();
    await expect(probe({ ...place, endpoint: (await deadUrl()).href })).rejects.toMatchObject({
      message: expect.stringMatching(/^http.* cannot be reached: connection refused$/),
      hint: expect.stringContaining('--s3-endpoint'),
    });
  });

  test('that there is no such host', async () => {
    const place = await fakeS3Place();
    await expect(probe({ ...place, endpoint: 'http://no-such-host.invalid' })).rejects.toMatchObject({
      code: 'store_unavailable',
      hint: expect.stringContaining('--s3-endpoint'),
    });
  });

  test('that something else answers there', async () => {
    const place = await fakeS3Place();
    const page = await listenHttp((_, response) => {
      response.writeHead(200, { 'content-type': 'text/html' }).end('<html>Welcome</html>');
    });
    const lost = await listenHttp((_, response) => {
      response.writeHead(404, { 'content-type': 'text/html' }).end('<html>Not found</html>');
    });
    for (const { href: endpoint } of [page, lost]) {
      await expect(probe({ ...place, endpoint })).rejects.toMatchObject({
        code: 'store_unavailable',
        message: expect.stringContaining(endpoint.slice(0, -1)),
      });
    }
  });

  test('that something hangs up there, which is no timeout', async () => {
    const place = await fakeS3Place();
    const other = await listenRaw((socket) => socket.once('data', () => socket.destroy()));
    await expect(probe({ ...place, endpoint: other.href })).rejects.toMatchObject({
      message: expect.stringMatching(/ cannot be reached: (connection reset|it closed the connection)$/),
    });
  });

  test('that nobody answers there, within ten seconds', async () => {
    const place = await fakeS3Place();
    const silent = await listenRaw(() => {});
    await expect(probe({ ...place, endpoint: silent.href })).rejects.toMatchObject({
      code: 'store_unavailable',
      message: expect.stringContaining('does not respond in time'),
    });
  }, 10_000);

  test('that nobody gives credentials', async () => {
    for (const name of ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY']) vi.stubEnv(name, '');
    for (const name of ['AWS_SHARED_CREDENTIALS_FILE', 'AWS_CONFIG_FILE']) vi.stubEnv(name, '/nonexistent');
    onTestFinished(() => void vi.unstubAllEnvs());
    await expect(probe(await fakeS3Place())).rejects.toMatchObject({
      code: 'store_unavailable',
      message: expect.stringContaining('credentials'),
      hint: expect.stringContaining('AWS_ACCESS_KEY_ID'),
    });
  });

  test('that nobody says which region of AWS', async () => {
    vi.stubEnv('AWS_CONFIG_FILE', '/nonexistent');
    onTestFinished(() => void vi.unstubAllEnvs());
    const location = { bucket: 'bucket', prefix: '' };
    await expect(
      S3Storage.open({ location, forcePathStyle: false, clock: () => new Date() }),
    ).rejects.toMatchObject({ code: 'usage', hint: expect.stringContaining('--s3-region') });
  });
});
