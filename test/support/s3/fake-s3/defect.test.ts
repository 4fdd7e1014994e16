import { randomBytes } from 'node:crypto';
import { CompleteMultipartUploadCommand } from '@aws-sdk/client-s3';
import { describe, expect, onTestFinished, test } from 'vitest';
import { S3Bucket, type S3Object } from '../../../../src/storage/s3/s3-bucket.ts';
import { createS3Client } from '../../../../src/storage/s3/s3-client.ts';
import { copyObject } from '../../../../src/storage/s3/s3-copy.ts';
import { s3ErrorCode } from '../../../../src/storage/s3/s3-error.ts';
import { DEFECTS, type Defect } from './defect.ts';
import { startFakeS3 } from './start-fake-s3.ts';

/*
 * Each defect harms a client that relies on what it breaks: otherwise a server that survives it would prove nothing.
 */

const MIB = 1024 * 1024;
const BYTES = randomBytes(1000);
const LARGE = randomBytes(6 * MIB);

/** A client that trusts the store in everything. */
class Naive {
  readonly #bucket: S3Bucket;

  constructor(bucket: S3Bucket) {
    this.#bucket = bucket;
  }

  async put(bytes: Buffer = BYTES, init: RequestInit = {}): Promise<number> {
    const url = await this.#bucket.presignPut('file', BYTES.length, new Date(Date.now() + 60_000));
    return (await fetch(url, { method: 'PUT', body: new Uint8Array(bytes), ...init })).status;
  }

  async refuses(bytes: Buffer, init?: RequestInit): Promise<boolean> {
    return (await this.put(bytes, init)) >= 400;
  }

  head(): Promise<S3Object | undefined> {
    return this.#bucket.head('file');
  }

  async reads(key: string, bytes: Buffer): Promise<boolean> {
    const chunks: Uint8Array[] = [];
    for await (const chunk of this.#bucket.read(key)) chunks.push(Buffer.from(chunk));
    return Buffer.concat(chunks).equals(bytes);
  }

  /** The object is there. */
  async keeps(bytes: Buffer = BYTES): Promise<boolean> {
    await this.put(bytes);
    return this.reads('file', bytes);
  }

  async copies(etag?: string): Promise<boolean> {
    await this.put();
    if ((await this.#bucket.copy('file', 'copy', etag)) !== 'copied') return false;
    return this.reads('copy', BYTES);
  }

  /** For an existing object. */
  async copiesLarge(): Promise<boolean> {
    const source = await this.#bucket.head('large');
    if (source === undefined) return false;
    await copyObject(this.#bucket, { source, to: 'copy', sizes: { inOneGo: MIB, part: 5 * MIB } });
    return this.reads('copy', LARGE);
  }

  /** @returns the error code, '' if there is none */
  async completesUnknown(): Promise<string> {
    const input = { Bucket: this.#bucket.name, Key: 'large', UploadId: 'unknown' };
    const command = new CompleteMultipartUploadCommand({ ...input, MultipartUpload: { Parts: [] } });
    return this.#bucket.client.send(command).then(() => '', s3ErrorCode);
  }

  async creates(): Promise<boolean> {
    return (await this.#bucket.putIf('new', BYTES, { ifNoneMatch: '*' })) === 'written';
  }

  async delete(): Promise<void> {
    await this.#bucket.delete('file');
  }

  async lists(): Promise<boolean> {
    for await (const { key } of this.#bucket.list('')) if (key === 'file') return true;
    return false;
  }
}

async function copiesWithItsETag(naive: Naive): Promise<boolean> {
  await naive.put();
  return naive.copies((await naive.head())?.etag);
}

/** What is true of a sound store, and not of one with the defect. */
const RELIED_ON: Readonly<Record<Defect, (naive: Naive) => Promise<boolean>>> = {
  chunked_accepted: (naive) =>
    naive.refuses(BYTES, { body: new Blob([new Uint8Array(BYTES)]).stream(), duplex: 'half' } as RequestInit),
  length_not_enforced: (naive) => naive.refuses(BYTES.subarray(1)),
  checksum_not_enforced: (naive) =>
    naive.refuses(BYTES, { headers: { 'content-md5': `${'A'.repeat(22)}==` } }),
  conditions_ignored: async (naive) => !(await naive.copies('"another"')),
  conditions_unknown: copiesWithItsETag,
  puts_with_conditions_unknown: (naive) => naive.creates(),
  wrong_etag: copiesWithItsETag,
  etag_changes: copiesWithItsETag,
  two_auth_accepted: (naive) => naive.refuses(BYTES, { headers: { authorization: 'Bearer token' } }),
  stale_read: async (naive) => {
    await naive.put(Buffer.alloc(BYTES.length));
    return naive.keeps();
  },
  stale_list: async (naive) => {
    await naive.lists();
    await naive.put();
    return naive.lists();
  },
  not_yet_there: async (naive) => {
    await naive.put();
    return (await naive.head()) !== undefined;
  },
  put_flips_a_bit: (naive) => naive.keeps(),
  put_truncated: (naive) => naive.keeps(),
  head_tells_other_size: async (naive) => {
    await naive.put();
    return (await naive.head())?.size === BYTES.length;
  },
  copy_of_other_bytes: (naive) => naive.copies(),
  copy_truncated: (naive) => naive.copies(),
  copy_not_made: (naive) => naive.copies(),
  copy_fails_in_200: (naive) => naive.copies(),
  read_flips_a_bit: (naive) => naive.keeps(),
  read_cut_off: (naive) => naive.keeps(),
  read_too_short: (naive) => naive.keeps(),
  parts_mixed_up: (naive) => naive.copiesLarge(),
  completion_fails_in_200: (naive) => naive.copiesLarge(),
  unknown_upload_fails: async (naive) => (await naive.completesUnknown()) === 'NoSuchUpload',
  delete_ignored: async (naive) => {
    await naive.put();
    await naive.delete();
    return (await naive.head()) === undefined;
  },
};

async function startNaive(...defects: Defect[]): Promise<Naive> {
  const fake = await startFakeS3();
  onTestFinished(() => fake.close());
  fake.store.put('large', LARGE);
  for (const defect of defects) fake.defects.add(defect);
  const settings = { endpoint: fake.url, region: 'us-east-1', forcePathStyle: true };
  const client = await createS3Client(settings);
  onTestFinished(() => client.destroy());
  return new Naive(new S3Bucket({ client, name: fake.bucket, endpoint: fake.url, clock: () => new Date() }));
}

describe.each(Object.keys(DEFECTS) as Defect[])('the defect %s', (defect) => {
  const isWell = (naive: Naive) => RELIED_ON[defect](naive).catch(() => false);

  test('breaks what holds without it', async () => {
    expect(await isWell(await startNaive())).toBe(true);
    expect(await isWell(await startNaive(defect))).toBe(false);
  });
});
