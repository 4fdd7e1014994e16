import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import type { Issue, IssueId } from '../../issue.ts';
import {
  formatKeyId,
  MAX_UNHASHED_BYTES,
  otherVersion,
  type PublicKey,
  parseSignature,
  trustedCommentFields,
  verifySignature,
} from '../../protocol/minisign.ts';
import { platformName } from '../../protocol/platform.ts';
import { type KnownKeys, keyFor } from '../known-keys.ts';
import { howToSign } from './find-signature.ts';
import type { LocalArtifact } from './local-artifact.ts';

const SIGN_AGAIN = 'Sign the file again: it has to be signed after its last change.';

/** What the signature of a file is checked with, besides a key. */
export interface SignedFile {
  readonly blake2b512: Buffer;
  readonly signatureFile: string;
  /** Whether the signature is the base64 of one that is no text. */
  readonly isBinary: boolean;
}

export type SignedArtifact = LocalArtifact & SignedFile;

export interface SignatureOptions {
  readonly keys: KnownKeys;
  /** The version a trusted comment must name, if it names one. */
  readonly version: string;
  /** Whether the files are for Tauri's updater. */
  readonly isTauri: boolean;
}

/** The issue with a signature, if there is one. Without its key only its format and version can be checked. */
export async function checkSignature(
  artifact: SignedArtifact,
  { keys, version, isTauri }: SignatureOptions,
): Promise<Issue | undefined> {
  const { file, signatureFile: name } = artifact;
  const issue = (id: IssueId, message: string, hint: string): Issue => {
    return { id, code: 'preflight_refused', message: `${name} ${message}`, hint, file };
  };
  const updater = isTauri ? "Tauri's updater" : 'an app that expects minisign';
  if (artifact.isBinary) {
    const message = `is binary: it is served as base64, and ${updater} would refuse it`;
    return issue('signature.binary', message, howToSign({ isTauri }));
  }
  const signature = parseSignature(artifact.signature);
  if (signature.kind === 'malformed') {
    const message = `${signature.reason}, so ${updater} would refuse it`;
    return issue('signature.malformed', message, howToSign({ isTauri }));
  }
  const publicKey = keyFor(artifact.signature, keys);
  if (publicKey !== undefined && !signature.prehashed && artifact.size > MAX_UNHASHED_BYTES) {
    const message = `is not prehashed, which is only supported for files up to ${MAX_UNHASHED_BYTES} bytes`;
    const hint = `Sign the file with a current version of ${isTauri ? '`tauri signer sign`' : 'minisign'}.`;
    return issue('signature.not_prehashed', message, hint);
  }
  const invalid = (reason: string, hint: string) =>
    issue('signature.invalid', `(${platformName(artifact)}) does not verify: ${reason}`, hint);
  if (publicKey !== undefined) {
    const message = signature.prehashed ? artifact.blake2b512 : await readFile(file);
    const verification = verifySignature(signature, { publicKey, message });
    if (!verification.valid) {
      const isOther = !signature.keyId.equals(publicKey.keyId);
      return invalid(verification.reason, isOther ? otherKeyHint(publicKey) : SIGN_AGAIN);
    }
  }
  const reason = otherVersion(signature, version);
  if (reason === undefined) return undefined;
  const hint = `Build and sign it as ${version}, or publish the version that it was signed for.`;
  return publicKey === undefined
    ? issue('signature.wrong_version', `is ${reason}`, hint)
    : invalid(reason, hint);
}

/** Only a given key can be another one: where none is given, each signature names its own. */
function otherKeyHint(given: PublicKey): string {
  return (
    `Sign it with the private key of ${formatKeyId(given.keyId)}; or, if installed apps trust the key that it is ` +
    'signed with, give that one as the public key.'
  );
}

/** A warning where the trusted comment names another file than the one it lies beside. */
export function otherFile({ file, signature: text, signatureFile }: SignedArtifact): string | undefined {
  const signature = parseSignature(text);
  if (signature.kind === 'malformed') return undefined;
  const signed = trustedCommentFields(signature.trustedComment).get('file');
  if (signed === undefined || signed === basename(file)) return undefined;
  return `${signatureFile} was made for a file named ${signed}, not ${basename(file)}: fine if the file was renamed`;
}
