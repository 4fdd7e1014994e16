import { randomUUID } from 'node:crypto';
import { beforeAll, describe, inject, onTestFinished } from 'vitest';
import type { S3Location } from '../../../src/storage/s3/s3-location.ts';
import { isStorageInTier } from '../server/store-pairs.ts';
import { CEPH_PACKAGES, cephIsInstalled } from './ceph.ts';
import { type FakeS3, type FakeS3Options, startFakeS3 } from './fake-s3/start-fake-s3.ts';
import { CEPH_BUCKET, sharedCeph } from './shared-ceph.ts';

/** A place in a store that a test has for itself. */
export interface S3Place {
  readonly endpoint: string;
  readonly region: string;
  readonly forcePathStyle: boolean;
  readonly location: S3Location;
}

/** Ceph takes about 15 seconds, or longer if everything else runs at the same time. */
export const CEPH_START_MS = 120_000;

/** An empty place in a fake store, until the test is finished. */
export async function fakeS3Place(options: FakeS3Options = {}): Promise<S3Place & { readonly fake: FakeS3 }> {
  const fake = await startFakeS3(options);
  onTestFinished(() => fake.close());
  return { fake, ...placeIn(fake.url, fake.bucket) };
}

/** A new prefix in a bucket. */
export function placeIn(endpoint: string, bucket: string): S3Place {
  const location = { bucket, prefix: `${randomUUID()}/` };
  return { endpoint, region: 'us-east-1', forcePathStyle: true, location };
}

/**
 * Declares tests on a real store: Ceph's gateway, which this run's test files share. If Ceph is not installed they
 * are skipped by name; the tiers that each commit runs leave them out.
 * @param tests gets a function that returns an empty place
 */
export function describeOnCeph(name: string, tests: (open: () => Promise<S3Place>) => void): void {
  if (!isStorageInTier('Ceph')) return;
  const fullName = `${name} on Ceph (needs Debian's ${CEPH_PACKAGES.join(', ')})`;
  describe.skipIf(!cephIsInstalled)(fullName, { tags: 'store' }, () => {
    let url = '';
    beforeAll(async () => {
      url = await sharedCeph(inject('cephFolder'));
    }, CEPH_START_MS);
    tests(async () => placeIn(url, CEPH_BUCKET));
  });
}

/** Declares the same tests on the fake store and on Ceph. */
export function describeOnS3(name: string, tests: (open: () => Promise<S3Place>) => void): void {
  if (isStorageInTier('fake'))
    describe(`${name} on the fake store`, { tags: 'store' }, () => tests(() => fakeS3Place()));
  describeOnCeph(name, tests);
}
