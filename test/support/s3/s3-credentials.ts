/** The key that the S3 stores of the tests know. `test/vitest.config.ts` puts it where the AWS SDK looks. */
export const S3_CREDENTIALS = {
  accessKey: 'AKIASYNCKITOTATESTS0',
  secretKey: 'not-a-secret-only-for-tests',
} as const;

/** The environment in which the AWS SDK finds that key, and looks nowhere else. */
export const S3_ENVIRONMENT = {
  AWS_ACCESS_KEY_ID: S3_CREDENTIALS.accessKey,
  AWS_SECRET_ACCESS_KEY: S3_CREDENTIALS.secretKey,
  AWS_EC2_METADATA_DISABLED: 'true',
  AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true',
} as const;
