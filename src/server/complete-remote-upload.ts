import { findUpload, type PendingUpload } from '../database/artifacts.ts';
import { Problem } from '../protocol/problem.ts';
import type { RemoteStorage } from '../storage/remote-storage.ts';
import { completeUpload, wrongSize } from './complete-upload.ts';
import type { Services } from './services.ts';

/**
 * Takes an upload from a storage that it arrived in by itself, if it did, and completes it.
 * What is refused leaves nothing behind, neither where it arrived nor where it would be served from.
 * @throws Problem as `completeUpload`
 */
export async function completeRemoteUpload(
  services: Services,
  storage: RemoteStorage,
  upload: PendingUpload,
): Promise<'complete' | 'not_there' | 'gone'> {
  const { id, fileSize: size, sha256, pubkey } = upload;
  const identified = sha256 !== null || pubkey !== null;
  const received = await storage.receive(id, { size, blake2b512: pubkey !== null, identified });
  if (received === 'not_there') return received;
  if (received === 'size_differs') throw wrongSize(upload);
  try {
    await completeUpload(services, upload, received);
  } catch (error) {
    if (!(error instanceof Problem)) throw error; // nobody's fault who uploaded: what arrived stays, for another try
    await received.discardArrived();
    const now = await findUpload(services.database.queries, id);
    if (now === undefined) return 'gone';
    if (now === 'complete') return now; // by another node, from the same bytes
    throw error;
  }
  await received.discardArrived();
  return 'complete';
}
