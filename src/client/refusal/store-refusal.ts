import { OtaError, type OtaErrorCode } from '../../errors.ts';
import type { Evidence } from './front.ts';

interface Meaning {
  readonly code: OtaErrorCode;
  /** Completes "the storage …". */
  readonly what: string;
  readonly hint: string;
}

const AGAIN = 'Run the same command again.';
const FULL: Meaning = {
  code: 'no_space',
  what: 'has no room left',
  hint: "Free space in the server's bucket, or raise its quota, then run the same command again.",
};
const CREDENTIALS: Meaning = {
  code: 'store_unavailable',
  what: "does not accept the server's own credentials",
  hint: 'The administrator of the server has to renew its AWS credentials; your token is not the reason.',
};
const CLOCK: Meaning = {
  code: 'store_unavailable',
  what: "has a clock that differs from the server's, so that the server's URLs are expired or not valid yet",
  hint: 'Synchronize the clocks of the server and its storage by NTP; your token is not the reason.',
};
const DENIED: Meaning = {
  code: 'store_unavailable',
  what: 'does not let the server use the bucket for this',
  hint: "The administrator of the server has to allow it in its key's policy and the bucket's; your token is not the reason.",
};
const BUCKET: Meaning = {
  code: 'store_unavailable',
  what: 'has no such bucket there, or keeps it in another region',
  hint: 'The administrator of the server has to correct --storage, --s3-region or --s3-endpoint.',
};
const BUSY: Meaning = { code: 'network', what: 'is busy or in trouble', hint: AGAIN };
const GARBLED: Meaning = { code: 'network', what: 'received other bytes than were sent', hint: AGAIN };
const TOO_LARGE: Meaning = {
  code: 'preflight_refused',
  what: 'takes no files of this size',
  hint: 'Publish a smaller file, or have the limit of the storage raised.',
};
const ENDED: Meaning = { code: 'store_unavailable', what: 'has dropped the upload in parts', hint: AGAIN };

/** By the code in the store's XML: https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html, Ceph's, MinIO's */
const MEANINGS: ReadonlyMap<string, Meaning> = new Map([
  ...named(
    FULL,
    'QuotaExceeded',
    'XMinioStorageFull',
    'XMinioAdminBucketQuotaExceeded',
    'InsufficientStorage',
  ),
  ...named(FULL, 'InsufficientCapacity', 'StorageFull', 'StorageCapExceeded', 'NoSpaceLeft'),
  ...named(CREDENTIALS, 'ExpiredToken', 'ExpiredTokenException', 'InvalidToken', 'TokenRefreshRequired'),
  ...named(CREDENTIALS, 'InvalidAccessKeyId', 'SignatureDoesNotMatch', 'InvalidSecurity', 'NotSignedUp'),
  ...named(CLOCK, 'RequestTimeTooSkewed', 'RequestExpired'),
  ...named(DENIED, 'AccessDenied', 'AllAccessDisabled', 'AccountProblem', 'UnauthorizedAccess', 'Forbidden'),
  ...named(DENIED, 'MethodNotAllowed', 'InvalidObjectState', 'ObjectLockConfigurationNotFoundError'),
  ...named(DENIED, 'KMS.DisabledException', 'KMS.NotFoundException', 'KMS.KMSInvalidStateException'),
  ...named(BUCKET, 'NoSuchBucket', 'PermanentRedirect', 'TemporaryRedirect', 'Redirect'),
  ...named(BUCKET, 'AuthorizationHeaderMalformed', 'IllegalLocationConstraintException'),
  ...named(BUSY, 'SlowDown', 'SlowDownWrite', 'ServiceUnavailable', 'InternalError', 'OperationAborted'),
  ...named(
    BUSY,
    'RequestTimeout',
    'Throttling',
    'ThrottlingException',
    'RequestLimitExceeded',
    'TooManyRequests',
  ),
  ...named(BUSY, 'BandwidthLimitExceeded', 'Busy', 'ServerBusy', 'XMinioServerNotInitialized'),
  ...named(GARBLED, 'BadDigest', 'IncompleteBody', 'XAmzContentSHA256Mismatch', 'InvalidDigest'),
  ...named(TOO_LARGE, 'EntityTooLarge', 'MaxMessageLengthExceeded'),
  ...named(ENDED, 'NoSuchUpload'),
]);

/** The codes for an object that is not there, as S3 also says AccessDenied of it. */
const MISSING: readonly string[] = ['NoSuchKey', 'NoSuchVersion', 'AccessDenied'];

function named(meaning: Meaning, ...codes: readonly string[]): [string, Meaning][] {
  return codes.map((code) => [code, meaning]);
}

/** The code of an S3 store's error; `''` for one without a code, undefined for anything else than such an error. */
export function storeCode({ text }: Pick<Evidence, 'text'>): string | undefined {
  if (!/^\s*(?:<\?xml[^>]*\?>\s*)?<Error\b/.test(text)) return undefined;
  return /<Code>\s*([A-Za-z0-9.]{1,64})\s*<\/Code>/.exec(text)?.[1] ?? '';
}

/** Whether a store says that there is no such object. */
export function isMissingObject(response: Evidence): boolean {
  return MISSING.includes(storeCode(response) ?? '') && !isUntimely(response);
}

/** The error for what a storage's own code says; undefined where it says nothing that is known. */
export function storeRefusal(response: Evidence, address: string): OtaError | undefined {
  const code = storeCode(response) ?? '';
  const meaning = isUntimely(response) ? CLOCK : MEANINGS.get(code);
  if (meaning === undefined) return undefined;
  return new OtaError(meaning.code, `${address}: the storage ${meaning.what} (${code})`, {
    status: response.status,
    hint: meaning.hint,
  });
}

/** For a presigned URL outside of its time S3 says AccessDenied, with the time of the store. */
function isUntimely({ text }: Evidence): boolean {
  return storeCode({ text }) === 'AccessDenied' && /<ServerTime>|<X-Amz-Expires>/.test(text);
}
