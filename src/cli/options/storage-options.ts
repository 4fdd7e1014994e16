import { shownUrl, withShownUrl } from '../../client/shown-url.ts';
import {
  hasBucketName,
  ownFolderIn,
  parseS3Location,
  type S3Location,
} from '../../storage/s3/s3-location.ts';
import type { OptionErrors } from './option-errors.ts';
import type { S3Options } from './shared-options.ts';

export interface StorageOptions extends S3Options {
  /** `disk`, or `s3://bucket/prefix`. */
  readonly storage: string;
  /** The option that gives `storage`, for messages. */
  readonly option?: string;
}

/** A bucket for artifacts. */
export interface S3Settings {
  readonly location: S3Location;
  /** Undefined: AWS, or what its environment says. */
  readonly endpoint: string | undefined;
  /** What clients reach it at; undefined: the same. */
  readonly publicEndpoint: string | undefined;
  readonly region: string | undefined;
  readonly forcePathStyle: boolean;
}

const REGION = /^[A-Za-z0-9-]+$/;

/** Where artifacts are stored. @returns undefined for the disk */
export function readStorage(options: StorageOptions, errors: OptionErrors): S3Settings | undefined {
  const {
    storage,
    option = '--storage',
    s3Endpoint: endpoint,
    s3PublicEndpoint: publicEndpoint,
    s3Region: region,
    s3ForcePathStyle: forcePathStyle = false,
  } = options;
  checkEndpoint('--s3-endpoint', endpoint, errors);
  checkEndpoint('--s3-public-endpoint', publicEndpoint, errors);
  if (region !== undefined && !REGION.test(region)) {
    errors.add(`--s3-region ${region} is not a region: give it like eu-central-1`);
  }
  if (storage === 'disk') {
    if ([endpoint, publicEndpoint, region].some((value) => value !== undefined) || forcePathStyle) {
      errors.add(
        '--s3-endpoint, --s3-public-endpoint, --s3-region and --s3-force-path-style need --storage s3://bucket/prefix',
      );
    }
    return undefined;
  }
  const location = parseS3Location(storage);
  if (location !== undefined) return { location, endpoint, publicEndpoint, region, forcePathStyle };
  const allowed = option === '--storage' ? 'neither disk nor a bucket' : 'not a bucket';
  errors.add(`${withShownUrl(option, storage)} ${locationFault(storage, allowed)}`);
  return undefined;
}

/** Why a bucket cannot be used as given. @param notBucket what to say where it does not look like one at all */
function locationFault(storage: string, notBucket: string): string {
  if (!storage.startsWith('s3://')) return `is ${notBucket}: give it like s3://bucket/prefix`;
  if (!hasBucketName(storage)) {
    return 'has no valid bucket name: it needs 3 to 63 letters, digits and ._-, with a letter or digit at each end';
  }
  const folder = ownFolderIn(storage);
  if (folder === undefined)
    return 'has an invalid prefix: use letters, digits and ._~-, but no . or .. alone';
  return `has ${folder} in its prefix, a name that the server uses itself: choose another prefix`;
}

/** The bucket as a database stores it: without a slash at its end. */
export function placeOf({ location: { bucket, prefix } }: S3Settings): string {
  return `s3://${bucket}/${prefix}`.replace(/\/$/, '');
}

function checkEndpoint(option: string, value: string | undefined, errors: OptionErrors): void {
  if (value === undefined || isEndpoint(value)) return;
  errors.add(
    `${withShownUrl(option, value)} is not a plain http(s) URL: give it like https://s3.example.com`,
  );
}

function isEndpoint(text: string): boolean {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol)) return false;
  return (
    shownUrl(text) !== undefined &&
    url.username === '' &&
    url.password === '' &&
    url.search === '' &&
    url.hash === ''
  );
}
