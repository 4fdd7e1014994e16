import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import type { Issue, IssueId } from '../../issue.ts';
import {
  MAX_UNHASHED_BYTES,
  otherVersion,
  parseSignature,
  trustedCommentFields,
  verifySignature,
} from '../../protocol/minisign.ts';
import { platformName } from '../../protocol/platform.ts';
import { howToSign } from './find-signature.ts';
import type { InspectOptions, LocalArtifact } from './local-artifact.ts';

const SIGN_AGAIN =
  "Sign exactly this file, for this version, with the private key that the app's public key belongs to.";

export interface SignedArtifact extends LocalArtifact {
  readonly blake2b512: Buffer;
  readonly signatureFile: string;
}

/** The issue with a signature, if there is one. Without a key only its format and version can be checked. */
export async function checkSignature(
  artifact: SignedArtifact,
  { publicKey, version, projectApp }: Pick<InspectOptions, 'publicKey' | 'version' | 'projectApp'>,
): Promise<Issue | undefined> {
  const { file, signatureFile: name } = artifact;
  const isTauri = projectApp !== undefined;
  const issue = (id: IssueId, message: string, hint = SIGN_AGAIN): Issue => ({
    id,
    code: 'preflight_refused',
    message: `${name} ${message}`,
    hint,
    file,
  });
  const signature = parseSignature(artifact.signature);
  if (signature.kind === 'malformed') {
    const message = `${signature.reason}, so ${isTauri ? "Tauri's updater" : 'an app'} would refuse it`;
    return issue('signature.malformed', message, howToSign({ isTauri }));
  }
  if (publicKey === undefined) {
    const reason = otherVersion(signature, version);
    return reason === undefined ? undefined : issue('signature.wrong_version', `is ${reason}`);
  }
  if (!signature.prehashed && artifact.size > MAX_UNHASHED_BYTES) {
    const message = `is not prehashed, which is only supported for files up to ${MAX_UNHASHED_BYTES} bytes`;
    const hint = `Sign the file with a current version of ${isTauri ? '`tauri signer sign`' : 'minisign'}.`;
    return issue('signature.not_prehashed', message, hint);
  }
  const signed = signature.prehashed ? artifact.blake2b512 : await readFile(file);
  const verification = verifySignature(signature, { publicKey, message: signed, version });
  if (verification.valid) return undefined;
  const message = `(${platformName(artifact)}) does not verify: ${verification.reason}`;
  return issue('signature.invalid', message);
}

/** A warning where the trusted comment names another file than the one it lies beside. */
export function otherFile({ file, signature: text, signatureFile }: SignedArtifact): string | undefined {
  const signature = parseSignature(text);
  if (signature.kind === 'malformed') return undefined;
  const signed = trustedCommentFields(signature.trustedComment).get('file');
  if (signed === undefined || signed === basename(file)) return undefined;
  return `${signatureFile} was made for a file named ${signed}, not ${basename(file)}: fine if the file was renamed`;
}
