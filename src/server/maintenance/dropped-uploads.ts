import { endDrop, takeDropped } from '../../database/queries/orphans.ts';
import { type Services, UPLOAD_URL_LIFE_MS } from '../services.ts';

/** How many uploads are removed in one round, so that neither the bucket nor the disk has much to do at once. */
const MAX_REMOVED = 200;
/** How long until the same is removed again while URLs of it may be valid, in milliseconds: they may be used again. */
const AGAIN_MS = 10 * 60 * 1000;

export interface DropRound {
  readonly now: Date;
  /** Stops early. */
  readonly signal: AbortSignal;
}

/**
 * Removes what has arrived for uploads that were dropped with their token or their release: the staged bytes, and the
 * parts. Their URLs are still valid in a bucket, so it is done again until they have expired.
 * @throws OtaError as `ArtifactStorage`
 */
export async function removeDropped(services: Services, { now, signal }: DropRound): Promise<void> {
  const { database, storage, ownership } = services;
  const again = new Date(now.getTime() + AGAIN_MS);
  const dropped = await takeDropped(database.queries, { now, again, limit: MAX_REMOVED });
  if (dropped.length > 0) await ownership?.confirm();
  for (const upload of dropped) {
    if (signal.aborted) return;
    await storage.removeOrphan(upload);
    const isOver = now.getTime() > upload.createdAt.getTime() + UPLOAD_URL_LIFE_MS;
    if (isOver) await endDrop(database.queries, upload.name);
  }
}
