import type { FastifyBaseLogger } from 'fastify';
import { databaseFailure, isDurabilityLost } from '../../database/database-error.ts';
import { forgetExpiredUploads, isReferenced } from '../../database/queries/artifacts.ts';
import { isCopyUnderWay } from '../../database/queries/copy-state.ts';
import { isMultipartGrant } from '../../database/queries/pending-uploads.ts';
import { publishLeftWaiting } from '../../database/queries/publish-release.ts';
import { databaseId } from '../../database/queries/settings.ts';
import { rotateUrlSigningKeys } from '../../database/queries/url-signing-keys.ts';
import { OtaError } from '../../errors.ts';
import { isRemote, type RemoteStorage } from '../../storage/remote-storage.ts';
import { type Services, UPLOAD_URL_LIFE_MS } from '../services.ts';
import { DeletionQueue } from './deletion-queue.ts';

/** How often expired uploads and what they leave is looked for, in milliseconds. */
const INTERVAL_MS = 60 * 60 * 1000;
/** Bytes that no row refers to are left alone this long, in milliseconds: longer than any URL or upload lives. */
const ORPHAN_GRACE_MS = 24 * 60 * 60 * 1000;
/**
 * A crash leaves a file or two. Where more belong to no row, the database is not the one of these files (an older copy,
 * say), and removing them would be the disaster.
 */
const MAX_ORPHANS = 100;
const MAX_ORPHAN_SHARE = 0.2;
/** A URL signing key signs this long, in milliseconds, and verifies twice as long. */
const SIGNING_KEY_AGE_MS = 30 * 24 * 60 * 60 * 1000;

export interface Maintenance {
  /** Resolves when everything was tried once. */
  readonly firstRound: Promise<void>;
  /**
   * Removes the bytes of deleted releases; those that cannot be removed now stay queued in the database, and are tried
   * again. Resolves when they were tried.
   */
  removeDeleted(): Promise<void>;
  /** Breaks off what takes long. Resolves when nothing is being removed any more. */
  stop(): Promise<void>;
}

/**
 * What the server does beside answering: removes deleted bytes, left-overs of crashes and old signing keys, and goes on
 * with releases that waited for uploads which never came.
 */
export function startMaintenance(services: Services, logger: FastifyBaseLogger): Maintenance {
  const { database, clock } = services;
  const stopping = new AbortController();
  const { signal } = stopping;
  const report = (error: unknown) => {
    const failure = databaseFailure(error) ?? (error as Error);
    logger.error({ err: failure }, 'upkeep failed');
    if (isDurabilityLost(failure)) services.onDurabilityLost(failure);
  };
  const removals = new DeletionQueue(services, report); // nobody who deletes waits for left-overs to be listed
  let running: Promise<void> = Promise.resolve();
  /** One after the other; a failure is logged and the work comes again with the next round. */
  const enqueue = (work: () => Promise<unknown>): Promise<void> => {
    running = running
      .then(async () => {
        if (!signal.aborted) await work();
      })
      .catch(report);
    return running;
  };
  const round = async () => {
    const removed = removals.run();
    void enqueue(() => publishLeftWaiting(database.queries, clock()));
    void enqueue(() => removeLeftovers(services, signal));
    await enqueue(() => rotateUrlSigningKeys(database.queries, SIGNING_KEY_AGE_MS, clock()));
    await removed;
  };
  const firstRound = round();
  const timer = setInterval(() => void round(), INTERVAL_MS).unref();
  return {
    firstRound,
    removeDeleted: () => removals.run(),
    async stop() {
      clearInterval(timer);
      stopping.abort();
      await Promise.all([removals.stop(), running]);
    },
  };
}

async function removeLeftovers(services: Services, signal: AbortSignal): Promise<void> {
  const { database, storage, clock } = services;
  if (isRemote(storage)) await requireStillOurs(storage, await databaseId(database.queries));
  const olderThan = new Date(clock().getTime() - ORPHAN_GRACE_MS);
  await forgetExpiredUploads(database.queries, olderThan);
  if (await isCopyUnderWay(database.queries, clock())) return; // what it brought has no rows yet
  await storage.sweepStaged(olderThan, signal);
  await endAbandonedParts(services, signal);
  const orphans: string[] = [];
  let total = 0;
  for await (const key of storage.promotedKeys(olderThan)) {
    if (signal.aborted) return;
    total++;
    if (!(await isReferenced(database.queries, key))) orphans.push(key);
  }
  if (orphans.length > MAX_ORPHANS || orphans.length > total * MAX_ORPHAN_SHARE) {
    throw new Error(
      `${orphans.length} of ${total} stored files belong to no release: more than crashes leave, so none is removed. ` +
        'Is this the right database for the data folder?',
    );
  }
  for (const key of orphans) {
    if (signal.aborted) return;
    // Listing takes its time: a copy may have been begun meanwhile, or ended.
    if (await isCopyUnderWay(database.queries, clock())) return;
    if (!(await isReferenced(database.queries, key))) await storage.remove(key);
  }
}

/**
 * The place may have been given to another database since the start, as the hint of `requireOwner` says how to.
 * @throws OtaError `store_unavailable`
 */
async function requireStillOurs(storage: RemoteStorage, id: string): Promise<void> {
  await storage.requireOwner(id).catch((error) => {
    if (!(error instanceof OtaError)) throw error;
    const { code, message, hint } = error;
    throw new OtaError(code, `no left-overs are removed: ${message}`, {
      cause: error,
      ...(hint && { hint }),
    });
  });
}

/**
 * Extension `multipart`: ends what no promise refers to (any more), and so nobody goes on with. A promise is forgotten
 * with its release, or a day after its URLs expired; what is fresh may not be recorded yet.
 */
async function endAbandonedParts({ database, storage, clock }: Services, signal: AbortSignal): Promise<void> {
  if (!isRemote(storage)) return;
  const { parts } = storage;
  for await (const upload of parts.unfinished(new Date(clock().getTime() - UPLOAD_URL_LIFE_MS))) {
    if (signal.aborted) return;
    const { uploadId, multipartId } = upload;
    if (!(await isMultipartGrant(database.queries, uploadId, multipartId))) await parts.abort(upload);
  }
}
