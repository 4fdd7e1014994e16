import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import {
  type MinisignSignature,
  parsePublicKey,
  parseSignature,
  trustedCommentFields,
  verifySignature,
} from '../../../src/protocol/minisign.ts';
import {
  formatPublicKeyForTauri,
  generateSigningKeyPair,
  signFile,
} from '../../../src/protocol/minisign-signer.ts';
import { isInstalled } from '../../support/process/is-installed.ts';
import { tempFolder } from '../../support/process/temp-folder.ts';
import { generateKey, signFile as signWithTauri } from '../../support/tauri/signer.ts';

const BYTES = Buffer.from('the bytes of an update\n'.repeat(1000));
const NOW = new Date('2026-03-13T12:00:00.900Z');
const FILE = 'Note Täker_1.2.0_amd64.AppImage';

const prehash = (bytes: Buffer) => createHash('blake2b512').update(bytes).digest();
const unwrap = (text: string) => Buffer.from(text, 'base64').toString('utf8');

const keyPair = generateSigningKeyPair();
const text = signFile(keyPair, { blake2b512: prehash(BYTES), fileName: FILE, version: '1.2.1' }, NOW);

function parsed(signature: string): MinisignSignature {
  const result = parseSignature(signature);
  if (result.kind === 'malformed') throw new Error(`the signature ${result.reason}`);
  return result;
}

describe('signFile', () => {
  test('makes a signature that verifies for these bytes, this key and this version only', () => {
    const { publicKey } = keyPair;
    const signature = parsed(text);
    expect(verifySignature(signature, { publicKey, blake2b512: prehash(BYTES), version: '1.2.1' })).toEqual({
      valid: true,
      version: '1.2.1',
    });
    for (const refused of [
      verifySignature(signature, { publicKey, blake2b512: prehash(BYTES), version: '1.2.0' }),
      verifySignature(signature, { publicKey, blake2b512: prehash(BYTES.subarray(1)), version: '1.2.1' }),
      verifySignature(signature, {
        publicKey: generateSigningKeyPair().publicKey,
        blake2b512: prehash(BYTES),
        version: '1.2.1',
      }),
    ]) {
      expect(refused).toMatchObject({ valid: false });
    }
  });

  test('names time, file and version in the trusted comment', () => {
    expect([...trustedCommentFields(parsed(text).trustedComment)]).toEqual([
      ['timestamp', '1773403200'],
      ['file', FILE],
      ['version', '1.2.1'],
    ]);
  });

  test("writes the format of Tauri's signer", async () => {
    const folder = await tempFolder();
    const file = join(folder, FILE);
    await writeFile(file, BYTES);
    const signatureFile = await signWithTauri(await generateKey(folder), file, { appVersion: '1.2.1' });
    const [theirs, ours] = [unwrap(await readFile(signatureFile, 'utf8')), unwrap(text)];
    const form = (signature: string) =>
      signature
        .replace(/^(untrusted comment: ).*/, '$1')
        .replace(/timestamp:\d+/, 'timestamp:N')
        .split('\n')
        .map((line) =>
          /^[A-Za-z0-9+/]+=*$/.test(line) ? `base64 of ${Buffer.from(line, 'base64').length}` : line,
        );
    expect(form(ours)).toEqual(form(theirs));
    expect(form(ours)).toHaveLength(5);
    const algorithm = (signature: string) =>
      Buffer.from(signature.split('\n')[1] ?? '', 'base64').subarray(0, 2);
    expect(algorithm(ours)).toEqual(algorithm(theirs));
  });

  test.skipIf(!isInstalled('minisign'))(
    'makes a signature that minisign accepts (needs minisign)',
    async () => {
      const folder = await tempFolder();
      const [file, key] = [join(folder, FILE), join(folder, 'key.pub')];
      await writeFile(file, BYTES);
      await writeFile(`${file}.minisig`, unwrap(text));
      await writeFile(key, unwrap(formatPublicKeyForTauri(keyPair.publicKey)));
      const verify = () => promisify(execFile)('minisign', ['-V', '-m', file, '-p', key]);
      expect((await verify()).stdout).toContain('Signature and comment signature verified');
      await writeFile(file, BYTES.subarray(1));
      await expect(verify()).rejects.toThrow();
    },
  );
});

describe('formatPublicKeyForTauri', () => {
  test('can be read again', () => {
    expect(parsePublicKey(formatPublicKeyForTauri(keyPair.publicKey))).toEqual(keyPair.publicKey);
  });

  test("writes a key as Tauri's signer does", async () => {
    const { publicKey } = await generateKey(await tempFolder());
    const key = parsePublicKey(publicKey);
    expect(key && formatPublicKeyForTauri(key)).toBe(publicKey);
  });
});

test('generateSigningKeyPair makes a new key each time', () => {
  const { publicKey } = generateSigningKeyPair();
  expect(publicKey.key).toHaveLength(32);
  expect(publicKey.key).not.toEqual(keyPair.publicKey.key);
  expect(publicKey.keyId).not.toEqual(keyPair.publicKey.keyId);
});
