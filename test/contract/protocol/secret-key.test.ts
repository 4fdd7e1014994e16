import { spawnSync } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { readSecretKey } from '../../../src/protocol/manifest/secret-key.ts';
import { formatPublicKey, parsePublicKey } from '../../../src/protocol/minisign.ts';
import { isInstalled } from '../../support/process/is-installed.ts';
import { tempFolder } from '../../support/process/temp-folder.ts';
import { generateKey } from '../../support/tauri/signer.ts';

async function publicKeyOf(secret: string, password: string): Promise<string> {
  const read = await readSecretKey(secret, password);
  if (read.kind === 'unusable') throw new Error(read.reason);
  return formatPublicKey(read.pair.publicKey);
}

describe("a secret key of Tauri's signer", () => {
  test('is opened by its password, and by no other', async () => {
    const key = await generateKey(await tempFolder());
    const own = parsePublicKey(key.publicKey);
    expect(own && formatPublicKey(own)).toBe(await publicKeyOf(key.privateKey, key.password));
    for (const password of ['', `${key.password} `, 'another']) {
      expect(await readSecretKey(key.privateKey, password)).toMatchObject({
        kind: 'unusable',
        reason: expect.stringContaining('password'),
      });
    }
  });

  test('is read from the text inside the base64, too', async () => {
    const key = await generateKey(await tempFolder());
    const text = Buffer.from(key.privateKey, 'base64').toString('utf8');
    expect(await publicKeyOf(text, key.password)).toBe(await publicKeyOf(key.privateKey, key.password));
  });
});

test.skipIf(!isInstalled('minisign'))('a secret key of minisign without a password is read', async () => {
  const folder = await tempFolder();
  const [pub, secret] = [join(folder, 'key.pub'), join(folder, 'key')];
  expect(spawnSync('minisign', ['-G', '-W', '-p', pub, '-s', secret]).status).toBe(0);
  const own = parsePublicKey(await readFile(pub, 'utf8'));
  expect(await publicKeyOf(await readFile(secret, 'utf8'), '')).toBe(own && formatPublicKey(own));
});

test.each([
  '',
  'nonsense',
  'RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3',
  Buffer.alloc(158).toString('base64'),
])('%j is no secret key', async (text) => {
  expect((await readSecretKey(text, '')).kind).toBe('unusable');
});

test('a key that takes too much memory to decrypt is refused', async () => {
  const key = Buffer.alloc(158);
  key.write('EdScB2', 'latin1');
  key.writeBigUInt64LE(2n ** 40n, 38);
  key.writeBigUInt64LE(2n ** 40n, 46);
  expect(await readSecretKey(key.toString('base64'), '')).toMatchObject({
    kind: 'unusable',
    reason: expect.stringContaining('memory'),
  });
});
