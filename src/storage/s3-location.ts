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

/**
 * Reads `s3://bucket/prefix`; slashes at the end do not count.
 * @returns undefined when it is not one, or its prefix has anything but letters, digits and `._~-` between slashes
 */
export function parseS3Location(text: string): S3Location | undefined {
  const [, bucket = '', path = ''] = /^s3:\/\/([^/]+)(?:\/(.*?))?\/*$/.exec(text) ?? [];
  if (!BUCKET.test(bucket)) return undefined;
  if (path === '') return { bucket, prefix: '' };
  return path.split('/').every((segment) => SEGMENT.test(segment))
    ? { bucket, prefix: `${path}/` }
    : undefined;
}
