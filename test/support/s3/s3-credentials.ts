/** The key for the S3 stores of the tests. `test/vitest.config.ts` puts it where the AWS SDK finds it. */
export const S3_CREDENTIALS = {
  accessKey: 'AKIASYNCKITOTATESTS0',
  secretKey: 'not-a-secret-only-for-tests',
} as const;

/** An environment where the AWS SDK finds that key and no other. */
export const S3_ENVIRONMENT = {
  AWS_ACCESS_KEY_ID: S3_CREDENTIALS.accessKey,
  AWS_SECRET_ACCESS_KEY: S3_CREDENTIALS.secretKey,
  AWS_EC2_METADATA_DISABLED: 'true',
  AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true',
} as const;
