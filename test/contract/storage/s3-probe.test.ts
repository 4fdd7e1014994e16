import { randomUUID } from 'node:crypto';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { S3Storage, type S3StorageOptions } from '../../../src/storage/s3/s3-storage.ts';
import { deadUrl, listenHttp, listenRaw } from '../../support/network/loopback-server.ts';
import type { Defect } from '../../support/s3/fake-s3/defect.ts';
import type { Operation } from '../../support/s3/fake-s3/operations.ts';
import { objectsIn } from '../../support/s3/s3-objects.ts';
import { describeOnS3, fakeS3Place } from '../../support/s3/s3-place.ts';
import { S3_RIGHTS } from '../../support/s3/s3-rights.ts';

type Settings = Omit<S3StorageOptions, 'clock'>;

async function probe(settings: Settings, clock = () => new Date(), timeoutMs?: number) {
  const storage = await S3Storage.open({ ...settings, clock });
  onTestFinished(() => storage.close());
  return storage.probe(timeoutMs);
}

const ALL = { length: true, chunked: true, checksum: true, twoAuthorizations: true };

describeOnS3('the probe of a store', (open) => {
  test('returns what the store refuses, and leaves nothing behind', async () => {
    const place = await open();
    expect(await probe(place)).toEqual({ ...ALL, copyCondition: expect.any(Boolean) });
    expect(await objectsIn(place)).toEqual({ staging: 0, artifacts: 0, uploads: [] });
  });

  test('fails if there is no such bucket', async () => {
    const place = await open();
    const location = { ...place.location, bucket: 'no-such-bucket' };
    await expect(probe({ ...place, location })).rejects.toMatchObject({
      code: 'store_unavailable',
      message: expect.stringMatching(/^there is no bucket no-such-bucket at http/),
      hint: expect.stringContaining('--storage'),
    });
  });

  test.each([
    ['an unknown key', 'AWS_ACCESS_KEY_ID', 'AKIANOBODYHASTHIS00'],
    ['a wrong secret', 'AWS_SECRET_ACCESS_KEY', 'wrong'],
  ])('fails with %s', async (_, name, value) => {
    vi.stubEnv(name, value);
    onTestFinished(() => void vi.unstubAllEnvs());
    await expect(probe(await open())).rejects.toMatchObject({
      code: 'store_unavailable',
      message: expect.stringContaining('cannot be used with these credentials'),
      hint: expect.stringContaining('AWS_ACCESS_KEY_ID'),
    });
  });
});

describe('what a probe leaves that is cut off', () => {
  const HOUR_MS = 60 * 60 * 1000;

  test('field 15: is removed by the next one after an hour, and nothing else is', async () => {
    const place = await fakeS3Place();
    const { store } = place.fake;
    const { prefix } = place.location;
    const ageAll = (ms: number) => {
      const at = new Date(Date.now() - ms);
      for (const [key, object] of store.objects) store.objects.set(key, { ...object, lastModified: at });
      for (const [id, upload] of store.uploads) store.uploads.set(id, { ...upload, initiated: at });
    };
    const others = [
      `${prefix}artifacts/${randomUUID()}`,
      `${prefix}artifacts/probe-${randomUUID()}`,
      `${prefix}staging/probe-notes`,
      `elsewhere/staging/probe-${randomUUID()}`,
    ];
    for (const key of others) store.put(key, Buffer.from('more than a probe'));
    let operations = 0;
    let isWhole = false;
    const left = new Set<string>();
    for (let cutOff = 1; !isWhole; cutOff++) {
      operations = 0;
      place.fake.intercept = () => (++operations > cutOff ? { status: 403 } : undefined);
      isWhole = await probe(place).then(
        () => operations <= cutOff,
        () => false,
      );
      for (const key of [...store.objects.keys(), ...[...store.uploads.values()].map((one) => one.key)])
        left.add(key.replace(prefix, '').replace(/probe-.{36}/, 'probe-'));
    }
    place.fake.intercept = undefined;
    expect([...left]).toEqual(expect.arrayContaining(['staging/probe-', 'artifacts/probe-']));
    const before = store.objects.size;
    expect(before).toBeGreaterThan(others.length);
    ageAll(HOUR_MS / 2);
    await probe(place);
    expect(store.objects.size).toBe(before);
    ageAll(2 * HOUR_MS);
    await probe(place);
    expect([...store.objects.keys()].sort()).toEqual(others.sort());
    expect(store.uploads.size).toBe(0);
  });
});

describe('a store with a clock that differs from the server’s', () => {
  const HOUR_MS = 60 * 60 * 1000;
  const expectSkewed = async (place: Settings, offset: number) => {
    await expect(probe(place, () => new Date(Date.now() + offset))).rejects.toMatchObject({
      code: 'store_unavailable',
      message: expect.stringMatching(/^the clock of http.* differs from this server's$/),
      hint: expect.stringContaining('NTP'),
    });
  };

  describeOnS3('is not mistaken for missing permissions', (open) => {
    test('if the server is behind', async () => expectSkewed(await open(), -HOUR_MS));
  });

  test('is detected too if the server is ahead, with a store that refuses URLs from the future (Ceph does not)', async () => {
    await expectSkewed(await fakeS3Place(), HOUR_MS);
  });
});

describe('a store that is busy or slow now and then', () => {
  const busy = { status: 503, body: '<Error><Code>SlowDown</Code></Error>' };

  test.each([
    ['answers a third of all requests with SlowDown', (n: number) => (n % 3 === 0 ? busy : undefined)],
    ['answers each presigned request with SlowDown first', presignedFirst(busy)],
    ['answers each presigned request with 502 first', presignedFirst({ status: 502 })],
    ['answers the first 8 requests with 500', (n: number) => (n < 8 ? { status: 500 } : undefined)],
  ])('field 15: can be used: it %s', async (_, fault) => {
    const place = await fakeS3Place();
    let requests = 0;
    place.fake.intercept = (operation) => fault(requests++, operation);
    expect(await probe(place)).toEqual({ ...ALL, copyCondition: true });
  });

  test('field 15: cannot be used for a server that starts in an outage, and says what it answers', async () => {
    const place = await fakeS3Place();
    place.fake.intercept = () => busy;
    await expect(probe(place, undefined, 1500)).rejects.toMatchObject({
      code: 'store_unavailable',
      message: expect.stringMatching(/SlowDown|not respond/),
    });
  });

  function presignedFirst(answer: { status: number; body?: string }) {
    const seen = new Set<string>();
    return (_: number, { query }: Operation) => {
      const signature = query.get('X-Amz-Signature');
      if (signature === undefined || seen.has(signature)) return undefined;
      seen.add(signature);
      return answer;
    };
  }
});

describe('the probe of a store', () => {
  test.each([
    ['length', 'length_not_enforced'],
    ['chunked', 'chunked_accepted'],
    ['checksum', 'checksum_not_enforced'],
    ['twoAuthorizations', 'two_auth_accepted'],
    ['copyCondition', 'conditions_ignored'],
  ] as const)('accepts one that does not enforce %s, and returns that', async (what, defect) => {
    const place = await fakeS3Place();
    place.fake.defects.add(defect);
    expect(await probe(place)).toEqual({ ...ALL, copyCondition: true, [what]: false });
    place.fake.defects.clear();
    expect(await objectsIn(place)).toEqual({ staging: 0, artifacts: 0, uploads: [] });
  });

  test.each<[Defect, RegExp]>([
    ['put_flips_a_bit', /returns different bytes/],
    ['put_truncated', /loses uploaded objects/],
    ['head_tells_other_size', /loses uploaded objects/],
    ['copy_of_other_bytes', /returns different bytes/],
    ['copy_not_made', /does not have a copy/],
    ['copy_fails_in_200', /copying objects .* failed .*InternalError/],
    ['etag_changes', /cannot copy objects/],
    ['read_flips_a_bit', /returns different bytes/],
    ['read_cut_off', /connection reset|closed the connection/],
    ['read_too_short', /returns different bytes/],
    ['delete_ignored', /keeps deleted objects/],
  ])('rejects one that cannot be relied on: %s', async (defect, message) => {
    const place = await fakeS3Place();
    place.fake.defects.add(defect);
    await expect(probe(place)).rejects.toMatchObject({
      code: 'store_unavailable',
      message: expect.stringMatching(message),
      hint: expect.any(String),
    });
  });

  test.each([
    ['are never met', 'wrong_etag'],
    ['are not supported', 'conditions_unknown'],
  ] as const)('accepts one where conditions %s', async (_, defect) => {
    const place = await fakeS3Place();
    place.fake.defects.add(defect);
    expect(await probe(place)).toMatchObject({ copyCondition: true });
  });

  test.each(S3_RIGHTS)('names the permission that the key lacks: %s', async (right) => {
    const place = await fakeS3Place();
    place.fake.denied.add(right);
    await expect(probe(place)).rejects.toMatchObject({
      code: 'store_unavailable',
      message: expect.stringContaining(`(${right})`),
      hint: expect.stringContaining('policy'),
    });
  });

  test('names the region of the bucket', async () => {
    const place = await fakeS3Place({ region: 'eu-central-1' });
    await expect(probe(place)).rejects.toMatchObject({
      message: expect.stringContaining('in another region: eu-central-1'),
      hint: expect.stringContaining('--s3-region eu-central-1'),
    });
    expect(await probe({ ...place, region: 'eu-central-1' })).toMatchObject(ALL);
  });

  test('reports a refused connection', async () => {
    const place = await fakeS3Place();
    await expect(probe({ ...place, endpoint: (await deadUrl()).href })).rejects.toMatchObject({
      message: expect.stringMatching(/^http.* cannot be reached: connection refused$/),
      hint: expect.stringContaining('--s3-endpoint'),
    });
  });

  test('reports an unknown host', async () => {
    const place = await fakeS3Place();
    await expect(probe({ ...place, endpoint: 'http://no-such-host.invalid' })).rejects.toMatchObject({
      code: 'store_unavailable',
      hint: expect.stringContaining('--s3-endpoint'),
    });
  });

  test('reports a server that is no store', async () => {
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

  test('reports a closed connection as such, not as a timeout', async () => {
    const place = await fakeS3Place();
    const other = await listenRaw((socket) => socket.once('data', () => socket.destroy()));
    await expect(probe({ ...place, endpoint: other.href })).rejects.toMatchObject({
      message: expect.stringMatching(/ cannot be reached: (connection reset|it closed the connection)$/),
    });
  });

  test.each(['http', 'https'])('reports a server that does not respond in time, by %s', async (scheme) => {
    const place = await fakeS3Place();
    const { port } = await listenRaw(() => {});
    const endpoint = `${scheme}://127.0.0.1:${port}`;
    await expect(probe({ ...place, endpoint }, undefined, 200)).rejects.toMatchObject({
      code: 'store_unavailable',
      message: expect.stringContaining('does not respond in time'),
    });
  });

  test('reports missing credentials', async () => {
    for (const name of ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY']) vi.stubEnv(name, '');
    for (const name of ['AWS_SHARED_CREDENTIALS_FILE', 'AWS_CONFIG_FILE']) vi.stubEnv(name, '/nonexistent');
    onTestFinished(() => void vi.unstubAllEnvs());
    await expect(probe(await fakeS3Place())).rejects.toMatchObject({
      code: 'store_unavailable',
      message: expect.stringContaining('credentials'),
      hint: expect.stringContaining('AWS_ACCESS_KEY_ID'),
    });
  });

  test('needs a region if the store is AWS', async () => {
    vi.stubEnv('AWS_CONFIG_FILE', '/nonexistent');
    onTestFinished(() => void vi.unstubAllEnvs());
    const location = { bucket: 'bucket', prefix: '' };
    await expect(
      S3Storage.open({ location, forcePathStyle: false, clock: () => new Date() }),
    ).rejects.toMatchObject({ code: 'usage', hint: expect.stringContaining('--s3-region') });
  });
});
