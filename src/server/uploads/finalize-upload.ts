import { createHash } from 'node:crypto';
import { isDurabilityLost, mayBeCommitted } from '../../database/database-error.ts';
import { acceptedKeysOf } from '../../database/queries/app-files.ts';
import { completeArtifact, type PendingUpload } from '../../database/queries/artifacts.ts';
import {
  MAX_UNHASHED_BYTES,
  type MinisignSignature,
  type PublicKey,
  parsePublicKey,
  parseSignature,
  verifySignature,
} from '../../protocol/minisign.ts';
import { type Platform, platformName } from '../../protocol/platform.ts';
import { Problem } from '../../protocol/problem.ts';
import type { StagedUpload } from '../../storage/artifact-storage.ts';
import type { Services } from '../services.ts';

/**
 * The second half of an upload: compares the staged bytes with what was declared, moves them to where they are served
 * from, and completes the artifact. In this order, so that no offer ever points at missing bytes. Refused bytes are
 * removed.
 * @returns whether its release went live with it
 * @throws Problem `content_mismatch`, `immutable` or `not_found`
 * @throws OtaError as `ArtifactStorage`, and whatever the database throws
 */
export async function finalizeUpload(
  services: Services,
  upload: PendingUpload,
  staged: StagedUpload,
): Promise<boolean> {
  const { database, storage, clock, allowVersionReuse, onBytesQueued } = services;
  try {
    await requireDeclaredContent(services, upload, staged);
    await staged.promote();
  } catch (error) {
    await tryToDrop(() => staged.discard());
    throw error;
  }
  const options = { now: clock(), allowVersionReuse, onReplaced: onBytesQueued };
  const { storageKey, sha256 } = staged;
  const completion = completeArtifact(database.queries, { id: upload.id, storageKey, sha256 }, options);
  const outcome = await completion.catch(async (error) => {
    // Rolled back, so that no row refers to the bytes; if that is uncertain, they stay.
    if (!mayBeCommitted(error)) await tryToDrop(() => storage.remove(staged.storageKey));
    throw error;
  });
  if (outcome === 'completed' || outcome === 'went_live') return outcome === 'went_live';
  await tryToDrop(() => storage.remove(staged.storageKey));
  throw outcome === 'immutable'
    ? alreadyPublished(upload)
    : new Problem('not_found', 'There is no such upload.');
}

/** Maintenance finds what cannot be dropped now, and the reason for dropping it remains the error to report. */
async function tryToDrop(drop: () => Promise<void>): Promise<void> {
  await drop().catch((error) => {
    if (isDurabilityLost(error)) throw error;
  });
}

/** The platform has its file, or the version once had another: published files never change. */
export function alreadyPublished(upload: Platform & Pick<PendingUpload, 'version'>): Problem {
  return new Problem(
    'immutable',
    `${upload.version} already has a file for ${platformName(upload)}. Published files never change, even after their ` +
      'release was deleted: publish another file under a new version.',
  );
}

export function wrongSize({ fileSize }: PendingUpload): Problem {
  const message = `must have the declared size of ${fileSize} bytes`;
  return new Problem('content_mismatch', `The upload ${message}.`, [{ field: 'file_size', message }]);
}

async function requireDeclaredContent(
  { database }: Services,
  upload: PendingUpload,
  staged: StagedUpload,
): Promise<void> {
  if (upload.sha256 !== null && upload.sha256 !== staged.sha256) {
    throw mismatch('sha256', `is ${staged.sha256}, but ${upload.sha256} was declared`);
  }
  if (upload.pubkey === null) return;
  const { appId, pubkey } = upload;
  const accepted = await acceptedKeysOf(database.queries, { appId, pubkey });
  const signature = parseSignature(upload.signature ?? '');
  if (signature.kind === 'malformed') throw mismatch('signature', signature.reason);
  const publicKey = requireKey(signature, accepted);
  const message = await signedMessage(staged, signature.prehashed);
  const verification = verifySignature(signature, { publicKey, message, version: upload.version });
  if (!verification.valid) throw mismatch('signature', `does not verify: ${verification.reason}`);
}

/** The accepted key that a signature names; where there is none the app's own, so that the refusal names both. */
function requireKey({ keyId }: MinisignSignature, accepted: readonly string[]): PublicKey {
  const keys = accepted.map(parsePublicKey).filter((key) => key !== undefined);
  const publicKey = keys.find((key) => key.keyId.equals(keyId)) ?? keys[0];
  if (publicKey === undefined) throw new Error('the public key of the app cannot be parsed');
  return publicKey;
}

async function signedMessage(staged: StagedUpload, prehashed: boolean): Promise<Buffer> {
  if (prehashed && staged.blake2b512) return staged.blake2b512;
  if (staged.size > MAX_UNHASHED_BYTES) {
    throw mismatch(
      'signature',
      'is not prehashed, which is only accepted for small files; sign with a current signer',
    );
  }
  const bytes = await staged.read();
  return prehashed ? createHash('blake2b512').update(bytes).digest() : bytes;
}

function mismatch(field: string, message: string): Problem {
  return new Problem('content_mismatch', `The upload was refused: ${field} ${message}.`, [
    { field, message },
  ]);
}
