import { createHash, generateKeyPairSync, type KeyObject, sign as signEd25519 } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  formatKeyId,
  LEGACY_REASON,
  type MinisignSignature,
  type PublicKey,
  parsePublicKey,
  parseSignature,
  trustedCommentFields,
  verifySignature,
} from '../../../src/protocol/minisign.ts';
import { asLegacy } from '../../support/tauri/legacy-signature.ts';
import { generateKey, type SigningKey, signFile } from '../../support/tauri/signer.ts';

const BYTES = Buffer.from('the bytes of an update\n'.repeat(1000));
const OTHER_BYTES = Buffer.from('the bytes of another update');

let folder: string;
let signing: SigningKey;
let other: SigningKey;
/** The text of the `.sig` that the signer wrote for `BYTES`, with and without `--app-version 1.2.0+7`. */
let unbound: string;
let bound: string;
/** Of `OTHER_BYTES`, by the same key. */
let ofOtherBytes: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'minisign-'));
  [signing, other] = await Promise.all([generateKey(folder, 'signing'), generateKey(folder, 'other')]);
  [unbound, bound, ofOtherBytes] = await Promise.all([
    signed('unbound.AppImage', BYTES),
    signed('My App_1.2.0.AppImage', BYTES, '1.2.0+7'),
    signed('another.AppImage', OTHER_BYTES),
  ]);
});

afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

async function signed(name: string, bytes: Buffer, appVersion?: string): Promise<string> {
  const file = join(folder, name);
  await writeFile(file, bytes);
  return readFile(await signFile(signing, file, appVersion === undefined ? {} : { appVersion }), 'utf8');
}

const wrap = (text: string | Buffer) => Buffer.from(text).toString('base64');
const unwrap = (text: string) => Buffer.from(text, 'base64').toString('utf8');
const prehash = (bytes: Buffer): Buffer => createHash('blake2b512').update(bytes).digest();

/** The same text with one of minisign's four lines put in the place of another. */
function withLine(text: string, index: number, change: (line: string) => string): string {
  const lines = unwrap(text).split('\n');
  return wrap(lines.map((line, i) => (i === index ? change(line) : line)).join('\n'));
}

function publicKey(text: string): PublicKey {
  const key = parsePublicKey(text);
  if (key === undefined) throw new Error(`no public key: ${text}`);
  return key;
}

function signature(text: string): MinisignSignature {
  const parsed = parseSignature(text);
  if (parsed.kind === 'malformed') throw new Error(`no signature: it ${parsed.reason}`);
  return parsed;
}

describe('parsePublicKey', () => {
  const FORMS: [string, () => string][] = [
    ["the text of Tauri's .key.pub", () => signing.publicKey],
    ["minisign's two-line file", () => unwrap(signing.publicKey)],
    ['the bare base64 line', () => unwrap(signing.publicKey).split('\n')[1] ?? ''],
  ];

  test.each(FORMS)('reads %s, also with white space around it', (_, form) => {
    const [comment, line] = unwrap(signing.publicKey).split('\n');
    const raw = Buffer.from(line ?? '', 'base64');
    const expected = { keyId: raw.subarray(2, 10), key: raw.subarray(10) };
    expect(expected.key).toHaveLength(32);
    expect(parsePublicKey(form())).toEqual(expected);
    expect(parsePublicKey(`  ${form()}\r\n`)).toEqual(expected);
    // The signer prints the id in its comment.
    expect(comment).toBe(`untrusted comment: minisign public key: ${formatKeyId(expected.keyId)}`);
  });

  test('reads the two-line file with CRLF line ends', () => {
    const text = unwrap(signing.publicKey).replaceAll('\n', '\r\n');
    expect(text).toContain('\r\n');
    expect(parsePublicKey(text)).toEqual(publicKey(signing.publicKey));
  });

  const keyLine = () => unwrap(signing.publicKey).split('\n')[1] ?? '';
  const keyBytes = () => Buffer.from(keyLine(), 'base64');
  test.each<[string, () => string]>([
    ['nothing', () => ''],
    ['a path', () => '/home/me/.tauri/my-app.key.pub'],
    ['the private key', () => signing.privateKey],
    ['a signature', () => unbound],
    ['the comment line alone', () => 'untrusted comment: minisign public key: 041286E9EDE6203C'],
    ['a key cut short by a byte', () => wrap(keyBytes().subarray(0, 41))],
    ['a key with a byte more', () => wrap(Buffer.concat([keyBytes(), Buffer.of(0)]))],
    ['a key of another algorithm', () => wrap(Buffer.concat([Buffer.from('Xx'), keyBytes().subarray(2)]))],
    ['a key with a character that is not base64', () => keyLine().replace('R', '*')],
    ['two keys in one file', () => `${unwrap(signing.publicKey).trim()}\n${keyLine()}`],
  ])('reads no key from %s', (_, form) => {
    expect(parsePublicKey(form())).toBeUndefined();
  });
});

test('formatKeyId writes the little-endian number with its leading zeros', () => {
  const id = Buffer.from('3c20e6ede9861204', 'hex');
  expect(formatKeyId(id)).toBe('041286E9EDE6203C');
  expect(id.toString('hex')).toBe('3c20e6ede9861204');
});

describe('parseSignature', () => {
  test('reads what the signer wrote', () => {
    const parsed = signature(bound);
    expect(parsed.prehashed).toBe(true);
    expect(parsed.keyId).toEqual(publicKey(signing.publicKey).keyId);
    expect(parsed.signature).toHaveLength(64);
    expect(parsed.globalSignature).toHaveLength(64);
    expect(parsed.trustedComment).toMatch(
      /^timestamp:\d+\tfile:My App_1\.2\.0\.AppImage\tversion:1\.2\.0\+7$/,
    );
  });

  test('reads CRLF line ends as LF', () => {
    const text = wrap(unwrap(unbound).replaceAll('\n', '\r\n'));
    expect(text).not.toBe(unbound);
    expect(parseSignature(text)).toEqual(signature(unbound));
  });

  const WHITE_SPACE = 'has white space around it';
  const NOT_BASE64 = 'is not base64';
  const NOT_MINISIGN = 'is not a minisign signature';
  const DAMAGED = 'is cut short or damaged';
  test.each<[string, string, (text: string) => string]>([
    ['a trailing line end', WHITE_SPACE, (text) => `${text}\n`],
    ['a trailing CRLF', WHITE_SPACE, (text) => `${text}\r\n`],
    ['a space before it', WHITE_SPACE, (text) => ` ${text}`],
    [
      'bare minisign text',
      'is bare minisign text; Tauri needs the base64 that `tauri signer sign` writes',
      (text) => unwrap(text).trim(),
    ],
    ['nothing', NOT_BASE64, () => ''],
    ['a pasted path', NOT_BASE64, () => './target/release/bundle/appimage/my-app_1.2.0.AppImage.sig'],
    ['a pasted path that happens to be base64', NOT_MINISIGN, () => 'target/release/bundle/my/app'],
    ['line breaks inside', NOT_BASE64, (text) => `${text.slice(0, 76)}\n${text.slice(76)}`],
    ['a character that is not base64', NOT_BASE64, (text) => `*${text.slice(1)}`],
    ['the alphabet of URLs', NOT_BASE64, () => '_-_-'],
    ['base64 without its padding', NOT_BASE64, () => wrap('untrusted comment: a').replace(/=+$/, '')],
    ['bits after the end of base64', NOT_BASE64, () => 'dW5='],
    ['a character lost at the end', NOT_BASE64, (text) => text.slice(0, -1)],
    ['a public key', DAMAGED, () => signing.publicKey],
    ['base64 of something else', NOT_MINISIGN, () => wrap('{"signature":"abc"}')],
    ['base64 twice', NOT_MINISIGN, (text) => wrap(text)],
    ['a byte order mark inside', NOT_MINISIGN, (text) => wrap(`\ufeff${unwrap(text)}`)],
    ['its first half', DAMAGED, (text) => text.slice(0, 200)],
    ['a signature line that is not base64', DAMAGED, (text) => withLine(text, 1, () => '!')],
    ['a signature line cut short', DAMAGED, (text) => withLine(text, 1, (line) => line.slice(0, -4))],
    ['a signature line with more behind it', DAMAGED, (text) => withLine(text, 1, (line) => `${line} x`)],
    ['an untrusted comment in third place', DAMAGED, (text) => withLine(text, 2, (line) => `un${line}`)],
    ['a global signature cut short', DAMAGED, (text) => withLine(text, 3, (line) => line.slice(0, -4))],
    [
      'an unknown algorithm',
      'has the unknown algorithm Xx',
      (text) =>
        withLine(text, 1, (line) =>
          wrap(Buffer.concat([Buffer.from('Xx'), Buffer.from(line, 'base64').subarray(2)])),
        ),
    ],
  ])('says of %s that it %s', (_, reason, change) => {
    expect(parseSignature(change(unbound))).toEqual({ kind: 'malformed', reason });
  });

  test('reports malformed text wherever it is cut off', () => {
    const text = unwrap(unbound).trim();
    const cuts = Array.from({ length: text.length }, (_, end) => parseSignature(wrap(text.slice(0, end))));
    expect(cuts.length).toBeGreaterThan(250);
    expect(cuts.filter((parsed) => parsed.kind !== 'malformed')).toEqual([]);
    expect(parseSignature(wrap(text))).toEqual(signature(unbound));
  });
});

describe('trustedCommentFields', () => {
  test.each<[string, string, Record<string, string>]>([
    [
      'the fields of the signer',
      'timestamp:1\tfile:My App.exe\tversion:1.2.0',
      { timestamp: '1', file: 'My App.exe', version: '1.2.0' },
    ],
    ['a value with colons in it', 'file:version:2:x', { file: 'version:2:x' }],
    ['a value that ends like a field', 'file:app-version:2.zip', { file: 'app-version:2.zip' }],
    ['an empty value', 'version:', { version: '' }],
    ['words without a name', 'timestamp:1\tprehashed\t:x', { timestamp: '1' }],
    ['no fields', 'signed by hand', {}],
    ['nothing', '', {}],
  ])('reads %s', (_, comment, fields) => {
    expect(Object.fromEntries(trustedCommentFields(comment))).toEqual(fields);
  });
});

describe('verifySignature, on what the real signer wrote', () => {
  const OTHER_CONTENT = 'the signature belongs to a different file';
  const FORGED_COMMENT = 'the trusted comment was changed after signing';
  const key = () => publicKey(signing.publicKey);

  test('accepts the signed file', () => {
    expect(verifySignature(signature(unbound), { publicKey: key(), blake2b512: prehash(BYTES) })).toEqual({
      valid: true,
    });
  });

  test('accepts a signed file that is empty', async () => {
    const text = await signed('empty.bin', Buffer.alloc(0));
    expect(
      verifySignature(signature(text), { publicKey: key(), blake2b512: prehash(Buffer.alloc(0)) }),
    ).toEqual({ valid: true });
    expect(verifySignature(signature(text), { publicKey: key(), blake2b512: prehash(BYTES) }).valid).toBe(
      false,
    );
  });

  test('refuses another key and names both', () => {
    const wrong = publicKey(other.publicKey);
    const [signedBy, expected] = [formatKeyId(key().keyId), formatKeyId(wrong.keyId)];
    expect(signedBy).not.toBe(expected);
    expect(verifySignature(signature(unbound), { publicKey: wrong, blake2b512: prehash(BYTES) })).toEqual({
      valid: false,
      reason: `signed with key ${signedBy}, but the public key is ${expected}`,
    });
  });

  test('refuses another key with the same id', () => {
    const impostor = { keyId: key().keyId, key: publicKey(other.publicKey).key };
    expect(verifySignature(signature(unbound), { publicKey: impostor, blake2b512: prehash(BYTES) })).toEqual({
      valid: false,
      reason: OTHER_CONTENT,
    });
  });

  test.each<[string, Buffer]>([
    ['with one bit flipped', Buffer.concat([BYTES.subarray(0, -1), Buffer.of(0x0a ^ 0x01)])],
    ['cut short by a byte', BYTES.subarray(0, -1)],
    ['with a byte more', Buffer.concat([BYTES, Buffer.of(0)])],
    ['that is empty', Buffer.alloc(0)],
  ])('refuses a file %s', (_, bytes) => {
    expect(verifySignature(signature(unbound), { publicKey: key(), blake2b512: prehash(bytes) })).toEqual({
      valid: false,
      reason: OTHER_CONTENT,
    });
  });

  test('refuses the .sig of another file', () => {
    expect(
      verifySignature(signature(ofOtherBytes), { publicKey: key(), blake2b512: prehash(OTHER_BYTES) }),
    ).toEqual({ valid: true });
    expect(
      verifySignature(signature(ofOtherBytes), { publicKey: key(), blake2b512: prehash(BYTES) }),
    ).toEqual({
      valid: false,
      reason: OTHER_CONTENT,
    });
  });

  test.each<[string, (text: string) => string]>([
    ['one character changed', (text) => withLine(text, 2, (line) => line.replace('file:u', 'file:U'))],
    ['a version added', (text) => withLine(text, 2, (line) => `${line}\tversion:9.9.9`)],
    ['a space added at its end', (text) => withLine(text, 2, (line) => `${line} `)],
    ['the global signature of another .sig', (text) => withLine(text, 3, () => globalLine(ofOtherBytes))],
  ])('refuses a trusted comment with %s', (_, forge) => {
    const forged = forge(unbound);
    expect(forged).not.toBe(unbound);
    expect(
      verifySignature(signature(forged), { publicKey: key(), blake2b512: prehash(BYTES), version: '9.9.9' }),
    ).toEqual({
      valid: false,
      reason: FORGED_COMMENT,
    });
  });

  test('accepts another untrusted comment', () => {
    const text = withLine(unbound, 0, () => 'untrusted comment: by hand');
    expect(text).not.toBe(unbound);
    expect(verifySignature(signature(text), { publicKey: key(), blake2b512: prehash(BYTES) })).toEqual({
      valid: true,
    });
  });

  test('accepts a signature bound to the offered version', () => {
    expect(
      verifySignature(signature(bound), { publicKey: key(), blake2b512: prehash(BYTES), version: '1.2.0+7' }),
    ).toEqual({ valid: true, version: '1.2.0+7' });
  });

  test.each(['1.2.1', '1.2.0', '1.2.0+8', '1.2.0-7'])(
    'refuses a signature bound to another version than %s',
    (announced) => {
      expect(
        verifySignature(signature(bound), {
          publicKey: key(),
          blake2b512: prehash(BYTES),
          version: announced,
        }),
      ).toEqual({
        valid: false,
        reason: `signed for version 1.2.0+7, but announced as ${announced}`,
      });
    },
  );

  test('accepts a signature bound to no version, whatever version is offered', () => {
    expect(
      verifySignature(signature(unbound), { publicKey: key(), blake2b512: prehash(BYTES), version: '1.2.0' }),
    ).toEqual({ valid: true });
  });

  test('accepts a bound signature when no version is given', () => {
    expect(verifySignature(signature(bound), { publicKey: key(), blake2b512: prehash(BYTES) })).toEqual({
      valid: true,
      version: '1.2.0+7',
    });
  });

  test('refuses the bytes in place of their hash', () => {
    expect(verifySignature(signature(unbound), { publicKey: key(), blake2b512: BYTES })).toEqual({
      valid: false,
      reason: OTHER_CONTENT,
    });
  });

  test('never accepts one changed byte in key id, signature or global signature', () => {
    const lines = unwrap(unbound).split('\n');
    const [blob, global] = [Buffer.from(lines[1] ?? '', 'base64'), Buffer.from(lines[3] ?? '', 'base64')];
    const whole = Buffer.concat([blob, global]);
    const algorithmLength = 2;
    expect(whole).toHaveLength(74 + 64);
    const blake2b512 = prehash(BYTES);
    const verifies = (bytes: Buffer) => {
      const [comment, , trusted] = lines;
      const parts = [comment, wrap(bytes.subarray(0, 74)), trusted, wrap(bytes.subarray(74)), ''];
      return verifySignature(signature(wrap(parts.join('\n'))), { publicKey: key(), blake2b512 }).valid;
    };
    expect(verifies(whole)).toBe(true);
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 255 }), (difference) => {
        for (let i = algorithmLength; i < whole.length; i++) {
          const changed = Buffer.from(whole);
          changed[i] = (whole[i] ?? 0) ^ difference;
          if (verifies(changed)) throw new Error(`verified with byte ${i} changed`);
        }
      }),
      { numRuns: 30 },
    );
  });
});

function globalLine(text: string): string {
  return unwrap(text).split('\n')[3] ?? '';
}

describe('attack M1: verifySignature, on legacy signatures over the bytes themselves', () => {
  const pair = generateKeyPairSync('ed25519');
  const keyId = Buffer.from('0102030405060708', 'hex');
  const rawKey = Buffer.from(pair.publicKey.export({ format: 'jwk' }).x ?? '', 'base64url');
  const key = publicKey(wrap(Buffer.concat([Buffer.from('Ed'), keyId, rawKey])));

  /** minisign, "Signature format": written here a second time, from the format's description. */
  function minisign(algorithm: 'Ed' | 'ED', message: Buffer, privateKey: KeyObject, comment: string): string {
    const over = signEd25519(null, message, privateKey);
    const global = signEd25519(null, Buffer.concat([over, Buffer.from(comment)]), privateKey);
    const blob = Buffer.concat([Buffer.from(algorithm), keyId, over]);
    return wrap(`untrusted comment: legacy\n${wrap(blob)}\ntrusted comment: ${comment}\n${wrap(global)}\n`);
  }

  const verify = (text: string, signed: Buffer) =>
    verifySignature(signature(text), { publicKey: key, blake2b512: prehash(signed), version: '1.2.0' });
  const refused = { valid: false, reason: LEGACY_REASON };

  test('refuses an honest one', () => {
    const honest = minisign('Ed', BYTES, pair.privateKey, 'timestamp:1\tfile:\u00fcpdate.bin\tversion:1.2.0');
    expect(signature(honest).prehashed).toBe(false);
    expect(verify(honest, BYTES)).toEqual(refused);
  });

  test('refuses one that was made of another signature, for the file that is its hash', () => {
    const signed = minisign('ED', prehash(BYTES), pair.privateKey, 'timestamp:1');
    expect(verify(signed, BYTES)).toEqual({ valid: true });
    const forged = asLegacy(signed);
    expect(verify(forged, prehash(BYTES))).toEqual(refused);
    expect(verify(forged, BYTES)).toEqual(refused);
  });

  test('refuses an honest one that claims to be prehashed', () => {
    const claimed = minisign('ED', BYTES, pair.privateKey, 'timestamp:1');
    expect(verify(claimed, BYTES)).toEqual({
      valid: false,
      reason: 'the signature belongs to a different file',
    });
  });
});
