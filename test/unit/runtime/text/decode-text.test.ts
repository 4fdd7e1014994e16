import { describe, expect, test } from 'vitest';
import { decodeText, TextEncodingError } from '../../../../src/runtime/text/decode-text.ts';

const bytes = (...values: number[]) => Buffer.from(values);
const utf16 = (text: string) => Buffer.from(text, 'utf16le');
const LITTLE = bytes(0xff, 0xfe);
const BIG = bytes(0xfe, 0xff);

function failure(content: Buffer): TextEncodingError {
  try {
    decodeText(content);
  } catch (error) {
    if (error instanceof TextEncodingError) return error;
    throw error;
  }
  throw new Error('it was decoded');
}

describe('field 6: text that a person wrote', () => {
  const TEXT = 'Größer, 更快 🚀\r\n';

  test.each([
    ['UTF-8', Buffer.from(TEXT)],
    ['UTF-8 with a byte order mark', Buffer.from(`\ufeff${TEXT}`)],
    ['UTF-16 LE with a byte order mark', Buffer.concat([LITTLE, utf16(TEXT)])],
    ['UTF-16 BE with a byte order mark', Buffer.concat([BIG, utf16(TEXT).swap16()])],
  ])('is decoded from %s', (_, content) => {
    const before = Buffer.from(content);
    expect(decodeText(content)).toBe(TEXT);
    expect(content).toEqual(before);
  });

  test.each([
    ['empty', bytes(), ''],
    ['only a byte order mark', bytes(0xef, 0xbb, 0xbf), ''],
    ['only a byte order mark of UTF-16', LITTLE, ''],
    ['a replacement character that was written on purpose', Buffer.from('\ufffd'), '\ufffd'],
  ])('may be %s', (_, content, text) => {
    expect(decodeText(content)).toBe(text);
  });

  test.each<[string, Buffer, number, string]>([
    ['Windows-1252', Buffer.from('\u00c4nderungen', 'latin1'), 0, '0xC4'],
    ['Windows-1252 after a byte order mark', bytes(0xef, 0xbb, 0xbf, 0x41, 0xe4, 0x42), 4, '0xE4'],
    ['GBK', bytes(0x61, 0xb8, 0xfc, 0xbf, 0xec), 1, '0xB8'],
    ['Shift-JIS', bytes(0x83, 0x65), 0, '0x83'],
    ['an overlong sequence', bytes(0x61, 0xc0, 0xaf), 1, '0xC0'],
    ['a surrogate in UTF-8', bytes(0x61, 0x62, 0xed, 0xa0, 0x80), 2, '0xED'],
    ['a sequence that is broken off', Buffer.from('ab€').subarray(0, 4), 2, '0xE2'],
    ['a sequence that ends too early', bytes(0xf0, 0x9f, 0x9a, 0x41), 0, '0xF0'],
    ['a byte far behind', Buffer.concat([Buffer.from('é'.repeat(100_000)), bytes(0xff)]), 200_000, '0xFF'],
    ['UTF-16 LE without a byte order mark', utf16('notes'), 1, 'UTF-16'],
    ['UTF-16 BE without a byte order mark', utf16('notes').swap16(), 0, 'UTF-16'],
    ['UTF-32 LE', bytes(0xff, 0xfe, 0, 0, 0x61, 0, 0, 0), 0, 'UTF-32'],
    ['UTF-32 BE', bytes(0, 0, 0xfe, 0xff, 0, 0, 0, 0x61), 0, 'UTF-32'],
    ['NUL in it', Buffer.from('many words of text\0'), 18, 'NUL'],
    ['UTF-16 with half a character', Buffer.concat([LITTLE, bytes(0x61, 0, 0x62)]), 4, 'half a character'],
    ['UTF-16 with half of a pair', Buffer.concat([LITTLE, utf16('ab\ud83dc')]), 6, 'surrogate pair'],
    ['UTF-16 BE with half of a pair', Buffer.concat([BIG, utf16('\ude80').swap16()]), 2, 'surrogate pair'],
    ['UTF-16 with NUL', Buffer.concat([LITTLE, utf16('a\0')]), 4, 'NUL'],
  ])('is refused where it is %s, with the offset', (_, content, offset, found) => {
    const { offset: at, message } = failure(content);
    expect(at).toBe(offset);
    expect(message).toContain(found);
    expect(message).toContain('save it as UTF-8');
  });

  test.each([1, 2, 3, 4, 5, 6, 7, 8])(
    'is refused at the byte that is wrong, wherever it is (%i)',
    (length) => {
      const content = Buffer.concat([Buffer.from('€'.repeat(length)), bytes(0xe4, 0x20)]);
      expect(failure(content).offset).toBe(3 * length);
    },
  );
});
