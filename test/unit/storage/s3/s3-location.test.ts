import { expect, test } from 'vitest';
import { parseS3Location } from '../../../../src/storage/s3/s3-location.ts';

test.each([
  ['s3://bucket', 'bucket', ''],
  ['s3://bucket/', 'bucket', ''],
  ['s3://bucket//', 'bucket', ''],
  ['s3://my.bucket-1/updates', 'my.bucket-1', 'updates/'],
  ['s3://bucket/a/b_c/d.e~f/', 'bucket', 'a/b_c/d.e~f/'],
  ['s3://Tenant_1/x', 'Tenant_1', 'x/'],
  ['s3://staging/my-artifacts', 'staging', 'my-artifacts/'],
])('%s is a place in a bucket', (text, bucket, prefix) => {
  expect(parseS3Location(text)).toEqual({ bucket, prefix });
});

test.each([
  '',
  'disk',
  'bucket/prefix',
  's3:bucket',
  's3://',
  's3:///prefix',
  's3://ab',
  's3://-bucket',
  's3://buc ket',
  's3://user@bucket',
  's3://bucket:9000',
  's3://bucket/../other',
  's3://bucket/a/..',
  's3://bucket/./a',
  's3://bucket/a//b',
  's3://bucket/a b',
  's3://bucket/a?b',
  's3://bucket/a%2e',
  's3://bucket/ünïcode',
  's3://bucket/a\n',
  'https://s3.example.com/bucket',
  's3://bucket/staging',
  's3://bucket/artifacts/',
  's3://bucket/a/staging/b',
])('%j is not a place in a bucket', (text) => {
  expect(parseS3Location(text)).toBeUndefined();
});
