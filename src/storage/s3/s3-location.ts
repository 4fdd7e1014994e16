import { withoutEndSlashes } from '../../protocol/routes.ts';
export interface S3Location {
  readonly bucket: string;
  /** The beginning of every key: empty, or with a trailing slash. */
  readonly prefix: string;
}

/** Looser than AWS, as other stores are. */
const BUCKET = /^[A-Za-z0-9][A-Za-z0-9._-]{1,61}[A-Za-z0-9]$/;
/** A segment that every client encodes in the same way, other than `.` and `..`. */
const SEGMENT = /^(?!\.{1,2}$)[A-Za-z0-9._~-]+$/;

/** The object, below the prefix, in which a server records the database that its files belong to. */
export const OWNER_NAME = 'owner.json';
/** The folders that a server has below its prefix: a prefix inside them would be among another server's files. */
const FOLDERS: readonly string[] = ['staging', 'artifacts'];

/**
 * Parses `s3://bucket/prefix`; trailing slashes are ignored.
 * @returns undefined when it is malformed, or its prefix has other characters than `A-Za-z0-9._~-/` or an own folder
 */
export function parseS3Location(text: string): S3Location | undefined {
  const [, bucket = '', rest = ''] = /^s3:\/\/([^/]+)(?:\/(.*))?$/.exec(text) ?? [];
  const path = withoutEndSlashes(rest);
  if (!BUCKET.test(bucket)) return undefined;
  if (path === '') return { bucket, prefix: '' };
  return path.split('/').every((segment) => SEGMENT.test(segment)) && ownFolderIn(text) === undefined
    ? { bucket, prefix: `${path}/` }
    : undefined;
}

/** Whether the bucket of `s3://bucket/prefix` has a name that can be used. */
export function hasBucketName(text: string): boolean {
  return BUCKET.test(/^s3:\/\/([^/]*)/.exec(text)?.[1] ?? '');
}

/** The segment of a prefix that is named like a server's own folder, `staging` or `artifacts`, if there is one. */
export function ownFolderIn(text: string): string | undefined {
  const [, ...prefix] = text.replace('s3://', '').split('/');
  return prefix.find((segment) => FOLDERS.includes(segment));
}

/** Whether a key in a server's folder belongs to another server, set up before prefixes in such folders were refused. */
export function isForeign(key: string, folder: string): boolean {
  return key.includes('/', folder.length) || key === folder + OWNER_NAME;
}
