import { randomUUID } from 'node:crypto';
import {
  GetBucketLifecycleConfigurationCommand,
  GetBucketVersioningCommand,
  GetObjectLockConfigurationCommand,
  type LifecycleRule,
} from '@aws-sdk/client-s3';
import { messageOf } from '../../runtime/error-details.ts';
import type { S3Bucket } from './s3-bucket.ts';

const REQUEST_TIMEOUT_MS = 3000;
/** Files there have to be restored before they can be downloaded. */
const ARCHIVES: readonly string[] = ['GLACIER', 'DEEP_ARCHIVE'];

/**
 * Settings of a bucket that will cause trouble later, a line each with what to do. What the key may not ask, and what the
 * store does not know, is left out.
 * @param files the folder that downloads are served from, with a trailing slash
 */
export async function troublesomeSettings(bucket: S3Bucket, files: string): Promise<string[]> {
  const rules = await lifecycleRules(bucket);
  const found = await Promise.all([
    versioning(
      bucket,
      rules.filter((rule) => covers(rule, files)),
    ),
    objectLock(bucket),
    lifecycle(bucket, files, rules),
    publicEndpoint(bucket, files),
  ]);
  return found.filter((line) => line !== undefined);
}

async function versioning(bucket: S3Bucket, rules: readonly LifecycleRule[]): Promise<string | undefined> {
  const command = new GetBucketVersioningCommand({ Bucket: bucket.name });
  const { Status } = await bucket.client.send(command).catch(() => ({ Status: undefined }));
  if (Status !== 'Enabled' || rules.some((rule) => rule.NoncurrentVersionExpiration)) return undefined;
  return `the bucket ${bucket.name} keeps old versions: deleted files go on taking space. Let a lifecycle rule expire noncurrent versions, or suspend versioning.`;
}

async function objectLock(bucket: S3Bucket): Promise<string | undefined> {
  const command = new GetObjectLockConfigurationCommand({ Bucket: bucket.name });
  const { ObjectLockConfiguration } = await bucket.client
    .send(command)
    .catch(() => ({ ObjectLockConfiguration: undefined }));
  const retention = ObjectLockConfiguration?.Rule?.DefaultRetention;
  if (retention === undefined) return undefined;
  const time = retention.Years ? `${retention.Years} years` : `${retention.Days ?? 0} days`;
  return `the bucket ${bucket.name} locks every object for ${time} (${retention.Mode}): nothing is really removed until then, and uploads may be refused. Use a bucket without a default retention.`;
}

async function lifecycleRules(bucket: S3Bucket): Promise<LifecycleRule[]> {
  const command = new GetBucketLifecycleConfigurationCommand({ Bucket: bucket.name });
  const { Rules = [] } = await bucket.client.send(command).catch(() => ({ Rules: [] }));
  return Rules.filter(({ Status }) => Status === 'Enabled');
}

async function lifecycle(
  bucket: S3Bucket,
  files: string,
  rules: readonly LifecycleRule[],
): Promise<string | undefined> {
  const rule = rules.find((one) => covers(one, files) && takesFilesAway(one));
  if (rule === undefined) return undefined;
  const name = rule.ID ? `the lifecycle rule ${rule.ID}` : 'a lifecycle rule';
  return `${name} of the bucket ${bucket.name} expires or archives files below ${files}: apps will be offered files that they cannot download. Limit it to other prefixes.`;
}

function takesFilesAway({ Expiration, Transitions = [] }: LifecycleRule): boolean {
  const expires = Expiration?.Days !== undefined || Expiration?.Date !== undefined;
  return expires || Transitions.some(({ StorageClass = '' }) => ARCHIVES.includes(StorageClass));
}

/** Whether a rule applies to objects in a folder; stored files have no tags. */
function covers({ Filter, Prefix }: LifecycleRule, folder: string): boolean {
  if (Filter?.Tag || Filter?.And?.Tags?.length) return false;
  const prefix = Filter?.And?.Prefix ?? Filter?.Prefix ?? Prefix ?? '';
  return folder.startsWith(prefix) || prefix.startsWith(folder);
}

/** Asks what clients reach for a file that does not exist: a store that accepts the signature says just that. */
async function publicEndpoint(bucket: S3Bucket, files: string): Promise<string | undefined> {
  if (bucket.signer === bucket.client) return undefined;
  const expiresAt = new Date(Date.now() + 60_000);
  const key = files + randomUUID();
  const url = await bucket.presignGet({ key, fileName: 'probe', expiresAt, method: 'GET' });
  const { origin } = new URL(url);
  try {
    const signal = AbortSignal.timeout(REQUEST_TIMEOUT_MS);
    const response = await fetch(url, { signal, redirect: 'manual' });
    const code = /<Code>(\w+)<\/Code>/.exec(await response.text())?.[1];
    if (code === 'NoSuchKey') return undefined;
    return `the store does not answer at --s3-public-endpoint (${origin}) as it does at --s3-endpoint: status ${response.status}${code ? `, ${code}` : ''}. What stands in front of it has to pass on path and Host unchanged.`;
  } catch (error) {
    const cause = error instanceof Error && error.cause !== undefined ? error.cause : error;
    return `--s3-public-endpoint (${origin}) cannot be reached from this server: ${messageOf(cause)}. That is fine if clients can reach it.`;
  }
}
