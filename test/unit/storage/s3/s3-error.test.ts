import { describe, expect, test } from 'vitest';
import { OtaError } from '../../../../src/errors.ts';
import {
  isConditionRefused,
  isNotFound,
  s3ErrorCode,
  s3Status,
  toS3Error,
} from '../../../../src/storage/s3/s3-error.ts';

const ATTEMPT = {
  bucket: 'updates',
  endpoint: 'https://s3.example.com',
  action: 'reading objects (s3:GetObject)',
};

/** An error as the SDK throws it. */
function sdkError(name: string, status?: number, fields: object = {}): Error {
  return Object.assign(new Error(name), { name, $metadata: { httpStatusCode: status }, ...fields });
}

/** An error as Node throws it. */
const nodeError = (code: string) => Object.assign(new Error(`connect ${code}`), { code });

describe('an error of a store becomes one that a person can act on', () => {
  test.each<[string, unknown, string, RegExp]>([
    ['a refused connection', nodeError('ECONNREFUSED'), 'cannot be reached: connection refused', /endpoint/],
    [
      'a refused connection to each of several addresses',
      Object.assign(new AggregateError([new Error('other'), nodeError('ECONNREFUSED')]), { code: undefined }),
      'cannot be reached: connection refused',
      /endpoint/,
    ],
    [
      'a reset connection that the SDK calls a timeout',
      sdkError('TimeoutError', undefined, { code: 'ECONNRESET' }),
      'cannot be reached: connection reset',
      /endpoint/,
    ],
    [
      'a certificate of an unknown authority',
      nodeError('DEPTH_ZERO_SELF_SIGNED_CERT'),
      'its certificate is not trusted (DEPTH_ZERO_SELF_SIGNED_CERT)',
      /endpoint/,
    ],
    ['another protocol', nodeError('HPE_INVALID_CONSTANT'), 'the port uses a different protocol', /endpoint/],
    ['a closed connection', new Error('socket hang up'), 'it closed the connection', /endpoint/],
    [
      'field 15: a host that the bucket was put before',
      Object.assign(nodeError('ENOTFOUND'), { hostname: 'updates.s3.example.com' }),
      'there is no host updates.s3.example.com',
      /--s3-force-path-style/,
    ],
    ['a wrong secret', sdkError('SignatureDoesNotMatch', 403), 'with these credentials', /AWS_ACCESS_KEY_ID/],
    [
      'another region',
      sdkError('PermanentRedirect', 301, { Region: 'eu-west-1' }),
      'is in another region: eu-west-1',
      /--s3-region eu-west-1/,
    ],
    [
      'another region that only a header names',
      sdkError('UnknownError', 301, { $response: { headers: { 'x-amz-bucket-region': 'eu-west-1' } } }),
      'is in another region: eu-west-1',
      /--s3-region eu-west-1/,
    ],
    ['a missing bucket', sdkError('NoSuchBucket', 404), 'there is no bucket updates at https', /--storage/],
    ['another time', sdkError('RequestTimeTooSkewed', 403), 'the clock of https://s3.example.com', /NTP/],
    ['a missing permission', sdkError('AccessDenied', 403), '(s3:GetObject) is not allowed', /policy/],
    ['a 403 without a code', sdkError('UnknownError', 403), '(status 403)', /policy/],
    ['a page instead of XML', sdkError('SyntaxError', 200), 'does not respond like an S3 store', /endpoint/],
    ['a 404 of a web server', sdkError('NotFound', 404), 'does not respond like an S3 store', /endpoint/],
    [
      'field 15: a response to a HEAD, for which the SDK invents a code',
      sdkError('Unknown', 503, { message: 'UnknownError' }),
      'failed in the bucket updates: status 503',
      /log/,
    ],
    ['any other code', sdkError('SlowDown', 503, { message: 'Reduce' }), 'SlowDown, Reduce', /log/],
  ])('%s', (_, error, message, hint) => {
    expect(toS3Error(error, ATTEMPT)).toMatchObject({
      name: 'OtaError',
      code: 'store_unavailable',
      message: expect.stringContaining(message),
      hint: expect.stringMatching(hint),
      cause: error,
    });
  });

  test.each([sdkError('QuotaExceeded', 403), sdkError('UnknownError', 507)])('no space: %s', (error) => {
    expect(toS3Error(error, ATTEMPT)).toMatchObject({ code: 'no_space' });
  });
});

test.each([
  ['an abort', new DOMException('the client was destroyed', 'AbortError')],
  ['a bug', new TypeError('x is not a function')],
  ['an error that is already explained', new OtaError('no_space', 'full')],
])('%s is unchanged', (_, error) => {
  expect(toS3Error(error, ATTEMPT)).toBe(error);
});

test('the code of an error is the store’s, else the SDK’s, else Node’s', () => {
  expect(s3ErrorCode({ Code: 'SlowDown', name: 'ServiceException', code: 'ECONNRESET' })).toBe('SlowDown');
  expect(s3ErrorCode(sdkError('NoSuchKey'))).toBe('NoSuchKey');
  expect(s3ErrorCode(nodeError('ECONNRESET'))).toBe('ECONNRESET');
  expect(s3ErrorCode(undefined)).toBe('');
});

test('the status of an error is undefined if the store did not respond', () => {
  expect(s3Status(sdkError('SlowDown', 503))).toBe(503);
  expect(s3Status(nodeError('ECONNRESET'))).toBeUndefined();
});

test.each(['NoSuchKey', 'NotFound', 'NoSuchUpload'])('%s means that there is no such object', (name) => {
  expect(isNotFound(sdkError(name, 404))).toBe(true);
});

test.each([
  ['PreconditionFailed', 412, true],
  ['NotImplemented', 501, true],
  ['InvalidArgument', 400, true],
  ['AccessDenied', 403, false],
] as const)('%s with status %i refuses a condition: %s', (name, status, expected) => {
  expect(isConditionRefused(sdkError(name, status))).toBe(expected);
});

test.each([
  ['in its path', 'https://s3.example.com/updates', sdkError('NoSuchKey', 404)],
  [
    'in its path, to a store that has no such bucket',
    'https://s3.example.com/updates/',
    sdkError('NoSuchBucket', 404),
  ],
  ['in its path, in a HEAD', 'https://s3.example.com/updates', sdkError('NotFound', 404)],
  ['before its host', 'https://updates.s3.example.com', nodeError('ENOTFOUND')],
])('field 15: an endpoint with the bucket %s is named as the cause', (_, endpoint, error) => {
  expect(toS3Error(error, { ...ATTEMPT, endpoint })).toMatchObject({
    code: 'store_unavailable',
    message: expect.stringContaining('names the bucket updates'),
    hint: expect.stringContaining('--s3-endpoint'),
  });
});

test('an endpoint with another path, or a host that begins likewise, is not', () => {
  for (const endpoint of ['https://s3.example.com/store', 'https://updates2.example.com']) {
    expect(toS3Error(sdkError('NoSuchBucket', 404), { ...ATTEMPT, endpoint })).toMatchObject({
      message: expect.stringContaining('there is no bucket updates'),
    });
  }
});
