import { ownFolderIn, parseS3Location, type S3Location } from '../../storage/s3/s3-location.ts';
import type { OptionErrors } from './option-errors.ts';

/** As commander leaves them. */
export interface StorageOptions {
  /** `disk`, or `s3://bucket/prefix`. */
  readonly storage: string;
  readonly s3Endpoint?: string;
  readonly s3Region?: string;
  readonly s3ForcePathStyle?: boolean;
}

/** A bucket that artifacts are kept in. */
export interface S3Settings {
  readonly location: S3Location;
  /** Undefined: AWS's own, or what its environment says. */
  readonly endpoint: string | undefined;
  readonly region: string | undefined;
  readonly forcePathStyle: boolean;
}

const REGION = /^[A-Za-z0-9-]+$/;

/** Where artifacts are kept. @param option what names the place @returns undefined for the disk */
export function readStorage(
  options: StorageOptions,
  problems: OptionErrors,
  option = '--storage',
): S3Settings | undefined {
  const {
    storage,
    s3Endpoint: endpoint,
    s3Region: region,
    s3ForcePathStyle: forcePathStyle = false,
  } = options;
  if (endpoint !== undefined && !isEndpoint(endpoint)) {
    problems.add(
      `--s3-endpoint ${withoutUser(endpoint)} is not a plain http(s) URL: give it like https://s3.example.com`,
    );
  }
  if (region !== undefined && !REGION.test(region)) {
    problems.add(`--s3-region ${region} is not a region: give it like eu-central-1`);
  }
  if (storage === 'disk') {
    if (endpoint !== undefined || region !== undefined || forcePathStyle) {
      problems.add(
        '--s3-endpoint, --s3-region and --s3-force-path-style go with --storage s3://bucket/prefix',
      );
    }
    return undefined;
  }
  const location = parseS3Location(storage);
  if (location === undefined) {
    const folder = ownFolderIn(storage);
    if (storage.startsWith('s3://') && folder !== undefined) {
      problems.add(
        `${option} ${storage} has ${folder} in its prefix, which is where a server keeps its own files: choose another prefix`,
      );
      return undefined;
    }
    problems.add(
      `${option} ${withoutUser(storage)} is neither disk nor a bucket: give it like s3://bucket/prefix, ` +
        'with letters, digits and ._~- in the prefix',
    );
    return undefined;
  }
  return { location, endpoint, region, forcePathStyle };
}

/** The bucket as a database knows it: without a slash at its end. */
export function placeOf({ location: { bucket, prefix } }: S3Settings): string {
  return `s3://${bucket}/${prefix}`.replace(/\/$/, '');
}

/** Nobody is to give a key there, and it is not to be printed if somebody does. */
function withoutUser(url: string): string {
  return url.replace(/\/\/.*@/, '//***@');
}

function isEndpoint(text: string): boolean {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol)) return false;
  return url.username === '' && url.password === '' && url.search === '' && url.hash === '';
}
