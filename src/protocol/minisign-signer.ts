import { generateKeyPairSync, type KeyObject, randomBytes, sign as signEd25519 } from 'node:crypto';
import { formatKeyId, formatPublicKey, type PublicKey } from './minisign.ts';

/*
 * The writing half of the minisign format (https://jedisct1.github.io/minisign/), for keys that live as long as the
 * process: there is no way to store one. Releases are signed by Tauri's own signer.
 */

/** A key pair whose private half is never written anywhere. */
export interface SigningKeyPair {
  readonly publicKey: PublicKey;
  readonly privateKey: KeyObject;
}

/** What a signature is about. */
export interface SignedFile {
  /** Of the file's bytes. */
  readonly blake2b512: Buffer;
  readonly fileName: string;
  /** The version that the file is announced as. */
  readonly version: string;
}

export function generateSigningKeyPair(): SigningKeyPair {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519');
  const { x = '' } = publicKey.export({ format: 'jwk' }); // RFC 8037: the 32 bytes
  return { publicKey: { keyId: randomBytes(8), key: Buffer.from(x, 'base64url') }, privateKey };
}

/**
 * Signs a file as `tauri signer sign --app-version` does: prehashed, with the same fields in the trusted comment.
 * @returns what the file's `.sig` would hold: minisign's four lines in base64
 */
export function signFile(
  { publicKey, privateKey }: SigningKeyPair,
  { blake2b512, fileName, version }: SignedFile,
  now: Date,
): string {
  const timestamp = Math.floor(now.getTime() / 1000);
  const trustedComment = `timestamp:${timestamp}\tfile:${fileName}\tversion:${version}`;
  const signature = signEd25519(null, blake2b512, privateKey);
  const globalSignature = signEd25519(
    null,
    Buffer.concat([signature, Buffer.from(trustedComment)]),
    privateKey,
  );
  const lines = [
    'untrusted comment: signature from a key that was made for a rehearsal',
    Buffer.concat([Buffer.from('ED'), publicKey.keyId, signature]).toString('base64'),
    `trusted comment: ${trustedComment}`,
    globalSignature.toString('base64'),
  ];
  return wrap(lines);
}

/** The key as `plugins.updater.pubkey` has it: minisign's two-line file in base64. */
export function formatPublicKeyForTauri(publicKey: PublicKey): string {
  const comment = `untrusted comment: minisign public key: ${formatKeyId(publicKey.keyId)}`;
  return wrap([comment, formatPublicKey(publicKey)]);
}

function wrap(lines: readonly string[]): string {
  return Buffer.from(`${lines.join('\n')}\n`).toString('base64');
}
