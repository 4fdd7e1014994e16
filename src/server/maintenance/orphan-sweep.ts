import { forgetExpiredUploads, isReferenced } from '../../database/queries/artifacts.ts';
import { isCopyUnderWay } from '../../database/queries/copy-state.ts';
import { isMultipartGrant } from '../../database/queries/pending-uploads.ts';
import { databaseId } from '../../database/queries/settings.ts';
import { OtaError } from '../../errors.ts';
import { isRemote, type RemoteStorage } from '../../storage/remote-storage.ts';
import { type Services, UPLOAD_URL_LIFE_MS } from '../services.ts';

/** How old orphans must be, in milliseconds: older than any URL or upload gets. */
const ORPHAN_AGE_MS = 24 * 60 * 60 * 1000;
/**
 * A crash leaves a file or two. If more belong to no row, the database is not the one for these files (an older copy,
 * say), and removing them would be a disaster.
 */
const MAX_ORPHANS = 100;
const MAX_ORPHAN_SHARE = 0.2;

/**
 * Forgets uploads that never came, and removes what crashes and expired uploads leave in the storage.
 * @param signal stops early
 * @throws OtaError as `ArtifactStorage`; Error when there are too many orphans
 */
export async function sweepOrphans(services: Services, signal: AbortSignal): Promise<void> {
  const { database, storage, clock } = services;
  const { queries } = database;
  if (isRemote(storage)) await requireStillOurs(storage, await databaseId(queries));
  const olderThan = new Date(clock().getTime() - ORPHAN_AGE_MS);
  await forgetExpiredUploads(queries, olderThan);
  if (await isCopyUnderWay(queries, clock())) return; // imported files have no rows yet
  await storage.sweepStaged(olderThan, signal);
  await abortAbandonedUploads(services, signal);
  const orphans = await findOrphans(services, olderThan, signal);
  for (const key of orphans) {
    if (signal.aborted) return;
    // Listing takes its time: in the meantime a copy may have started, or ended.
    if (await isCopyUnderWay(queries, clock())) return;
    if (!(await isReferenced(queries, key))) await storage.remove(key);
  }
}

/** @returns the keys of promoted bytes that no row refers to; none when aborted */
async function findOrphans(
  { database, storage }: Services,
  olderThan: Date,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const orphans: string[] = [];
  let total = 0;
  for await (const key of storage.promotedKeys(olderThan)) {
    if (signal.aborted) return [];
    total++;
    if (!(await isReferenced(database.queries, key))) orphans.push(key);
  }
  if (orphans.length > MAX_ORPHANS || orphans.length > total * MAX_ORPHAN_SHARE) {
    throw new Error(
      `${orphans.length} of ${total} stored files belong to no release: more than crashes leave behind, so none was removed. ` +
        'Is this the right database for the data folder?',
    );
  }
  return orphans;
}

/**
 * The place may have been given to another database since the start, as the hint of `requireOwner` explains.
 * @throws OtaError `store_unavailable`
 */
async function requireStillOurs(storage: RemoteStorage, id: string): Promise<void> {
  await storage.requireOwner(id).catch((error) => {
    if (!(error instanceof OtaError)) throw error;
    const { code, message, hint } = error;
    throw new OtaError(code, `orphaned files are not removed: ${message}`, {
      cause: error,
      ...(hint && { hint }),
    });
  });
}

/**
 * Extension `multipart`: aborts uploads that no grant refers to. A grant is forgotten with its release, or a day after its
 * URLs expired; a very recent one may not be recorded yet.
 */
async function abortAbandonedUploads(
  { database, storage, clock }: Services,
  signal: AbortSignal,
): Promise<void> {
  if (!isRemote(storage)) return;
  const { parts } = storage;
  for await (const upload of parts.unfinished(new Date(clock().getTime() - UPLOAD_URL_LIFE_MS))) {
    if (signal.aborted) return;
    const { uploadId, multipartId } = upload;
    if (!(await isMultipartGrant(database.queries, uploadId, multipartId))) await parts.abort(upload);
  }
}
