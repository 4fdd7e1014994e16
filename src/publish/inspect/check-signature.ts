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
import type { LocalArtifact } from './local-artifact.ts';

const SIGN_AGAIN = 'Sign the file again: it has to be signed after its last change.';

export type HashedArtifact = LocalArtifact & { readonly blake2b512: Buffer };

export interface SignatureOptions {
  readonly keys: KnownKeys;
  /** The version a trusted comment must name, if it names one. */
  readonly version: string;
}

/** The issue with a signature, if there is one. Without its key only its format and version can be checked. */
export async function checkSignature(
  artifact: HashedArtifact,
  { keys, version }: SignatureOptions,
): Promise<Issue | undefined> {
  const { file } = artifact;
  const issue = (id: IssueId, message: string, hint: string): Issue => {
    return { id, code: 'preflight_refused', message: `${file}.sig ${message}`, hint, file };
  };
  const signature = parseSignature(artifact.signature);
  if (signature.kind === 'malformed') {
    const message = `${signature.reason}, so Tauri's updater would refuse it`;
    return issue('signature.malformed', message, 'Sign the file with `tauri signer sign`.');
  }
  const publicKey = keyFor(artifact.signature, keys);
  if (publicKey !== undefined && !signature.prehashed && artifact.size > MAX_UNHASHED_BYTES) {
    const message = `is not prehashed, which is only supported for files up to ${MAX_UNHASHED_BYTES} bytes`;
    return issue('signature.not_prehashed', message, 'Sign the file with a current `tauri signer sign`.');
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
export function otherFile({ file, signature: text }: LocalArtifact): string | undefined {
  const signature = parseSignature(text);
  if (signature.kind === 'malformed') return undefined;
  const signed = trustedCommentFields(signature.trustedComment).get('file');
  if (signed === undefined || signed === basename(file)) return undefined;
  return `${file}.sig was made for a file named ${signed}, not ${basename(file)}: fine if the file was renamed`;
}
