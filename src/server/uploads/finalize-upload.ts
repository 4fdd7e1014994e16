import type { Actor } from '../../database/attribution.ts';
import { isDurabilityLost, mayBeCommitted } from '../../database/database-error.ts';
import { acceptedKeysOf } from '../../database/queries/app-files.ts';
import { completeArtifact, type PendingUpload } from '../../database/queries/artifacts.ts';
import { platformContradiction } from '../../protocol/bundle/platform-contradiction.ts';
import {
  type MinisignSignature,
  type PublicKey,
  parsePublicKey,
  parseSignature,
  signedNameOf,
  verifySignature,
} from '../../protocol/minisign.ts';
import { type Platform, platformName } from '../../protocol/platform.ts';
import { Problem } from '../../protocol/problem.ts';
import type { StagedUpload } from '../../storage/artifact-storage.ts';
import { type Origin, uploaderOf } from '../audit/request-author.ts';
import type { Services } from '../services.ts';

/** An upload with where the request comes from that ends it, if one does. */
export type FinalizedUpload = PendingUpload & { readonly origin?: Origin };

/**
 * The second half of an upload: compares the staged bytes with what was declared, moves them to where they are served
 * from, and completes the artifact. In this order, so that no offer ever points at missing bytes. Refused bytes are
 * removed.
 * @returns whether its release went live with it
 * @throws Problem `content_mismatch`, `immutable`, `forbidden` or `not_found`
 * @throws OtaError as `ArtifactStorage`, and whatever the database throws
 */
export async function finalizeUpload(
  services: Services,
  { origin, ...upload }: FinalizedUpload,
  staged: StagedUpload,
): Promise<boolean> {
  const { database, storage, clock, allowVersionReuse, onBytesQueued, lostFiles } = services;
  const actor = uploaderOf(upload, origin);
  try {
    await requireDeclaredContent(services, upload, staged);
    if (upload.mayGoLive) await lostFiles?.compareRelease(upload.releaseId);
    await staged.promote();
  } catch (error) {
    noteRefusal(services, { actor, upload, staged }, error);
    await tryToDrop(() => staged.discard());
    throw error;
  }
  const options = { by: { actor, now: clock() }, allowVersionReuse, onReplaced: onBytesQueued };
  const { storageKey, sha256 } = staged;
  const completion = completeArtifact(database.queries, { id: upload.id, storageKey, sha256 }, options);
  const outcome = await completion.catch(async (error) => {
    // Rolled back, so that no row refers to the bytes; if that is uncertain, they stay.
    if (!mayBeCommitted(error)) await tryToDrop(() => storage.remove(staged.storageKey));
    throw error;
  });
  if (outcome === 'completed' || outcome === 'went_live') return outcome === 'went_live';
  await tryToDrop(() => storage.remove(staged.storageKey));
  if (outcome === 'immutable') throw alreadyPublished(upload);
  if (outcome === 'not_allowed') throw notAllowedLive();
  throw noSuchUpload();
}

/** Its release went live after the upload was granted. */
function notAllowedLive(): Problem {
  return new Problem(
    'forbidden',
    'The release is live: a file can be added to it only by a token with the scope release:publish, and not at all ' +
      'where the app requires approval.',
  );
}

export function noSuchUpload(): Problem {
  return new Problem(
    'not_found',
    'There is no such upload, or the token that it was granted to was revoked or may upload no more.',
  );
}

interface RefusedUpload {
  readonly actor: Actor;
  readonly upload: PendingUpload;
  readonly staged: StagedUpload;
}

/** Records bytes that are not what was declared, or not what was signed. */
function noteRefusal({ refusals }: Services, { actor, upload, staged }: RefusedUpload, error: unknown): void {
  if (!(error instanceof Problem)) return;
  const { appId, version, releaseId: release_id } = upload;
  const [{ field = undefined } = {}] = error.errors;
  const file = { version, release_id, platform: platformName(upload), sha256: staged.sha256 };
  const details = { ...file, field, reason: error.message };
  refusals?.note({ action: 'upload.refused', actor, appId, code: error.code, details });
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
    `${upload.version} already has a file for ${platformName(upload)}, or is answered with others. Published files never ` +
      'change, even after their release was deleted: publish another file under a new version.',
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
  const { blake2b512 } = staged;
  if (blake2b512 === undefined) throw new Error('the BLAKE2b-512 of the upload was not computed');
  const verification = verifySignature(signature, { publicKey, blake2b512, version: upload.version });
  if (!verification.valid) throw mismatch('signature', `does not verify: ${verification.reason}`);
  if (upload.requiresBoundSignature && verification.version === undefined) {
    throw mismatch(
      'signature',
      `names no version, and this app requires that: sign it for ${upload.version}`,
    );
  }
  await requireItsPlatform(upload, staged, signedNameOf(signature));
}

/** A file that is signed for one platform must not be offered to another. @throws Problem `content_mismatch` */
async function requireItsPlatform(
  upload: PendingUpload,
  staged: StagedUpload,
  signedName: string | undefined,
): Promise<void> {
  const wrong = platformContradiction(upload, { head: await staged.readHead(), signedName });
  if (wrong === undefined) return;
  throw new Problem('content_mismatch', `The upload was refused: the file ${wrong}.`, [
    { field: 'target', message: wrong },
  ]);
}

/** The accepted key that a signature names; where there is none the app's own, so that the refusal names both. */
function requireKey({ keyId }: MinisignSignature, accepted: readonly string[]): PublicKey {
  const keys = accepted.map(parsePublicKey).filter((key) => key !== undefined);
  const publicKey = keys.find((key) => key.keyId.equals(keyId)) ?? keys[0];
  if (publicKey === undefined) throw new Error('the public key of the app cannot be parsed');
  return publicKey;
}

function mismatch(field: string, message: string): Problem {
  return new Problem('content_mismatch', `The upload was refused: ${field} ${message}.`, [
    { field, message },
  ]);
}
