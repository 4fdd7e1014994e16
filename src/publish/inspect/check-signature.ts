import { basename } from 'node:path';
import type { Issue, IssueId } from '../../issue.ts';
import { platformContradiction } from '../../protocol/bundle/platform-contradiction.ts';
import {
  formatKeyId,
  LEGACY_REASON,
  otherVersion,
  type PublicKey,
  parseSignature,
  signedNameOf,
  signedVersionOf,
  verifySignature,
} from '../../protocol/minisign.ts';
import { platformName } from '../../protocol/platform.ts';
import { type KnownKeys, keyFor } from '../known-keys.ts';
import { howToSign } from './find-signature.ts';
import type { LocalArtifact } from './local-artifact.ts';

const SIGN_AGAIN = 'Sign the file again: it has to be signed after its last change.';

/** What the signature of a file is checked with, besides a key. */
export interface SignedFile {
  /** Undefined for a signature that cannot be verified: `isVerifiable`. */
  readonly blake2b512?: Buffer;
  readonly signatureFile: string;
  /** Whether the signature is the base64 of one that is no text. */
  readonly isBinary: boolean;
  /** Whether the project's updater rejects signatures that name no version. */
  readonly projectNeedsVersion: boolean;
}

export type SignedArtifact = LocalArtifact & SignedFile;

export interface SignatureOptions {
  readonly keys: KnownKeys;
  /** The version a trusted comment must name, if it names one. */
  readonly version: string;
  /** Whether the files are for Tauri's updater. */
  readonly isTauri: boolean;
  /** Whether the server rejects signatures that name no version. */
  readonly serverNeedsVersion?: boolean | undefined;
  /** Whether a file may have been signed as one for another platform. */
  readonly allowMismatch?: boolean | undefined;
}

/** The issue with a signature, if there is one. Without its key only its format and version can be checked. */
export function checkSignature(
  artifact: SignedArtifact,
  { keys, version, isTauri, allowMismatch, serverNeedsVersion }: SignatureOptions,
): Issue | undefined {
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
  if (!signature.prehashed) {
    const hint = isTauri
      ? 'Sign the file again with a current version of `tauri signer sign`.'
      : 'Sign the file again with a current version of minisign, and without its option -l.';
    return issue('signature.legacy', `is refused: ${LEGACY_REASON}`, hint);
  }
  const publicKey = keyFor(artifact.signature, keys);
  const invalid = (reason: string, hint: string) =>
    issue('signature.invalid', `(${platformName(artifact)}) does not verify: ${reason}`, hint);
  if (publicKey !== undefined) {
    const { blake2b512 } = artifact;
    if (blake2b512 === undefined) throw new Error('the BLAKE2b-512 of a signed file was not computed');
    const verification = verifySignature(signature, { publicKey, blake2b512 });
    if (!verification.valid) {
      const isOther = !signature.keyId.equals(publicKey.keyId);
      return invalid(verification.reason, isOther ? otherKeyHint(publicKey) : SIGN_AGAIN);
    }
  }
  const signedName = signedNameOf(signature);
  const wrong = platformContradiction(artifact, { head: Buffer.alloc(0), signedName });
  if (wrong !== undefined && !allowMismatch) {
    const hint = 'Name the file and its platform as they are. If they are right, pass --allow-mismatch.';
    return issue('signature.wrong_platform', wrong, hint);
  }
  if (signedVersionOf(signature) === undefined) {
    const reason = whyItNeedsVersion(artifact, serverNeedsVersion);
    if (reason === undefined) return undefined;
    return issue('signature.unbound', `names no version: ${reason}`, howToBind({ version, isTauri }));
  }
  const reason = otherVersion(signature, version);
  if (reason === undefined) return undefined;
  const hint = `Build and sign it as ${version}, or publish the version that it was signed for.`;
  return publicKey === undefined
    ? issue('signature.wrong_version', `is ${reason}`, hint)
    : invalid(reason, hint);
}

function whyItNeedsVersion(
  { projectNeedsVersion }: SignedFile,
  serverNeedsVersion: boolean | undefined,
): string | undefined {
  if (projectNeedsVersion) return 'installed apps would reject it, as the project has requireSignedVersion';
  return serverNeedsVersion ? 'the server requires that of this app' : undefined;
}

/** How to have a signature name its version. */
export function howToBind({ version, isTauri }: Pick<SignatureOptions, 'version' | 'isTauri'>): string {
  return isTauri
    ? `Build it with version 2.11.5 of Tauri's CLI or a later one, or sign it with \`tauri signer sign --app-version ${version} FILE\`.`
    : `Sign it with \`minisign -Sm FILE -t version:${version}\`, or \`tauri signer sign --app-version ${version} FILE\`.`;
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
  const signed = signedNameOf(signature);
  if (signed === undefined || signed === basename(file)) return undefined;
  return `${signatureFile} was made for a file named ${signed}, not ${basename(file)}: fine if the file was renamed`;
}
