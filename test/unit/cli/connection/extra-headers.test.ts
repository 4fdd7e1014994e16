import { describe, expect, test } from 'vitest';
import { readExtraHeaders, secretsIn } from '../../../../src/cli/connection/extra-headers.ts';
import { OptionErrors } from '../../../../src/cli/options/option-errors.ts';

function read(texts: readonly string[], hasToken = true) {
  const errors = new OptionErrors();
  const headers = readExtraHeaders(texts.join('\n'), { hasToken }, errors);
  return { headers, message: errors.isEmpty ? '' : errors.toError().message };
}

describe('field 12: --header', () => {
  test('is taken as it is written, several of them also from lines', () => {
    const texts = ['CF-Access-Client-Id: a.access', 'X-One:  1:2 \r\n\nx-two:\t"q" ü'];
    expect(read(texts)).toEqual({
      headers: { 'cf-access-client-id': 'a.access', 'x-one': '1:2', 'x-two': '"q" ü' },
      message: '',
    });
  });

  test.each([
    'Hidden-Secret',
    'Hidden Secret: x',
    ': HiddenSecret',
    'X-A:',
    'X-A:   ',
    'X-A: HiddenSecret\u0000',
    'X-A: HiddenSecret\u007f',
    'X-A: HiddenSecret\rX-B: y',
    'X-A: HiddenSecret€',
    '__proto__: HiddenSecret',
    'Host: HiddenSecret',
    'content-length: 5',
    'Transfer-Encoding: chunked',
    'Range: bytes=0-',
    'If-None-Match: *',
    'Accept-Encoding: gzip',
    'Authorization: Basic HiddenSecret',
  ])('refuses %j, and repeats no value', (text) => {
    const { headers, message } = read([text]);
    expect(headers).toEqual({});
    expect(message).toContain('--header');
    expect(message).not.toMatch(/Hidden.?Secret/);
  });

  test('lists everything that is wrong at once, also a header that is given twice', () => {
    const { message } = read(['Host: a', 'nothing', 'X-A: 1', 'x-a: 2']);
    expect(message).toMatch(/^3 problems:/);
  });

  test('may be Authorization where there is no token to send in it', () => {
    expect(read(['Authorization: Basic YTpi'], false).headers).toEqual({ authorization: 'Basic YTpi' });
  });

  test('has values, and credentials in them, to be kept out of logs, but no ordinary words', () => {
    expect(secretsIn({ authorization: 'Basic YTpiY2Q=', 'x-env': 'ci' }).sort()).toEqual([
      'Basic',
      'Basic YTpiY2Q=',
      'YTpiY2Q=',
    ]);
  });
});
