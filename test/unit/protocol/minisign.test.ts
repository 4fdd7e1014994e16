import { describe, expect, test } from 'vitest';
import { formatPublicKey, parsePublicKey, parseTauriPublicKey } from '../../../src/protocol/minisign.ts';
import { formatPublicKeyForTauri, generateSigningKeyPair } from '../../../src/protocol/minisign-signer.ts';

const { publicKey } = generateSigningKeyPair();
const line = formatPublicKey(publicKey);
const text = `untrusted comment: minisign public key\n${line}\n`;
const base64 = (content: string) => Buffer.from(content).toString('base64');

/*
 * What `base64_to_string` and `PublicKey::decode` accept, as tauri-plugin-updater 2 and 3 call them (base64 0.22 with the
 * engine STANDARD, minisign-verify 0.2).
 */
describe("field 5: the key in an app's configuration", () => {
  test.each([
    ['written by the signer', formatPublicKeyForTauri(publicKey)],
    ['without a line end', base64(text.trim())],
    ['with the line ends of Windows', base64(text.replaceAll('\n', '\r\n'))],
    ['with any comment', base64(`my key\n${line}`)],
    ['with an empty comment', base64(`\n${line}`)],
    ['with more lines', base64(`${text}\nanything`)],
    ['with the algorithm ED', base64(`comment\n${base64ED()}`)],
  ])('is accepted %s', (_, value) => {
    expect(parseTauriPublicKey(value)).toMatchObject({ kind: 'key', key: publicKey });
  });

  test.each([
    ['the bare key line', line, true],
    ["minisign's two lines", text, true],
    ['base64 with a line break at its end', `${base64(text)}\n`, true],
    ['base64 with blanks around it', ` ${base64(text)} `, true],
    ['base64 of the key line alone', base64(line), true],
    ['base64 of the key line and a line break', base64(`${line}\n`), true],
    ['a line break in the middle', base64(text).replace(/.{40}/, '$&\n'), false],
    ['base64 without its padding', base64(`a${text}`).replace(/=+$/, ''), false],
    ['URL-safe base64', base64(`??>>${text}`).replaceAll('+', '-').replaceAll('/', '_'), false],
    ['a blank after the key line', base64(`comment\n${line} \n`), true],
    ['two comments', base64(`one\ntwo\n${line}`), false],
    ['a byte order mark', `\ufeff${base64(text)}`, true],
    [
      'text that is not UTF-8',
      Buffer.concat([Buffer.from([0xff, 0x0a]), Buffer.from(line)]).toString('base64'),
      true,
    ],
    ['a placeholder', 'YOUR_PUBLIC_KEY', false],
    ['a key that is cut off', base64(`comment\n${line.slice(0, -4)}`), false],
    ['a signature', base64(`comment\n${base64('ED'.padEnd(74, 'x'))}`), false],
    ['nothing', '', false],
  ])('is refused as %s', (_, value, isKeyOtherwise) => {
    expect(parseTauriPublicKey(value)).toMatchObject({ kind: 'malformed' });
    expect(parsePublicKey(value) !== undefined).toBe(isKeyOtherwise);
  });
});

function base64ED(): string {
  return Buffer.concat([Buffer.from('ED'), publicKey.keyId, publicKey.key]).toString('base64');
}
