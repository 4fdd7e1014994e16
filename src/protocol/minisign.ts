import { createPublicKey, verify as verifyEd25519 } from 'node:crypto';

// The minisign format (https://jedisct1.github.io/minisign/), in the base64 wrapping of `tauri signer`.

export interface PublicKey {
  readonly keyId: Buffer; // 8 bytes, by which signatures name the key
  readonly key: Buffer; // Ed25519, 32 bytes
  /** Where it was read, for messages: a file, or a setting in one. */
  readonly source?: string;
}

/** A public key, or why Tauri's updater cannot read a text as one: `reason` completes "the key …". */
export type PublicKeyResult =
  | { readonly kind: 'key'; readonly key: PublicKey }
  | { readonly kind: 'malformed'; readonly reason: string };

export interface MinisignSignature {
  readonly kind: 'signature';
  readonly prehashed: boolean; // over the file's BLAKE2b-512 (`ED`), or a legacy one over the file itself (`Ed`)
  readonly keyId: Buffer;
  readonly signature: Buffer; // 64 bytes
  readonly trustedComment: string;
  readonly globalSignature: Buffer; // 64 bytes, over signature and trusted comment
}

/** A signature, or why a text is none: `reason` completes "the signature …". */
export type SignatureResult = MinisignSignature | { readonly kind: 'malformed'; readonly reason: string };

export interface VerifyOptions {
  readonly publicKey: PublicKey;
  readonly blake2b512: Buffer; // of the file
  /** The version the file is offered as; not checked when undefined. */
  readonly version?: string | undefined;
}

export type Verification =
  | { readonly valid: true; readonly version: string | undefined } // which the trusted comment names
  | { readonly valid: false; readonly reason: string };

const UNTRUSTED_COMMENT = 'untrusted comment:';
const TRUSTED_COMMENT = 'trusted comment: ';

/** The key as one bare base64 line, which `parsePublicKey` reads. */
export function formatPublicKey({ keyId, key }: PublicKey): string {
  return Buffer.concat([Buffer.from('Ed'), keyId, key]).toString('base64');
}

/** The id as minisign and Tauri print it: a little-endian number in upper-case hexadecimal. */
export function formatKeyId(keyId: Buffer): string {
  return Buffer.from(keyId).reverse().toString('hex').toUpperCase();
}

/** A key's id, and where it was read. */
export function describeKey({ keyId, source }: PublicKey): string {
  return source === undefined ? formatKeyId(keyId) : `${formatKeyId(keyId)} (${source})`;
}

/** The id of the key that made a signature, as minisign prints it; undefined for any signature but minisign's. */
export function signingKeyIdOf(signature: string | null | undefined): string | undefined {
  const parsed = parseSignature(signature ?? '');
  return parsed.kind === 'malformed' ? undefined : formatKeyId(parsed.keyId);
}

export function publicKeyIdOf(text: string | null | undefined): string | undefined {
  const key = parsePublicKey(text ?? '');
  return key && formatKeyId(key.keyId);
}

/** Reads a bare base64 line, minisign's two-line file, or that file in base64 again (Tauri's `.key.pub`). */
export function parsePublicKey(text: string): PublicKey | undefined {
  const trimmed = text.trim();
  const unwrapped = decodeBase64(trimmed);
  const candidates = [trimmed, unwrapped?.toString('utf8') ?? ''];
  for (const candidate of candidates) {
    const lines = candidate.trim().split(/\r?\n/);
    const key = lines.length <= 2 ? decodePublicKey(lines.at(-1)?.trim() ?? '') : undefined;
    if (key !== undefined) return key;
  }
  return undefined;
}

/** Reads `plugins.updater.pubkey` exactly as Tauri's updater does: strict base64 of any line, and the key's line. */
export function parseTauriPublicKey(text: string): PublicKeyResult {
  if (text.startsWith('untrusted comment:')) {
    return malformed('is bare minisign text; Tauri needs the base64 of it');
  }
  if (text !== text.trim()) return malformed('has white space or a line break around it');
  const wrapped = decodeBase64(text);
  if (wrapped === undefined) return malformed('is not base64');
  if (decodePublicKey(text) !== undefined) {
    return malformed('is only the key line of a .pub file; Tauri needs the base64 of the whole file');
  }
  const [first = '', second] = (decodeUtf8(wrapped) ?? '').split(/\r?\n/);
  const key = second === undefined ? undefined : decodePublicKey(second);
  if (key !== undefined) return { kind: 'key', key };
  if (decodePublicKey(first.trim()) !== undefined) {
    return malformed('is the base64 of the key line alone; Tauri needs the comment line before it too');
  }
  return malformed('is not the base64 of a minisign public key');
}

/** The line of base64 in a minisign public key. `ED` is accepted too, as minisign's own library does. */
function decodePublicKey(line: string): PublicKey | undefined {
  const bytes = decodeBase64(line);
  if (bytes?.length !== 42 || !['Ed', 'ED'].includes(bytes.subarray(0, 2).toString('latin1')))
    return undefined;
  return { keyId: bytes.subarray(2, 10), key: bytes.subarray(10) };
}

/** A signature as Tauri's updater takes it: what `minisign` itself writes in base64, any other text as it is. */
export function wrapSignature(text: string): string {
  const trimmed = text.trim();
  if (!trimmed.startsWith(UNTRUSTED_COMMENT)) return trimmed;
  return Buffer.from(`${trimmed.split(/\r?\n/).join('\n')}\n`).toString('base64');
}

/** Reads a signature exactly as Tauri's updater does: strict standard base64 of minisign's four lines. */
export function parseSignature(text: string): SignatureResult {
  if (text !== text.trim()) return malformed('has white space around it');
  if (text.startsWith(UNTRUSTED_COMMENT)) {
    return malformed('is bare minisign text; Tauri needs the base64 that `tauri signer sign` writes');
  }
  const wrapped = decodeBase64(text);
  if (wrapped === undefined) return malformed('is not base64');
  const [comment, signatureLine, trustedLine, globalLine] = (decodeUtf8(wrapped) ?? '').split(/\r?\n/);
  if (!comment?.startsWith(UNTRUSTED_COMMENT)) return malformed('is not a minisign signature');
  const bytes = decodeBase64(signatureLine ?? '');
  const globalSignature = decodeBase64(globalLine ?? '');
  if (bytes?.length !== 74 || !trustedLine?.startsWith(TRUSTED_COMMENT) || globalSignature?.length !== 64) {
    return malformed('is cut short or damaged');
  }
  const algorithm = bytes.subarray(0, 2).toString('latin1');
  if (algorithm !== 'ED' && algorithm !== 'Ed') return malformed(`has the unknown algorithm ${algorithm}`);
  return {
    kind: 'signature',
    prehashed: algorithm === 'ED',
    keyId: bytes.subarray(2, 10),
    signature: bytes.subarray(10),
    trustedComment: trustedLine.slice(TRUSTED_COMMENT.length),
    globalSignature,
  };
}

function malformed(reason: string): { readonly kind: 'malformed'; readonly reason: string } {
  return { kind: 'malformed', reason };
}

export function signedNameOf({ trustedComment }: MinisignSignature): string | undefined {
  return trustedCommentFields(trustedComment).get('file');
}

/** The version that a signature is bound to; undefined where it names none, and so fits any. */
export function signedVersionOf({
  trustedComment,
}: Pick<MinisignSignature, 'trustedComment'>): string | undefined {
  return trustedCommentFields(trustedComment).get('version');
}

/** The TAB-separated `name:value` fields: `file` and, by signer 2.11.5 and later, `version`. */
export function trustedCommentFields(trustedComment: string): ReadonlyMap<string, string> {
  const fields = new Map<string, string>();
  for (const field of trustedComment.split('\t')) {
    const colon = field.indexOf(':');
    const name = field.slice(0, colon);
    if (colon > 0 && !fields.has(name)) fields.set(name, field.slice(colon + 1)); // Tauri takes the first of two
  }
  return fields;
}

/** Whether a text is a signature that `verifySignature` does more with than refuse it. */
export function isVerifiable(text: string): boolean {
  const signature = parseSignature(text);
  return signature.kind === 'signature' && signature.prehashed;
}

/** With `ED` turned into `Ed`, which is not signed, the signature of a file is also one of the 64 bytes of its hash. */
export const LEGACY_REASON =
  'it is a legacy signature (`Ed`, not prehashed), which can be forged for a file that was never signed';

/**
 * Checks what Tauri's updater checks: key id, signature, global signature, and that a `version:` in the trusted
 * comment is the offered one (plugin 2.12 and later; build metadata counts). Unlike it, refuses legacy signatures.
 */
export function verifySignature(
  signature: MinisignSignature,
  { publicKey, blake2b512, version }: VerifyOptions,
): Verification {
  if (!signature.prehashed) return { valid: false, reason: LEGACY_REASON };
  if (!signature.keyId.equals(publicKey.keyId)) {
    const reason = `signed with key ${formatKeyId(signature.keyId)}, but the public key is ${describeKey(publicKey)}`;
    return { valid: false, reason };
  }
  const key = ed25519Key(publicKey);
  if (!verifyEd25519(null, blake2b512, key, signature.signature)) {
    return { valid: false, reason: 'the signature belongs to a different file' };
  }
  const commented = Buffer.concat([signature.signature, Buffer.from(signature.trustedComment)]);
  if (!verifyEd25519(null, commented, key, signature.globalSignature)) {
    return { valid: false, reason: 'the trusted comment was changed after signing' };
  }
  const reason = version === undefined ? undefined : otherVersion(signature, version);
  if (reason !== undefined) return { valid: false, reason };
  return { valid: true, version: signedVersionOf(signature) };
}

/** Why a signature is not for a version, if its trusted comment names another. Needs no key. */
export function otherVersion({ trustedComment }: MinisignSignature, announced: string): string | undefined {
  const signed = signedVersionOf({ trustedComment });
  if (signed === undefined || sameVersion(signed, announced)) return undefined;
  return `signed for version ${signed}, but announced as ${announced}`;
}

/** As Tauri's updater compares: build metadata counts, leading `v`s do not. */
function sameVersion(a: string, b: string): boolean {
  return a.replace(/^v+/, '') === b.replace(/^v+/, '');
}

function ed25519Key(publicKey: PublicKey) {
  const jwk = { kty: 'OKP', crv: 'Ed25519', x: publicKey.key.toString('base64url') };
  return createPublicKey({ key: jwk, format: 'jwk' });
}

/** Strict base64 with padding (RFC 4648, section 4). */
function decodeBase64(text: string): Buffer | undefined {
  const bytes = Buffer.from(text, 'base64');
  return text !== '' && bytes.toString('base64') === text ? bytes : undefined;
}

function decodeUtf8(bytes: Buffer): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return undefined;
  }
}
