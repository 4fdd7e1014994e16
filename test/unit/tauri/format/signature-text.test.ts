import { randomBytes } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { signatureText } from '../../../../src/tauri/format/signature-text.ts';

const MINISIGN = 'untrusted comment: signature\nRUTx\ntrusted comment: t\nAAAA\n';
const BASE64 = Buffer.from(MINISIGN).toString('base64');
const utf16 = (text: string) => Buffer.concat([Buffer.from([0xff, 0xfe]), Buffer.from(text, 'utf16le')]);

describe('field 6: a signature', () => {
  test.each([
    ['as the signer writes it', Buffer.from(`${BASE64}\n`), BASE64],
    ['with a byte order mark', Buffer.from(`\ufeff${BASE64}\r\n`), BASE64],
    ['in UTF-16', utf16(`${BASE64}\r\n`), BASE64],
    ['as bare minisign text', Buffer.from(MINISIGN), MINISIGN.trim()],
    ['with a comment in another script', Buffer.from(`${MINISIGN}# 更快`), `${MINISIGN}# 更快`],
    [
      'in armor',
      Buffer.from('-----BEGIN PGP SIGNATURE-----\n\nab=\n'),
      '-----BEGIN PGP SIGNATURE-----\n\nab=',
    ],
    ['empty', Buffer.from(' \n'), ''],
  ])('%s is its text', (_, bytes, text) => {
    expect(signatureText(bytes)).toEqual({ kind: 'text', text });
  });

  test.each([
    ['64 bytes of Ed25519', Buffer.from('f1'.repeat(64), 'hex')],
    ['with NUL', Buffer.from('00'.repeat(32) + 'ff'.repeat(32), 'hex')],
    [
      'with blanks at both ends',
      Buffer.concat([Buffer.from('\n '), Buffer.alloc(60, 0x9c), Buffer.from(' \n')]),
    ],
    ['that is UTF-8 by chance', Buffer.from([0x30, 0x02, 0x01, 0x05, 0x04, 0x41])],
    ['that looks like UTF-16 by chance', Buffer.concat([Buffer.from([0xff, 0xfe]), Buffer.alloc(62, 0x4e)])],
  ])('%s is base64, and no byte is lost', (_, bytes) => {
    const read = signatureText(bytes);
    expect(read).toEqual({ kind: 'binary', base64: bytes.toString('base64') });
  });

  test('of any bytes is never mangled', () => {
    for (let round = 0; round < 2000; round++) {
      const bytes = randomBytes(64);
      expect(signatureText(bytes)).toEqual({ kind: 'binary', base64: bytes.toString('base64') });
    }
  });

  test('in text of another encoding is not decodable', () => {
    const bytes = Buffer.from(MINISIGN.replace('signature', 'Unterschrift f\u00fcr 1.2.0'), 'latin1');
    expect(signatureText(bytes)).toMatchObject({
      kind: 'undecodable',
      reason: expect.stringContaining('0xFC'),
    });
  });

  test('in UTF-16 without a byte order mark is not decodable', () => {
    expect(signatureText(Buffer.from(MINISIGN, 'utf16le'))).toMatchObject({ kind: 'undecodable' });
  });
});
