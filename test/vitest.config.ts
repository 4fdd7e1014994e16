import { defineConfig } from 'vitest/config';
import { S3_ENVIRONMENT } from './support/s3/s3-credentials.ts';

export default defineConfig({
  root: new URL('..', import.meta.url).pathname,
  test: {
    include: ['test/**/*.test.ts'],
    testTimeout: 30_000,
    hookTimeout: 60_000,
    globalSetup: 'test/support/s3/shared-ceph.ts',
    env: S3_ENVIRONMENT,
  },
});
