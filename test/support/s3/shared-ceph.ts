import { mkdir, mkdtemp, readFile, rename, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';
import type { TestProject } from 'vitest/node';
import { startCeph, stopCeph } from './ceph.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** Where the run's gateway is, or will be once a test needs it. */
    cephFolder: string;
  }
}

/** The bucket that all tests share, each with its own prefix. */
export const CEPH_BUCKET = 'synckit-ota-tests';

/** Called by vitest before a run, for each tier and for all: nothing is started until a test needs it. */
export async function setup(project: TestProject): Promise<(() => Promise<void>) | undefined> {
  if (!project.isRootProject()) return;
  const folder = await mkdtemp(join(tmpdir(), 'synckit-ota-ceph-'));
  project.provide('cephFolder', folder);
  return () => stopCeph(folder);
}

/** The one gateway of this run, started by the first test file that needs it. @returns its URL */
export async function sharedCeph(folder: string): Promise<string> {
  const ready = join(folder, 'ready');
  const isFirst = await mkdir(join(folder, 'starting')).then(
    () => true,
    () => false,
  );
  if (isFirst) {
    const outcome = await startWithBucket(folder).catch((error: Error) => `failed: ${error.message}`);
    await writeFile(`${ready}.tmp`, outcome);
    await rename(`${ready}.tmp`, ready);
  }
  for (;;) {
    const outcome = await readFile(ready, 'utf8').catch(() => undefined);
    if (outcome?.startsWith('failed')) throw new Error(`Ceph's gateway ${outcome}`);
    if (outcome !== undefined) return outcome;
    await sleep(100);
  }
}

async function startWithBucket(folder: string): Promise<string> {
  const url = await startCeph(folder);
  await createBucket(url, CEPH_BUCKET);
  return url;
}

/** Creates a bucket with the credentials in the environment. */
export async function createBucket(endpoint: string, bucket: string): Promise<void> {
  const client = new S3Client({ endpoint, region: 'us-east-1', forcePathStyle: true });
  await client.send(new CreateBucketCommand({ Bucket: bucket }));
  client.destroy();
}
