import { generateKeyPairSync, type KeyObject, randomBytes, sign as signEd25519 } from 'node:crypto';
import { formatKeyId, formatPublicKey, type PublicKey } from './minisign.ts';

// The writing half of minisign.ts, for temporary keys. Releases are signed by Tauri's own signer.

/** A key pair for as long as the process lives: there is no way to store its private key. */
export interface SigningKeyPair {
  readonly publicKey: PublicKey;
  readonly privateKey: KeyObject;
}

export interface SignedFile {
  readonly blake2b512: Buffer;
  readonly fileName: string;
  /** The one that the file is offered as; undefined: bound to none, as older signers do. */
  readonly version: string | undefined;
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
  const bound = version === undefined ? '' : `\tversion:${version}`;
  const trustedComment = `timestamp:${timestamp}\tfile:${fileName}${bound}`;
  const signature = signEd25519(null, blake2b512, privateKey);
  const globalSignature = signEd25519(
    null,
    Buffer.concat([signature, Buffer.from(trustedComment)]),
    privateKey,
  );
  const lines = [
    'untrusted comment: signature from a temporary development key',
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
