import { describe, expect, test } from 'vitest';
import { atHandedOutUrl, isUnsafeUrlError, placeOf } from '../../../src/client/handed-out-url.ts';
import { OtaError } from '../../../src/errors.ts';

describe('field 2: a URL that a server handed out leads', () => {
  test.each([
    ['https://u.example/api/x', 'https://u.example', 'here'],
    ['https://u.example/ota/api/x', 'https://u.example/ota/', 'here'],
    ['https://u.example/api/x', 'https://u.example/ota', 'elsewhere'],
    ['https://u.example/otap/api/x', 'https://u.example/ota', 'elsewhere'],
    ['https://u.example:8443/api/x', 'https://u.example', 'elsewhere'],
    ['https://old.example/api/x', 'https://u.example', 'elsewhere'],
    ['https://u.example/api/x', 'http://127.0.0.1:4680', 'elsewhere'],
    ['http://127.0.0.1:4680/api/x', 'http://localhost:4680', 'here'],
    ['http://127.0.0.1:4680/api/x', 'http://localhost:8080', 'elsewhere'],
    ['http://127.0.0.1:4680/api/x', 'https://u.example', 'only_local'],
    ['http://localhost:4680/api/x', 'http://192.168.1.5:4680', 'only_local'],
    ['http://[::1]:4680/api/x', 'https://u.example', 'only_local'],
    ['http://[::ffff:127.0.0.1]:4680/api/x', 'https://u.example', 'only_local'],
    ['http://0.0.0.0:4680/api/x', 'https://u.example', 'only_local'],
    ['http://ota.localhost/api/x', 'https://u.example', 'only_local'],
    ['https://localhost.example/api/x', 'https://localhost.example', 'here'],
    ['http://192.168.1.5:9000/b', 'http://192.168.1.4:4680', 'elsewhere'],
    ['http://minio:9000/b', 'http://127.0.0.1:4680', 'elsewhere'],
    ['http://127.0.0.1:9000/b', 'https://localhost:4680', 'elsewhere'],
    ['https://u.example/api/x', 'http://u.example', 'elsewhere'],
  ] as const)('%s of %s: %s', (url, server, place) => {
    expect(placeOf(new URL(url), new URL(server))).toBe(place);
  });
});

describe('attack L6: a URL that a server handed out is unsafe:', () => {
  test.each([
    ['http://u.example/api/x', 'https://u.example', 'unencrypted'],
    ['http://s3.example/b', 'https://u.example', 'unencrypted'],
    ['http://s3.example/b', 'https://localhost:4680', 'unencrypted'],
    ['https://10.0.0.1/b', 'https://u.example', 'internal'],
    ['https://minio:9000/b', 'https://u.example', 'internal'],
    ['https://printer.local/b', 'https://u.example', 'internal'],
    ['http://192.168.1.1/b', 'http://u.example', 'internal'],
    ['http://[::ffff:10.0.0.1]/b', 'http://u.example', 'internal'],
    ['http://169.254.169.254/latest/meta-data', 'http://u.example', 'internal'],
    ['http://169.254.169.254/latest/meta-data', 'http://127.0.0.1:4680', 'internal'],
    ['http://169.254.169.254/latest/meta-data', 'http://10.0.0.1', 'internal'],
    ['http://2852039166/latest/meta-data', 'http://10.0.0.1', 'internal'],
    ['http://[fe80::1]/', 'http://10.0.0.1', 'internal'],
    ['http://metadata.google.internal/', 'https://u.example', 'unencrypted'],
    ['https://metadata.google.internal/', 'https://u.example', 'internal'],
  ] as const)('%s of %s: %s', async (url, server, place) => {
    expect(placeOf(new URL(url), new URL(server))).toBe(place);
    const send = () => Promise.reject(new Error('sent'));
    const error = await atHandedOutUrl(url, new URL(server), send).catch((reason) => reason);
    expect(error).toMatchObject({ code: 'not_the_api', hint: expect.stringContaining('--public-url') });
    expect(error.message).toContain(new URL(url).origin);
    expect(isUnsafeUrlError(error)).toBe(true);
  });
});

describe('field 2: an error at a URL that a server handed out', () => {
  const server = new URL('https://u.example');
  const failing = (url: string) =>
    atHandedOutUrl(url, server, async () => {
      throw new OtaError('network', 'no such host', { status: 503, retryAfterMs: 5, hint: 'as before' });
    }).catch((error: unknown) => error);

  test('names the server where the address is another, and is the same otherwise', async () => {
    expect(await failing('https://old.example/api/sync/ota/x')).toMatchObject({
      code: 'network',
      status: 503,
      retryAfterMs: 5,
      message: expect.stringContaining('https://u.example handed out this address'),
      hint: expect.stringContaining('--public-url'),
    });
    expect(await failing('https://u.example/x')).toMatchObject({
      message: 'no such host',
      hint: 'as before',
    });
  });

  test('is thrown before anything is sent where only the server itself could use it', async () => {
    const send = () => Promise.reject(new Error('sent'));
    await expect(atHandedOutUrl('http://127.0.0.1:1/api/sync/ota/x', server, send)).rejects.toMatchObject({
      code: 'not_the_api',
      hint: expect.stringContaining('--public-url'),
    });
  });
});
