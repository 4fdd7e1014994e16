import { S3Client, type S3ClientConfig } from '@aws-sdk/client-s3';
import { OtaError } from '../../errors.ts';

export interface S3ClientSettings {
  /** Default: AWS's own, for the region. */
  readonly endpoint?: string | undefined;
  /** What clients reach it at; the same when left out. */
  readonly publicEndpoint?: string | undefined;
  /** Default: from the AWS environment. */
  readonly region?: string | undefined;
  /** Puts the bucket in the path instead of the host name. */
  readonly forcePathStyle: boolean;
}

const CONNECT_TIMEOUT_MS = 3000;
/** Until the response begins. */
const RESPONSE_TIMEOUT_MS = 60_000;
/** For idle connections, and until the response to a slow request begins. */
const SLOW_TIMEOUT_MS = 120_000;
/** For requests that send a part of a file, or have the store copy one. */
export const SLOW_REQUEST = { requestTimeout: SLOW_TIMEOUT_MS };
/** Of each request, where the store is busy or the connection breaks. */
const MAX_ATTEMPTS = 5;
/** Accepted by stores that have no regions. */
const ANY_REGION = 'us-east-1';

/**
 * Once destroyed, requests fail and none is retried. Otherwise requests that get no response would keep the process
 * alive for minutes.
 */
class EndingS3Client extends S3Client {
  #ended = false;

  constructor(settings: S3ClientConfig) {
    super(settings);
    this.middlewareStack.add(
      (next) => (request) => {
        if (this.#ended) throw new DOMException('the client was destroyed', 'AbortError');
        return next(request);
      },
      { step: 'finalizeRequest', priority: 'low' }, // inside of the retries: runs before each attempt
    );
  }

  override destroy(): void {
    this.#ended = true;
    super.destroy();
  }
}

/**
 * The AWS SDK's client; credentials from its default chain (environment, files, roles).
 *
 * `WHEN_REQUIRED`, because by default the SDK signs the CRC32 of an empty body into presigned PUTs, and requires
 * checksums in responses that many stores do not send.
 * @throws OtaError `usage` when there is neither a region nor an endpoint
 */
export async function createS3Client({
  endpoint,
  region,
  forcePathStyle,
}: S3ClientSettings): Promise<S3Client> {
  const client = new EndingS3Client({
    ...(endpoint && { endpoint }),
    ...(region && { region }),
    forcePathStyle,
    maxAttempts: MAX_ATTEMPTS,
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    requestHandler: {
      connectionTimeout: CONNECT_TIMEOUT_MS,
      requestTimeout: RESPONSE_TIMEOUT_MS,
      throwOnRequestTimeout: true,
      socketTimeout: SLOW_TIMEOUT_MS,
    },
  });
  try {
    await client.config.region();
    return client;
  } catch (cause) {
    if (endpoint) return createS3Client({ endpoint, region: ANY_REGION, forcePathStyle });
    throw new OtaError('usage', 'no region is set for the bucket', {
      cause,
      hint: 'Pass --s3-region, or set AWS_REGION; for a store other than AWS, pass --s3-endpoint.',
    });
  }
}
