import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import type { Issue } from '../../issue.ts';
import {
  MAX_UNHASHED_BYTES,
  otherVersion,
  parseSignature,
  trustedCommentFields,
  verifySignature,
} from '../../protocol/minisign.ts';
import { platformName } from '../../protocol/platform.ts';
import type { ArtifactInput, InspectOptions } from './local-artifact.ts';

/** What is wrong with a signature, if anything is. Without a key only its form can be looked at. */
export async function checkSignature(
  artifact: ArtifactInput & { size: number; signature: string; blake2b512: Buffer },
  { publicKey, version }: InspectOptions,
): Promise<Issue | undefined> {
  const name = `${artifact.file}.sig`;
  const signature = parseSignature(artifact.signature);
  if (signature.kind === 'malformed') {
    const message = `${name} ${signature.reason}, so Tauri's updater would refuse it`;
    const remedy = 'Sign the file with `tauri signer sign`.';
    return { id: 'signature.malformed', code: 'preflight_refused', message, hint: remedy };
  }
  const hint = 'Sign exactly these bytes, for this version, with the key whose public half the app has.';
  if (publicKey === undefined) {
    const reason = otherVersion(signature, version);
    return reason === undefined
      ? undefined
      : { id: 'signature.wrong_version', code: 'preflight_refused', message: `${name} is ${reason}`, hint };
  }
  if (!signature.prehashed && artifact.size > MAX_UNHASHED_BYTES) {
    const message = `${name} is not prehashed, which is only checked for files up to ${MAX_UNHASHED_BYTES} bytes`;
    const remedy = 'Sign the file with a current `tauri signer sign`.';
    return { id: 'signature.not_prehashed', code: 'preflight_refused', message, hint: remedy };
  }
  const signed = signature.prehashed ? artifact.blake2b512 : await readFile(artifact.file);
  const verification = verifySignature(signature, { publicKey, message: signed, version });
  if (verification.valid) return undefined;
  const message = `${name} (${platformName(artifact)}) does not verify: ${verification.reason}`;
  return { id: 'signature.invalid', code: 'preflight_refused', message, hint };
}

/** A warning where a trusted comment names another file than the one it lies beside, which may have been renamed. */
export function otherFile(file: string, text: string): string | undefined {
  const signature = parseSignature(text);
  if (signature.kind === 'malformed') return undefined;
  const signed = trustedCommentFields(signature.trustedComment).get('file');
  if (signed === undefined || signed === basename(file)) return undefined;
  return `${file}.sig is of a file called ${signed}, not ${basename(file)}: that is fine if it was renamed`;
}
