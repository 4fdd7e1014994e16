import { describe, expect, test } from 'vitest';
import { createStyle } from '../../../../src/cli/output/colors.ts';
import { knownSecrets } from '../../../../src/cli/printable/known-secrets.ts';
import { PrintableText } from '../../../../src/cli/printable/printable-text.ts';
import { generateToken } from '../../../../src/protocol/token.ts';

const SECRET = 'p/w"d+1 ä';

describe('field 11: what is printed', () => {
  test.each([
    ['as it is', `it is ${SECRET}.`, 'it is ***.'],
    ['in a URL', `?x=${encodeURIComponent(SECRET)}&y`, '?x=***&y'],
    ['in JSON', JSON.stringify({ echo: SECRET }), '{"echo":"***"}'],
    ['in lower case in a URL', `?x=${encodeURIComponent(SECRET).toLowerCase()}`, '?x=***'],
    ['in Base64', Buffer.from(SECRET).toString('base64'), '***'],
    ['in Base64 for URLs', Buffer.from(SECRET).toString('base64url'), '***'],
  ])('has no known secret, also %s', (_where, text, expected) => {
    expect(new PrintableText([SECRET]).mask(text)).toBe(expected);
  });

  test.each(['', ':', 'x:', 'xx:', 'user:'])('has no secret in the Base64 of %j with it', (before) => {
    for (const after of ['', '@', '@x', '@xx']) {
      const text = Buffer.from(before + SECRET + after).toString('base64');
      const masked = new PrintableText([SECRET]).mask(text);
      expect(masked).toContain('***');
      expect(Buffer.from(masked.replace('***', ''), 'base64').length).toBeLessThan(
        before.length + after.length + 5,
      );
    }
  });

  test.each([
    [
      '2026',
      'at 2026-11-29T10:00 in x2026 of v2026.1: 2026.',
      'at 2026-11-29T10:00 in x2026 of v2026.1: ***.',
    ],
    ['test', 'the slug test-app, not "test"', 'the slug test-app, not "***"'],
    ['long enough', 'xlong enoughx', 'x***x'],
  ])('has a short secret masked only where it is a word: %s', (secret, text, expected) => {
    expect(new PrintableText([secret]).mask(text)).toBe(expected);
  });

  test.each([
    ['a token', generateToken(), 'sko_***'],
    ['a token that was cut off', `(${generateToken().slice(0, 20)}…)`, '(sko_***…)'],
    ['the prefix alone', 'tokens begin with sko_', 'tokens begin with sko_'],
    ['a password in a URL', 'at postgres://ota:s3cret@db/x?a=b', 'at postgres://***@db/x?a=b'],
    ['a password with @', 'http://u:p@ss@proxy:3128/', 'http://***@proxy:3128/'],
    ['a path with @', 'https://registry.example/@scope/x', 'https://registry.example/@scope/x'],
    [
      'a presigned URL',
      'https://b.s3/k?X-Amz-Credential=AK%2F1&X-Amz-Date=2026&X-Amz-Signature=abc123 failed',
      'https://b.s3/k?X-Amz-Credential=***&X-Amz-Date=2026&X-Amz-Signature=*** failed',
    ],
    ['one in XML', '?a=1&amp;X-Amz-Security-Token=abc<', '?a=1&amp;X-Amz-Security-Token=***<'],
    ['one of our own', '/up/1?expires=1&key=ab&signature=x_-y', '/up/1?expires=1&key=ab&signature=***'],
    ['a header', '{"authorization":"Basic dTpw","a":1}', '{"authorization":"***","a":1}'],
    ['a header in text', 'Authorization: Negotiate abc==\nNext: line', 'Authorization: ***\nNext: line'],
    ['a signature of a file', '{"signature":"untrusted comment"}', '{"signature":"untrusted comment"}'],
  ])('has no secret that is not known: %s', (_what, text, expected) => {
    expect(new PrintableText().mask(text)).toBe(expected);
  });

  test('has the new token that is shown once, and no other', () => {
    const [own, other] = [generateToken(), generateToken()];
    const printable = new PrintableText();
    printable.reveal(own);
    expect(printable.text(`${own} ${other}`)).toBe(`${own} sko_***`);
    expect(JSON.parse(printable.json({ token: own, echo: other }))).toEqual({ token: own, echo: 'sko_***' });
  });

  test('is masked in the texts of JSON only', () => {
    const printable = new PrintableText(['true', 'update', '1234']);
    expect(printable.json({ update: true, size: 1234, text: 'update 1234 true' })).toBe(
      '{"update":true,"size":1234,"text":"*** *** ***"}',
    );
  });

  test.each([
    ['\u001b[2J\u001b]0;title\u0007', '␛[2J␛]0;title␇'],
    ['\u001b[31mred', '␛[31mred'],
    ['\u009b31m\u0085', '\\u009b31m\\u0085'],
    ['a\u202egnp.exe\u2066', 'a\\u202egnp.exe\\u2066'],
    ['progress\rdone\r\nnext\tcell', 'progress␍done\nnext\tcell'],
    ['\u0000\u007f', '␀␡'],
    ['שלום\u200f 👩‍💻 é', 'שלום\u200f 👩‍💻 é'],
  ])('shows control characters: %j', (text, expected) => {
    const printable = new PrintableText();
    expect(printable.text(text)).toBe(expected);
    expect(JSON.parse(printable.json({ text }))).toEqual({ text });
    expect(printable.json({ text })).not.toMatch(/[\p{Cc}\u202e\u2066]/u);
  });

  test('keeps the colours of this program on a terminal that has them, and nothing else', () => {
    const printable = new PrintableText();
    const text = `${createStyle(true)('red', 'error')}\u001b[31mred \u001b[8mhidden \u001b[1A`;
    const shown = '␛[31mred ␛[8mhidden ␛[1A';
    expect(printable.lines(text, { colored: true })).toBe(`\u001b[31merror\u001b[39m${shown}`);
    expect(printable.lines(text)).toBe(`error${shown}`);
  });

  test('attack M4: shows the line breaks in a line, and keeps those between lines', () => {
    const printable = new PrintableText();
    expect(printable.lines('a\nb\r\nc\rd\u2028e')).toBe('a␊b␍␊c␍d\\u2028e');
    expect(printable.lines(['a\nb', 'c'])).toBe('a␊b\nc');
  });

  test('takes a number of steps that grows with the text only', () => {
    const printable = new PrintableText(['secret']);
    for (const part of ['://', '://a', 'authorization', 'authorization: ', '?signature=', 'sko_', '@', ' ']) {
      const text = part.repeat(20_000);
      expect(printable.mask(text).length).toBeLessThanOrEqual(text.length + 3 * 20_000);
    }
  });
});

describe('field 11: the secrets of a command line', () => {
  test('are those of its options and variables', () => {
    const argv = [
      'publish',
      ...['--token', 'token-one', '--token=token-two'],
      ...['--header', 'CF-Access-Client-Secret: cloud-secret', '--header=Authorization: Basic dXNlcjpwdw=='],
      ...['--database', 'postgres://ota:db%2Fpw@db/x', '--server', 'https://updates.example.com'],
    ];
    const environment = {
      SYNCKIT_OTA_TOKEN: 'token-three ',
      SYNCKIT_OTA_HEADERS: 'X-One: header-one\nX-Two: header-two',
      AWS_SECRET_ACCESS_KEY: 'aws-key',
      HTTPS_PROXY: 'http://me:proxy-pw@proxy:3128',
      ALL_PROXY: 'socks5://me:socks-pw@proxy',
      PATH: '/usr/bin',
    };
    const printable = new PrintableText(knownSecrets(argv, environment));
    for (const secret of [
      ...[
        'token-one',
        'token-two',
        'token-three',
        'cloud-secret',
        'dXNlcjpwdw==',
        'header-one',
        'header-two',
      ],
      ...[
        'db%2Fpw',
        'db/pw',
        'aws-key',
        'proxy-pw',
        'socks-pw',
        Buffer.from('me:proxy-pw').toString('base64'),
      ],
    ]) {
      expect(printable.text(`an echo of ${secret}`)).toBe('an echo of ***');
    }
    const ordinary = 'publish to https://updates.example.com with Basic or Bearer from /usr/bin as ota';
    expect(printable.text(ordinary)).toBe(ordinary);
  });

  test('are not the passwords of other programs, nor words that are no secret', () => {
    const environment = {
      DATABASE_URL: 'mysql://root:test@localhost/test',
      SYNCKIT_OTA_DATABASE: 'postgres://postgres:postgres@db/ota',
      HTTPS_PROXY: 'http://synckit:synckit@proxy:3128',
    };
    const printable = new PrintableText(knownSecrets([], environment));
    const document = { slug: 'test-app', store: 'postgres://db/ota', hint: 'Run `synckit-ota serve`.' };
    expect(JSON.parse(printable.json(document))).toEqual(document);
    for (const url of Object.values(environment)) expect(printable.text(url)).toContain('://***@');
    expect(printable.text(Buffer.from('synckit:synckit').toString('base64'))).toBe('***');
  });
});
