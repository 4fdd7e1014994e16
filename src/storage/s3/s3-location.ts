/** A bucket, and where in it everything of this server is. */
export interface S3Location {
  readonly bucket: string;
  /** What every key begins with: empty, or with a slash at its end. */
  readonly prefix: string;
}

/** Looser than AWS, which other stores are too. */
const BUCKET = /^[A-Za-z0-9][A-Za-z0-9._-]{1,61}[A-Za-z0-9]$/;
/** A segment that no client encodes in another way than the next, and that is not `.` or `..`. */
const SEGMENT = /^(?!\.{1,2}$)[A-Za-z0-9._~-]+$/;

/** Where under its prefix a server writes down whose its files are. */
export const OWNER_NAME = 'database-id';
/** What a server calls its folders under its prefix: a prefix inside them would be in another server's files. */
const FOLDERS = ['staging', 'artifacts'];

/**
 * Reads `s3://bucket/prefix`; slashes at the end do not count.
 * @returns undefined when it is not one, or its prefix has anything but letters, digits and `._~-` between slashes, or
 *   a segment that `ownFolderIn` finds
 */
export function parseS3Location(text: string): S3Location | undefined {
  const [, bucket = '', path = ''] = /^s3:\/\/([^/]+)(?:\/(.*?))?\/*$/.exec(text) ?? [];
  if (!BUCKET.test(bucket)) return undefined;
  if (path === '') return { bucket, prefix: '' };
  return path.split('/').every((segment) => SEGMENT.test(segment)) && ownFolderIn(text) === undefined
    ? { bucket, prefix: `${path}/` }
    : undefined;
}

/** Which of the names that a server gives to folders of its own, `staging` or `artifacts`, is a segment of a prefix. */
export function ownFolderIn(text: string): string | undefined {
  const [, ...prefix] = text.replace('s3://', '').split('/');
  return prefix.find((segment) => FOLDERS.includes(segment));
}

/**
 * Whether a key that begins with one of a server's folders is of another server nevertheless, whose prefix is inside
 * that folder: it was served before such prefixes were refused.
 */
export function isOfAnother(key: string, folder: string): boolean {
  return key.includes('/', folder.length) || key === folder + OWNER_NAME;
}
