import { createPrivateKey, createPublicKey, scrypt } from 'node:crypto';
import { promisify } from 'node:util';
import type { SigningKeyPair } from '../minisign-signer.ts';

// minisign's secret keys (https://jedisct1.github.io/minisign/, "Secret key format"), as `tauri signer generate`,
// `minisign -G` and rsign write them.

/** A key pair, or why a text is none: `reason` completes "the key …". */
export type SecretKeyResult =
  | { readonly kind: 'key'; readonly pair: SigningKeyPair }
  | { readonly kind: 'unusable'; readonly reason: string };

/** Algorithms, salt, the two limits of scrypt, then key id, secret key and checksum. */
const LENGTH = { header: 6, salt: 32, limits: 16, secret: 104 } as const;
const TOTAL = LENGTH.header + LENGTH.salt + LENGTH.limits + LENGTH.secret;

/** The most memory that decrypting a key may take, in bytes: minisign's own default takes half of it. */
const MAX_MEMORY = 2 * 1024 ** 3;

/** PKCS #8 of an Ed25519 key (RFC 8410), up to the 32 bytes of the key itself. */
const PKCS8 = Buffer.from('302e020100300506032b657004220420', 'hex');

/**
 * Decrypts a secret key: a file of minisign, or that file in base64 as Tauri's signer writes it.
 * @param password empty where the key has none
 */
export async function readSecretKey(text: string, password: string): Promise<SecretKeyResult> {
  const bytes = secretKeyBytes(text);
  if (bytes === undefined) return unusable('is not a minisign secret key');
  const kind = bytes.toString('latin1', 0, LENGTH.header);
  if (!/^Ed(Sc|\0\0)B2$/.test(kind)) return unusable('has an unknown kind');
  const secret = bytes.subarray(TOTAL - LENGTH.secret);
  const stream = kind.startsWith('EdSc') ? await keyStream(bytes, password) : Buffer.alloc(LENGTH.secret);
  if (stream === undefined) return unusable('takes too much memory to decrypt');
  const opened = Buffer.from(secret.map((byte, i) => byte ^ (stream[i] ?? 0)));
  const [keyId, seed, key] = [opened.subarray(0, 8), opened.subarray(8, 40), opened.subarray(40, 72)];
  const privateKey = createPrivateKey({ key: Buffer.concat([PKCS8, seed]), format: 'der', type: 'pkcs8' });
  const { x = '' } = createPublicKey(privateKey).export({ format: 'jwk' });
  // It holds the public key too, which only comes out right with the right password.
  if (!Buffer.from(x, 'base64url').equals(key)) return unusable('is not opened by this password');
  return { kind: 'key', pair: { publicKey: { keyId, key }, privateKey } };
}

function secretKeyBytes(text: string): Buffer | undefined {
  const trimmed = text.trim();
  const candidates = [trimmed, Buffer.from(trimmed, 'base64').toString('utf8')];
  for (const candidate of candidates) {
    const line = candidate.trim().split(/\r?\n/).at(-1)?.trim() ?? '';
    const bytes = Buffer.from(line, 'base64');
    if (bytes.length === TOTAL && bytes.toString('base64') === line) return bytes;
  }
  return undefined;
}

/** What the key is encrypted with: scrypt, with the parameters that libsodium derives from two limits. */
async function keyStream(bytes: Buffer, password: string): Promise<Buffer | undefined> {
  const salt = bytes.subarray(LENGTH.header, LENGTH.header + LENGTH.salt);
  const at = LENGTH.header + LENGTH.salt;
  const { N, p } = scryptCost(bytes.readBigUInt64LE(at), bytes.readBigUInt64LE(at + 8));
  if (128 * N * BLOCK_SIZE + 128 * BLOCK_SIZE * p > MAX_MEMORY) return undefined;
  const derive = promisify<string, Buffer, number, object, Buffer>(scrypt);
  return derive(password, salt, LENGTH.secret, { N, r: BLOCK_SIZE, p, maxmem: MAX_MEMORY + 1024 ** 2 });
}

const BLOCK_SIZE = 8;
const MIN_OPERATIONS = 32_768n;

/** libsodium's `pickparams`, in `crypto_pwhash_scryptsalsa208sha256`. */
function scryptCost(opsLimit: bigint, memLimit: bigint): { N: number; p: number } {
  const ops = opsLimit < MIN_OPERATIONS ? MIN_OPERATIONS : opsLimit;
  const r = BigInt(BLOCK_SIZE);
  const isBoundByTime = ops < memLimit / 32n;
  const maxN = isBoundByTime ? ops / (r * 4n) : memLimit / (r * 128n);
  let log = 1n;
  while (log < 63n && 1n << log <= maxN / 2n) log++;
  const N = 1n << log;
  if (isBoundByTime) return { N: Number(N), p: 1 };
  const maxRp = ops / 4n / N;
  return { N: Number(N), p: Math.max(1, Number((maxRp < 0x3fffffffn ? maxRp : 0x3fffffffn) / r)) };
}

function unusable(reason: string): SecretKeyResult {
  return { kind: 'unusable', reason };
}
