import { createHash } from 'node:crypto';
import { isDurabilityLost, mayBeCommitted } from '../../database/database-error.ts';
import { completeArtifact, type PendingUpload } from '../../database/queries/artifacts.ts';
import {
  MAX_UNHASHED_BYTES,
  parsePublicKey,
  parseSignature,
  verifySignature,
} from '../../protocol/minisign.ts';
import { type Platform, platformName } from '../../protocol/platform.ts';
import { Problem } from '../../protocol/problem.ts';
import type { StagedUpload } from '../../storage/artifact-storage.ts';
import type { Services } from '../services.ts';

/**
 * The second half of an upload: holds the staged bytes against what was declared, moves them to where they are
 * served, and makes the artifact complete. In that order, so that no offer ever points at bytes that are not there.
 * Whatever is refused leaves no bytes behind.
 * @returns whether its release went live by that
 * @throws Problem `content_mismatch`, `immutable` or `not_found`
 */
export async function completeUpload(
  services: Services,
  upload: PendingUpload,
  staged: StagedUpload,
): Promise<boolean> {
  const { database, storage, clock, allowVersionReuse } = services;
  try {
    await requireDeclaredContent(upload, staged);
    await staged.promote();
  } catch (error) {
    await drop(() => staged.discard());
    throw error;
  }
  const options = { now: clock(), allowVersionReuse };
  const completion = completeArtifact(database.queries, upload.id, staged, options);
  const outcome = await completion.catch(async (error) => {
    // Rolled back, so nothing refers to the bytes; where nobody knows that, they stay.
    if (!mayBeCommitted(error)) await drop(() => storage.remove(staged.storageKey));
    throw error;
  });
  if (outcome === 'completed' || outcome === 'went_live') return outcome === 'went_live';
  await drop(() => storage.remove(staged.storageKey));
  throw outcome === 'immutable'
    ? alreadyPublished(upload)
    : new Problem('not_found', 'There is no such upload.');
}

/** What cannot be dropped now is found by upkeep, and changes nothing of why it is dropped. */
async function drop(dropping: () => Promise<void>): Promise<void> {
  await dropping().catch((error) => {
    if (isDurabilityLost(error)) throw error;
  });
}

/** Published bytes never change (design 4): the platform has its bytes, or the version once had others. */
export function alreadyPublished(upload: Platform & Pick<PendingUpload, 'version'>): Problem {
  return new Problem(
    'immutable',
    `${upload.version} already has its bytes for ${platformName(upload)}; published bytes never change, ` +
      'not even once their release was deleted: give other bytes another version.',
  );
}

/** The bytes are not as many as were declared. */
export function wrongSize({ fileSize }: PendingUpload): Problem {
  const message = `must be the ${fileSize} bytes that were declared`;
  return new Problem('content_mismatch', `The upload ${message}.`, [{ field: 'file_size', message }]);
}

async function requireDeclaredContent(upload: PendingUpload, staged: StagedUpload): Promise<void> {
  if (upload.sha256 !== null && upload.sha256 !== staged.sha256) {
    throw mismatch('sha256', `is ${staged.sha256}, but ${upload.sha256} was declared`);
  }
  if (upload.pubkey === null) return;
  const publicKey = parsePublicKey(upload.pubkey);
  if (publicKey === undefined) throw new Error(`app ${upload.appId} has an unreadable public key`);
  const signature = parseSignature(upload.signature ?? '');
  if (signature.kind === 'malformed') throw mismatch('signature', signature.reason);
  const message = await signedMessage(staged, signature.prehashed);
  const verification = verifySignature(signature, { publicKey, message, version: upload.version });
  if (!verification.valid) throw mismatch('signature', `does not verify: ${verification.reason}`);
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
