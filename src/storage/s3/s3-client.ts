import { S3Client, type S3ClientConfig } from '@aws-sdk/client-s3';
import { OtaError } from '../../errors.ts';

export interface S3ClientSettings {
  /** Undefined: AWS's own, for the region. */
  readonly endpoint?: string | undefined;
  /** Undefined: what the AWS environment says. */
  readonly region?: string | undefined;
  /** The bucket in the path and not in the host's name. */
  readonly forcePathStyle: boolean;
}

/** How long a connection may take, in milliseconds. */
const CONNECT_TIMEOUT_MS = 3000;
/** How long it may take until an answer begins, in milliseconds. */
const ANSWER_TIMEOUT_MS = 60_000;
/** How long nothing may move on a connection, and how long a slow request may take until its answer begins. */
const SLOW_TIMEOUT_MS = 120_000;
/** For requests that carry a part of a file, or have the store copy one: all of it counts. */
export const SLOW_REQUEST = { requestTimeout: SLOW_TIMEOUT_MS };
/** What stores without regions take. */
const ANY_REGION = 'us-east-1';

/**
 * Once it is destroyed its requests end, and none is tried again: else those that nobody answers keep the process alive
 * for minutes.
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
      { step: 'finalizeRequest', priority: 'low' }, // after the one that tries again: before each attempt
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
 * `WHEN_REQUIRED`, because by default the SDK signs the CRC32 of an empty body into presigned PUTs, and demands
 * checksums of answers that many stores do not send.
 * @throws OtaError `usage` when nobody says which region of AWS
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
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    requestHandler: {
      connectionTimeout: CONNECT_TIMEOUT_MS,
      requestTimeout: ANSWER_TIMEOUT_MS,
      throwOnRequestTimeout: true,
      socketTimeout: SLOW_TIMEOUT_MS,
    },
  });
  try {
    await client.config.region();
    return client;
  } catch (cause) {
    if (endpoint) return createS3Client({ endpoint, region: ANY_REGION, forcePathStyle });
    throw new OtaError('usage', 'nobody says which region the bucket is in', {
      cause,
      hint: 'Pass --s3-region, or set AWS_REGION; for a store that is not AWS, pass --s3-endpoint.',
    });
  }
}
