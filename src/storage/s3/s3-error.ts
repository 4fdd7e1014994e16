import { OtaError } from '../../errors.ts';

/** The operation that failed, for the error message. */
export interface S3Attempt {
  readonly bucket: string;
  /** The server that requests go to, as people know it. */
  readonly endpoint: string;
  /** With the permission it needs, in AWS's notation: `reading objects (s3:GetObject)`. */
  readonly action: string;
}

/** What this project reads of the SDK's errors; `''` where absent. */
interface SdkError {
  readonly name: string;
  readonly message: string;
  /** Node's, for connections that fail. */
  readonly code: string;
  /** The same for one of several addresses that were tried. */
  readonly innerCode: string;
  /** The code in the store's XML; else the SDK's name for the error; else Node's code. */
  readonly s3Code: string;
  /** The status of the store's response, if there was one. */
  readonly status: number | undefined;
  /** The host that was not found. */
  readonly hostname: string;
  /** The region a bucket is in, where the store says. */
  readonly region: string;
}

const UNREACHABLE: ReadonlyMap<string, string> = new Map([
  ['ECONNREFUSED', 'connection refused'],
  ['ECONNRESET', 'connection reset'],
  ['ENOTFOUND', 'no such host'],
  ['EAI_AGAIN', 'DNS lookup failed'],
  ['EHOSTUNREACH', 'no route to host'],
  ['ENETUNREACH', 'no route to host'],
  ['ETIMEDOUT', 'timeout'],
  ['EPIPE', 'it closed the connection'],
  ['EPROTO', 'the port does not accept TLS'],
  ['TimeoutError', 'timeout'],
  ['RequestTimeout', 'timeout'],
]);
const BAD_CREDENTIALS: readonly string[] = [
  'CredentialsProviderError',
  'TokenProviderError',
  'InvalidAccessKeyId',
  'SignatureDoesNotMatch',
  'ExpiredToken',
  'ExpiredTokenException',
  'InvalidToken',
  'InvalidClientTokenId',
  'UnrecognizedClientException',
];
const OTHER_REGION: readonly string[] = [
  'AuthorizationHeaderMalformed',
  'PermanentRedirect',
  'IllegalLocationConstraint',
];
const NO_SPACE: readonly string[] = ['QuotaExceeded', 'XMinioStorageFull', 'InsufficientStorage'];
const CLOCK_SKEW: readonly string[] = ['RequestTimeTooSkewed', 'RequestExpired'];

/** The store's or the SDK's code for an error; `''` when there is none. */
export function s3ErrorCode(error: unknown): string {
  return readSdkError(error).s3Code;
}

/** The status of the store's response; undefined when there was none. */
export function s3Status(error: unknown): number | undefined {
  return readSdkError(error).status;
}

/** Whether a status says that the store cannot answer now, and may soon. */
export function isBusy(status: number | undefined): boolean {
  return status !== undefined && [429, 500, 502, 503, 504].includes(status);
}

/** Whether a failed request may succeed soon: the store is busy, or slow. */
export function isPassing(error: unknown): boolean {
  const { cause } = error instanceof OtaError ? error : { cause: error };
  const { name, status, s3Code } = readSdkError(cause);
  return isBusy(status) || name === 'TimeoutError' || s3Code === 'RequestTimeout';
}

/** Whether the store says that there is no such object, or no such multipart upload. */
export function isNotFound(error: unknown): boolean {
  return ['NoSuchKey', 'NotFound', 'NoSuchUpload'].includes(s3ErrorCode(error));
}

/** Whether the store refuses a condition: because it is not met, or because the store does not support it. */
export function isConditionRefused(error: unknown): boolean {
  const { status, s3Code } = readSdkError(error);
  if (status === 412 || status === 501) return true;
  return status === 400 && ['InvalidArgument', 'InvalidRequest'].includes(s3Code);
}

/** The `OtaError`, with a hint, for a failed request. An abort, or a bug in this program, is returned unchanged. */
export function toS3Error(error: unknown, attempt: S3Attempt): unknown {
  const sdkError = readSdkError(error);
  if (error instanceof OtaError || sdkError.name === 'AbortError' || sdkError.name === 'TypeError')
    return error;
  const { bucket, endpoint } = attempt;
  const { s3Code, status } = sdkError;
  if (NO_SPACE.includes(s3Code) || status === 507) {
    return new OtaError('no_space', `the bucket ${bucket} has no room left (${s3Code})`, { cause: error });
  }
  const explained =
    wrongEndpoint(sdkError, attempt) ?? connectionProblem(sdkError, attempt) ?? refusal(sdkError, attempt);
  if (explained === undefined && isNotS3(sdkError)) return notS3(endpoint, { cause: error, status });
  const { message, hint } = explained ?? unexplained(sdkError, attempt);
  return new OtaError('store_unavailable', message, { cause: error, hint });
}

/** Something responds, but it is no S3 store. */
export function notS3(
  endpoint: string,
  { cause, status }: { readonly cause?: unknown; readonly status?: number | undefined } = {},
): OtaError {
  const how = status === undefined ? '' : ` (status ${status})`;
  return new OtaError('store_unavailable', `${endpoint} does not respond like an S3 store${how}`, {
    cause,
    hint: 'Check --s3-endpoint, and --s3-force-path-style where bucket names are not host names.',
  });
}

interface Explanation {
  readonly message: string;
  readonly hint: string;
}

/** The bucket is added to the endpoint, in its path or before its host. */
function wrongEndpoint(
  { code, s3Code, status }: SdkError,
  { bucket, endpoint }: S3Attempt,
): Explanation | undefined {
  const url = URL.canParse(endpoint) ? new URL(endpoint) : undefined;
  const namesBucket =
    url?.pathname.split('/').includes(bucket) || url?.hostname.startsWith(`${bucket}.`) === true;
  const failsByThat =
    status === 404 || code === 'ENOTFOUND' || ['NoSuchKey', 'NoSuchBucket'].includes(s3Code);
  if (!namesBucket || !failsByThat) return undefined;
  return {
    message: `--s3-endpoint ${endpoint} names the bucket ${bucket}, which is added to it anyway`,
    hint: 'Leave the bucket out of --s3-endpoint; --storage names it.',
  };
}

function connectionProblem(
  { code, s3Code, innerCode, message, hostname }: SdkError,
  { bucket, endpoint }: S3Attempt,
): Explanation | undefined {
  if (code === 'ENOTFOUND' && hostname.startsWith(`${bucket}.`)) {
    return {
      message: `${endpoint} cannot be reached: there is no host ${hostname}`,
      hint: `Pass --s3-force-path-style, unless ${hostname} is to be the bucket's host: then add it to the DNS.`,
    };
  }
  // Node's own code first: the SDK calls a reset connection a timeout.
  const reason =
    UNREACHABLE.get(code) ??
    UNREACHABLE.get(s3Code) ??
    UNREACHABLE.get(innerCode) ??
    tlsProblem(s3Code) ??
    (/socket hang up|aborted/.test(message) ? 'it closed the connection' : undefined);
  return reason === undefined
    ? undefined
    : {
        message: `${endpoint} cannot be reached: ${reason}`,
        hint: 'Check --s3-endpoint, the network, and that the store is running.',
      };
}

function tlsProblem(code: string): string | undefined {
  if (/CERT|SELF_SIGNED|UNABLE_TO_VERIFY|ERR_TLS/.test(code))
    return `its certificate is not trusted (${code})`;
  return code.startsWith('ERR_SSL') || code.startsWith('HPE_')
    ? 'the port uses a different protocol'
    : undefined;
}

function refusal(
  { s3Code, status, region }: SdkError,
  { bucket, endpoint, action }: S3Attempt,
): Explanation | undefined {
  if (BAD_CREDENTIALS.includes(s3Code)) {
    return {
      message: `${endpoint} cannot be used with these credentials (${s3Code})`,
      hint: 'Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or any other credentials the AWS SDK reads, to a valid key.',
    };
  }
  if (OTHER_REGION.includes(s3Code) || status === 301) {
    return {
      message: `the bucket ${bucket} is in another region${region ? `: ${region}` : ''}`,
      hint: `Set --s3-region${region ? ` ${region}` : " to the bucket's"}, and --s3-endpoint if it names a region.`,
    };
  }
  if (s3Code === 'NoSuchBucket') {
    return {
      message: `there is no bucket ${bucket} at ${endpoint}`,
      hint: 'Create it, or correct its name in --storage, --export or the destination.',
    };
  }
  if (CLOCK_SKEW.includes(s3Code)) {
    return {
      message: `the clock of ${endpoint} differs from this server's`,
      hint: 'Synchronize the clocks of this machine, the database and the store by NTP: signatures contain the time.',
    };
  }
  if (status !== 403) return undefined;
  const reason = s3Code.startsWith('Unknown') ? `status ${status}` : s3Code; // the response to a HEAD has no code
  return {
    message: `${action} is not allowed in the bucket ${bucket} (${reason})`,
    hint: "Allow it in the key's policy; docs/self-hosting/s3.md lists every permission that is needed.",
  };
}

function unexplained({ s3Code, status, message }: SdkError, { bucket, action }: S3Attempt): Explanation {
  // The response to a HEAD has no body, so the SDK invents a code and a message.
  const isCodeless = status !== undefined && (s3Code === '' || s3Code.startsWith('Unknown'));
  const details = message !== '' && message !== s3Code ? `, ${message}` : '';
  return {
    message: `${action} failed in the bucket ${bucket}: ${isCodeless ? `status ${status}` : `${s3Code}${details}`}`,
    hint: 'Try again; if it keeps happening, check the log of the store.',
  };
}

/** Without a code of S3: a web page, a proxy's response, something that is not XML. */
function isNotS3({ name, s3Code, status }: SdkError): boolean {
  if (name === 'SyntaxError') return true;
  const hasNoCode = ['', 'UnknownError', 'NotFound'].includes(s3Code); // the SDK's names for that
  return status !== undefined && status < 500 && hasNoCode;
}

function readSdkError(error: unknown): SdkError {
  const name = textAt(error, 'name');
  const code = textAt(error, 'code');
  const status = fieldAt(fieldAt(error, '$metadata'), 'httpStatusCode');
  const headers = fieldAt(fieldAt(error, '$response'), 'headers');
  const attempts = fieldAt(error, 'errors'); // one for each address of a host
  const failed = Array.isArray(attempts) ? attempts.find((one) => textAt(one, 'code') !== '') : undefined;
  return {
    name,
    message: textAt(error, 'message'),
    code,
    innerCode: textAt(failed, 'code'),
    s3Code: textAt(error, 'Code') || (name === 'Error' || name === '' ? code : name),
    status: typeof status === 'number' ? status : undefined,
    hostname: textAt(error, 'hostname'),
    region: textAt(error, 'Region') || textAt(headers, 'x-amz-bucket-region'),
  };
}

function textAt(value: unknown, name: string): string {
  const field = fieldAt(value, name);
  return typeof field === 'string' ? field : '';
}

function fieldAt(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined;
}
