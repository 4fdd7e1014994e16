import { OtaError } from '../../errors.ts';

/** What was being done, as it stands in an error's message. */
export interface S3Attempt {
  readonly bucket: string;
  /** Where requests go, for people. */
  readonly endpoint: string;
  /** `read`, `write` and so on, with the right in the notation of AWS: `reading objects (s3:GetObject)`. */
  readonly action: string;
}

/** The fields of the SDK's errors that this project looks at; all may be absent. */
interface SdkError {
  readonly name?: string;
  readonly message?: string;
  readonly code?: string;
  /** The code in the store's answer. */
  readonly Code?: string;
  /** The region a bucket is in, where the store says. */
  readonly Region?: string;
  readonly $metadata?: { readonly httpStatusCode?: number };
  readonly $response?: { readonly headers?: Readonly<Record<string, string>> };
  readonly errors?: readonly { readonly code?: string }[];
}

const UNREACHABLE: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connection refused',
  ECONNRESET: 'connection reset',
  ENOTFOUND: 'no such host',
  EAI_AGAIN: 'its name could not be looked up',
  EHOSTUNREACH: 'no route to it',
  ENETUNREACH: 'no route to it',
  ETIMEDOUT: 'timeout',
  EPIPE: 'it closed the connection',
  EPROTO: 'it does not speak TLS there',
  TimeoutError: 'timeout',
  RequestTimeout: 'timeout',
};
const BAD_CREDENTIALS = [
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
const OTHER_REGION = ['AuthorizationHeaderMalformed', 'PermanentRedirect', 'IllegalLocationConstraint'];
const NO_ROOM = ['QuotaExceeded', 'XMinioStorageFull', 'InsufficientStorage'];

/** The store's or the SDK's own word for an error. */
export function s3ErrorCode(error: unknown): string {
  const { Code, name, code } = (error ?? {}) as SdkError;
  return Code ?? (name === 'Error' || name === undefined ? (code ?? '') : name);
}

/** The status the store answered with; undefined when it did not answer. */
export function s3Status(error: unknown): number | undefined {
  return (error as SdkError | undefined)?.$metadata?.httpStatusCode;
}

/** Whether the store says that there is no such object, or no such multipart upload. */
export function isNotThere(error: unknown): boolean {
  return ['NoSuchKey', 'NotFound', 'NoSuchUpload'].includes(s3ErrorCode(error));
}

/** Whether the store refuses a condition: as one that is not met, or as one that it does not know. */
export function isConditionRefused(error: unknown): boolean {
  const status = s3Status(error);
  if (status === 412 || status === 501) return true;
  return status === 400 && ['InvalidArgument', 'InvalidRequest'].includes(s3ErrorCode(error));
}

/**
 * What a failed request to the store means, as one sentence with what to do.
 * An error that is a mistake in this program, or an abort, comes back as it is.
 */
export function s3Failure(error: unknown, attempt: S3Attempt): unknown {
  const { name, $metadata, $response, Region, message } = (error ?? {}) as SdkError;
  if (error instanceof OtaError || name === 'AbortError' || name === 'TypeError') return error;
  const { bucket, endpoint, action } = attempt;
  const code = s3ErrorCode(error);
  const status = $metadata?.httpStatusCode;
  const failure = (text: string, hint: string) =>
    new OtaError('store_unavailable', text, { cause: error, hint });
  if (NO_ROOM.includes(code) || status === 507) {
    return new OtaError('no_space', `the bucket ${bucket} has no room left (${code})`, { cause: error });
  }
  const unreachable = unreachableReason(error as SdkError, code);
  if (unreachable !== undefined) {
    return failure(
      `${endpoint} cannot be reached: ${unreachable}`,
      'Check --s3-endpoint, the network, and that the store is up.',
    );
  }
  if (BAD_CREDENTIALS.includes(code)) {
    return failure(
      `${endpoint} cannot be used with these credentials (${code})`,
      'Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or whatever else the AWS SDK takes, to a valid key.',
    );
  }
  if (OTHER_REGION.includes(code) || status === 301) {
    const region = Region ?? $response?.headers?.['x-amz-bucket-region'];
    return failure(
      `the bucket ${bucket} is in another region${region ? `: ${region}` : ''}`,
      `Set --s3-region${region ? ` ${region}` : ' to the one it is in'}, and --s3-endpoint if it names one.`,
    );
  }
  if (code === 'NoSuchBucket') {
    return failure(`there is no bucket ${bucket} at ${endpoint}`, 'Create it, or correct --storage.');
  }
  if (code === 'RequestTimeTooSkewed' || code === 'RequestExpired') {
    return failure(
      `${endpoint} has another time than this server`,
      'Set the clocks of this machine, of the database and of the store by NTP: signatures carry the time.',
    );
  }
  if (status === 403) {
    const answer = code.startsWith('Unknown') ? `status ${status}` : code; // to a HEAD there is no more
    return failure(
      `${action} is not allowed in the bucket ${bucket} (${answer})`,
      'Give the key that right in a policy; docs/self-hosting/s3.md lists all that are needed.',
    );
  }
  if (isNotS3(error as SdkError, status)) return notS3(endpoint, error, status);
  return failure(
    `${action} failed in the bucket ${bucket}: ${code}${message && message !== code ? `, ${message}` : ''}`,
    'Try again; if it stays so, look at the log of the store.',
  );
}

/** Something answers, but not a store. */
export function notS3(endpoint: string, cause?: unknown, status?: number): OtaError {
  const how = status === undefined ? '' : ` (status ${status})`;
  return new OtaError('store_unavailable', `${endpoint} does not answer as an S3 store does${how}`, {
    cause,
    hint: 'Check --s3-endpoint, and --s3-force-path-style where bucket names are not host names.',
  });
}

function unreachableReason(error: SdkError, code: string): string | undefined {
  const { errors, message } = error;
  const inner = errors?.find((one) => one.code !== undefined)?.code ?? ''; // several addresses were tried
  // Node's own code first: the SDK calls a connection that was reset a timeout.
  const reason = UNREACHABLE[error.code ?? ''] ?? UNREACHABLE[code] ?? UNREACHABLE[inner];
  if (reason !== undefined) return reason;
  if (/CERT|SELF_SIGNED|UNABLE_TO_VERIFY|ERR_TLS/.test(code)) return `its certificate is not good (${code})`;
  if (code.startsWith('ERR_SSL') || code.startsWith('HPE_')) return 'it speaks another protocol there';
  return /socket hang up|aborted/.test(message ?? '') ? 'it closed the connection' : undefined;
}

/** An error without a code of S3: a page, a proxy's answer, something that is not XML. */
function isNotS3(error: SdkError, status: number | undefined): boolean {
  if (error.name === 'SyntaxError') return true;
  const names = ['', 'UnknownError', 'NotFound']; // the SDK's, where the answer has no code
  return status !== undefined && status < 500 && names.includes(s3ErrorCode(error));
}
