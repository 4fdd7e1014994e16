import { createHash } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { basename } from 'node:path';
import {
  formatPublicKeyForTauri,
  generateSigningKeyPair,
  type SigningKeyPair,
  signFile,
} from '../../../src/protocol/minisign-signer.ts';

/** A key pair of our own signer. A contract test compares it with Tauri's, which needs a process for each file. */
export interface InProcessKey {
  readonly pair: SigningKeyPair;
  /** In the form for `plugins.updater.pubkey`. */
  readonly publicKey: string;
}

export function generateKeyInProcess(): InProcessKey {
  const pair = generateSigningKeyPair();
  return { pair, publicKey: formatPublicKeyForTauri(pair.publicKey) };
}

/**
 * Signs a file for a version.
 * @returns the path of the signature, `<file>.sig`
 */
export async function signInProcess(
  { pair }: InProcessKey,
  file: string,
  version = '1.2.0',
): Promise<string> {
  const blake2b512 = createHash('blake2b512')
    .update(await readFile(file))
    .digest();
  await writeFile(
    `${file}.sig`,
    signFile(pair, { blake2b512, fileName: basename(file), version }, new Date()),
  );
  return `${file}.sig`;
}
