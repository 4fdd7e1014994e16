import { forgetExpiredUploads } from '../../database/queries/artifacts.ts';
import { isCopyUnderWay } from '../../database/queries/copy-state.ts';
import { forgetOrphan, isRecordedOrphan, takeOrphans } from '../../database/queries/orphans.ts';
import { isMultipartGrant } from '../../database/queries/pending-uploads.ts';
import { type Services, UPLOAD_URL_LIFE_MS } from '../services.ts';
import { arrivalsOf } from '../uploads/arriving-uploads.ts';

/** How old orphans must be, in milliseconds: older than any URL or upload gets. */
const ORPHAN_AGE_MS = 24 * 60 * 60 * 1000;
/** How many are removed in one round: what is removed by mistake has to be noticed before all is gone. */
const MAX_REMOVED = 500;

export interface SweepOptions {
  readonly now: Date;
  /** Stops early. */
  readonly signal: AbortSignal;
}

/**
 * Forgets uploads that never came, and removes what crashes and expired uploads leave in the storage: only what this
 * database has recorded before it was stored, and no artifact refers to. Other files are never touched.
 * @throws OtaError as `ArtifactStorage`
 */
export async function sweepOrphans(services: Services, { now, signal }: SweepOptions): Promise<void> {
  const { database, storage, ownership } = services;
  const { queries } = database;
  const olderThan = new Date(now.getTime() - ORPHAN_AGE_MS);
  await ownership?.confirm();
  await forgetExpiredUploads(queries, olderThan);
  if (await isCopyUnderWay(queries, now)) return; // imported files have no rows yet
  await abortAbandonedUploads(services, { now, signal });
  for (const orphan of await takeOrphans(queries, olderThan, MAX_REMOVED)) {
    if (signal.aborted) return;
    await storage.removeOrphan(orphan);
    await forgetOrphan(queries, orphan.name);
  }
}

/**
 * Extension `multipart`: aborts uploads that no grant refers to. A grant is forgotten with its release, or a day after its
 * URLs expired; a very recent one may not be recorded yet.
 */
async function abortAbandonedUploads(
  { database: { queries }, storage }: Services,
  { now, signal }: SweepOptions,
): Promise<void> {
  const parts = arrivalsOf(storage)?.parts;
  if (parts === undefined) return;
  for await (const upload of parts.unfinished(new Date(now.getTime() - UPLOAD_URL_LIFE_MS))) {
    if (signal.aborted) return;
    const { uploadId, multipartId } = upload;
    const isAbandoned =
      (await isRecordedOrphan(queries, uploadId)) &&
      !(await isMultipartGrant(queries, uploadId, multipartId));
    if (isAbandoned) await parts.abort(upload);
  }
}
