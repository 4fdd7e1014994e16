import { mayBeCommitted } from '../../database/database-error.ts';
import { findUpload, type PendingUpload } from '../../database/queries/artifacts.ts';
import { Problem } from '../../protocol/problem.ts';
import type { RemoteStorage } from '../../storage/remote-storage.ts';
import type { Services } from '../services.ts';
import { completeUpload, wrongSize } from './finalize-upload.ts';

/** An upload that is complete. */
export interface Completed {
  /** Whether its release went live by that; undefined when it was not this node that completed it. */
  readonly wentLive: boolean | undefined;
}

/**
 * Takes an upload from a storage that it arrived in by itself, if it did, and completes it.
 * What is refused leaves nothing behind, neither where it arrived nor where it would be served from.
 * Where another node had it meanwhile, what became of it counts, and not that nothing is left to be taken.
 * @param record keeps why it is refused, before anything is dropped; resolves to whether that could be recorded
 * @throws Problem as `completeUpload`
 * @throws OtaError `store_unavailable` too when what is wrong is not what arrived, but what the store made of it
 */
export async function finalizeRemoteUpload(
  services: Services,
  storage: RemoteStorage,
  upload: PendingUpload,
  record: (refusal: Problem) => Promise<boolean>,
): Promise<Completed | 'not_there' | 'gone'> {
  const settled = () => settledUpload(services, upload.id);
  try {
    const outcome = await takeUpload(services, storage, upload, record);
    return outcome === 'not_there' ? ((await settled()) ?? outcome) : outcome;
  } catch (error) {
    if (mayBeCommitted(error)) throw error; // what the row says now may not last
    const outcome = await settled().catch(() => undefined);
    if (outcome === undefined) throw error;
    return outcome;
  }
}

async function takeUpload(
  services: Services,
  storage: RemoteStorage,
  upload: PendingUpload,
  record: (refusal: Problem) => Promise<boolean>,
): Promise<Completed | 'not_there'> {
  const { id, fileSize: size, sha256, pubkey } = upload;
  const identified = sha256 !== null || pubkey !== null;
  const received = await storage.receive(id, { size, blake2b512: pubkey !== null, identified });
  if (received.kind === 'not_there') return 'not_there';
  const refuse = async (refusal: Problem): Promise<never> => {
    // What nobody recorded stays, to be refused again, unless there is nothing left to be told.
    const isKnown = (await record(refusal)) || (await settledUpload(services, id)) !== undefined;
    if (isKnown) await received.discardArrived().catch(() => {}); // upkeep sweeps it
    throw refusal;
  };
  if (received.kind === 'wrong_size') return refuse(wrongSize(upload));
  try {
    const wentLive = await completeUpload(services, upload, received);
    await received.discardArrived().catch(() => {}); // upkeep sweeps it
    return { wentLive };
  } catch (error) {
    if (!(error instanceof Problem)) throw error; // nobody's issue who uploaded: what arrived stays, for another try
    if (error.code === 'content_mismatch') await received.requireFaithful();
    return refuse(error);
  }
}

/** Undefined while it is pending. */
async function settledUpload({ database }: Services, id: string): Promise<Completed | 'gone' | undefined> {
  const now = await findUpload(database.queries, id);
  if (now === undefined) return 'gone';
  return now === 'complete' ? { wentLive: undefined } : undefined; // by another node, from the same bytes
}
