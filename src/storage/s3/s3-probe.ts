import { createHash, randomUUID } from 'node:crypto';
import { OtaError } from '../../errors.ts';
import type { S3Bucket, S3Object } from './s3-bucket.ts';
import { copyObject } from './s3-copy.ts';
import { notS3 } from './s3-error.ts';
import { S3Multipart } from './s3-multipart.ts';

/** What a store was found to refuse, as S3 does. Nothing depends on any of it; whoever runs the server may want to know. */
export interface S3Enforcement {
  /** A PUT of another length than its URL was signed for. */
  readonly length: boolean;
  /** A PUT that does not say how long it is. */
  readonly chunked: boolean;
  /** A PUT whose body is not what its Content-MD5 says. */
  readonly checksum: boolean;
  /** A presigned request that has an Authorization as well. */
  readonly twoAuthorizations: boolean;
  /** A copy of what has another ETag than it was to have. */
  readonly copyCondition: boolean;
}

export interface S3Folders {
  readonly staging: string;
  readonly artifacts: string;
}

const BYTES = Buffer.from('probe');
const OTHER_ETAG = `"${'0'.repeat(32)}"`;
/** How long the URLs of the probe are good, in milliseconds. */
const URL_LIFE_MS = 60_000;
/** How long one of its requests may take, in milliseconds. */
const REQUEST_TIMEOUT_MS = 3000;

/**
 * Goes once through the life of an artifact, with every right that the server needs. What it makes, it removes.
 * @throws OtaError `store_unavailable` when the store cannot be used, or loses or changes what it is given
 */
export async function probeS3(bucket: S3Bucket, folders: S3Folders, now: () => Date): Promise<S3Enforcement> {
  for await (const _ of bucket.list(folders.artifacts, 1)) break; // what is wrong is told best of this one
  const key = `${folders.staging}probe-${randomUUID()}`;
  const copied = folders.artifacts + randomUUID();
  const expiresAt = new Date(now().getTime() + URL_LIFE_MS);
  try {
    const arrived = await requireUpload(bucket, key, expiresAt);
    const [refusals, copyCondition] = await Promise.all([
      probeRefusals(bucket, `${key}-refused`, expiresAt),
      bucket.copy(key, `${key}-unconditional`, OTHER_ETAG).then((outcome) => outcome === 'changed'),
      probeMultipart(bucket, folders),
    ]);
    await requireCopy(bucket, arrived, copied, expiresAt);
    return { ...refusals, copyCondition };
  } finally {
    const made = [key, `${key}-refused`, `${key}-unconditional`, copied];
    await Promise.all(made.map((one) => bucket.delete(one).catch(() => {}))); // upkeep finds what stays
  }
}

/** Looked at before it is copied: a copy that is refused does not say for which of its two rights. */
async function requireUpload(bucket: S3Bucket, key: string, expiresAt: Date): Promise<S3Object> {
  const url = await bucket.presignPut(key, BYTES.length, expiresAt);
  const answer = await request(bucket, url, { method: 'PUT', body: BYTES });
  if (answer.status >= 300) {
    // The SDK follows the store's clock in its own requests; what a client gets is signed by the server's.
    const error = isSkewed(answer, expiresAt)
      ? { ...answer.error, name: 'RequestTimeTooSkewed' }
      : answer.error;
    throw bucket.failure(error, 'uploading by a presigned URL (s3:PutObject)');
  }
  const arrived = await bucket.head(key);
  if (arrived?.etag === '') throw notS3(bucket.endpoint); // a site that answers everything with a page
  if (arrived?.size !== BYTES.length) throw unfit(bucket, 'does not have what was uploaded to it');
  return arrived;
}

/** Whether a URL was refused because it had expired, or did not begin yet, by the store's clock. */
function isSkewed({ status, date }: { status: number; date: string | null }, expiresAt: Date): boolean {
  const left = expiresAt.getTime() - Date.parse(date ?? '');
  return status === 403 && (left < 0 || left > 2 * URL_LIFE_MS);
}

async function probeRefusals(bucket: S3Bucket, key: string, expiresAt: Date) {
  const url = await bucket.presignPut(key, BYTES.length, expiresAt);
  const refuses = async (init: RequestInit): Promise<boolean> => {
    const { status } = await request(bucket, url, { ...init, method: 'PUT' }).catch(() => ({ status: 0 }));
    return status < 200 || status >= 300;
  };
  const stream = new Blob([BYTES]).stream();
  const [length, chunked, checksum, twoAuthorizations] = await Promise.all([
    refuses({ body: Buffer.concat([BYTES, BYTES]) }),
    refuses({ body: stream, duplex: 'half' } as RequestInit),
    refuses({ body: BYTES, headers: { 'content-md5': md5(Buffer.from('other')) } }),
    refuses({ body: BYTES, headers: { authorization: 'Bearer probe' } }),
  ]);
  return { length, chunked, checksum, twoAuthorizations };
}

/** That the key may do what copies and uploads in parts need. */
async function probeMultipart(bucket: S3Bucket, { staging }: S3Folders): Promise<void> {
  const multipart = new S3Multipart(bucket);
  const upload = await multipart.start(`${staging}probe-${randomUUID()}`);
  try {
    await multipart.parts(upload);
    for await (const _ of multipart.unfinished(staging, new Date(0))) break;
  } finally {
    await multipart.abort(upload);
  }
}

/** A copy that is read back, by the server and by a download URL, and that is gone once it is deleted. */
async function requireCopy(
  bucket: S3Bucket,
  arrived: S3Object,
  copied: string,
  expiresAt: Date,
): Promise<void> {
  if ((await copyObject(bucket, arrived, copied)) === 'changed') throw unfit(bucket, 'makes no copies');
  if (!(await bucket.readAll(copied)).equals(BYTES))
    throw unfit(bucket, 'gives back other bytes than it was given');
  const url = await bucket.presignGet({ key: copied, fileName: 'probe', expiresAt, method: 'GET' });
  const answer = await request(bucket, url, { method: 'GET' });
  if (answer.status !== 200)
    throw bucket.failure(answer.error, 'downloading by a presigned URL (s3:GetObject)');
  if (!answer.body.equals(BYTES)) throw unfit(bucket, 'serves other bytes than it was given');
  await bucket.delete(copied);
  if ((await bucket.head(copied)) !== undefined) throw unfit(bucket, 'keeps what is deleted');
}

function unfit({ name, endpoint }: S3Bucket, what: string): OtaError {
  return new OtaError('store_unavailable', `the bucket ${name} at ${endpoint} ${what}`, {
    hint: 'Use another store, or another version of it: updates cannot be kept in this one.',
  });
}

/** As a client sends it, which knows nothing of S3. A refusal comes with an error as the SDK's. */
async function request(bucket: S3Bucket, url: string, init: RequestInit) {
  const signal = AbortSignal.timeout(REQUEST_TIMEOUT_MS);
  try {
    const answer = await fetch(url, { ...init, signal, redirect: 'manual' });
    const body = Buffer.from(await answer.arrayBuffer());
    const code = /<Code>(\w+)<\/Code>/.exec(body.toString('utf8'))?.[1];
    const region = answer.headers.get('x-amz-bucket-region');
    const $metadata = { httpStatusCode: answer.status };
    const error = { name: code ?? 'UnknownError', $metadata, ...(region && { Region: region }) };
    return { status: answer.status, date: answer.headers.get('date'), body, error };
  } catch (error) {
    const { name, cause } = error as Error;
    const reached = name === 'TimeoutError' ? error : (cause ?? error);
    throw bucket.failure(reached, 'reaching the store by a presigned URL');
  }
}

function md5(bytes: Buffer): string {
  return createHash('md5').update(bytes).digest('base64');
}
