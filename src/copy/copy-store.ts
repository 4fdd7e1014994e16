import { setTimeout as sleep } from 'node:timers/promises';
import type { Actor } from '../database/attribution.ts';
import type { Database } from '../database/database.ts';
import { databaseFailure } from '../database/database-error.ts';
import { recordCopyDone, recordCopyEnded, recordCopyStarted } from '../database/queries/copy-state.ts';
import { forgetOrphans, recordOrphans } from '../database/queries/orphans.ts';
import { importAudit, readSnapshot, replaceRows, type Snapshot } from '../database/queries/snapshot.ts';
import { bindStorage } from '../database/queries/storage-binding.ts';
import type { Queries } from '../database/schema.ts';
import { transact } from '../database/transaction.ts';
import { OtaError } from '../errors.ts';
import { Ownership } from '../ownership/ownership.ts';
import type { S3Storage } from '../storage/s3/s3-storage.ts';
import { checkCopyPreconditions, readTarget, verifiedKeys } from './copy-preconditions.ts';
import { type CopyProgress, importFiles, requireStillThere } from './import-files.ts';
import { type CompleteArtifact, completeArtifacts, countPendingUploads, snapshotDigest } from './snapshot.ts';

/** A store on one machine that nothing changes during the copy. */
export interface CopySource {
  readonly dataDir: string;
  readonly queries: Database['queries'];
}

export interface CopyPlan {
  readonly snapshot: Snapshot;
  readonly files: readonly CompleteArtifact[];
  readonly bytes: number;
  /** Uploads that were granted and have not arrived; they cannot arrive at the copy. */
  readonly pendingUploads: number;
}

export interface CopyOptions extends CopyProgress {
  readonly source: CopySource;
  readonly target: Database;
  readonly storage: S3Storage;
  readonly place: string;
  readonly signal: AbortSignal;
  readonly by: Actor;
  readonly onWait: (reason: OtaError) => void;
  /** How many small files are copied at once. */
  readonly concurrency: number;
}

export async function planCopy({ queries }: CopySource): Promise<CopyPlan> {
  const snapshot = withoutMarks(await queries.transaction().execute(readSnapshot));
  const files = completeArtifacts(snapshot);
  const bytes = files.reduce((sum, { file_size }) => sum + file_size, 0);
  return { snapshot, files, bytes, pendingUploads: countPendingUploads(snapshot) };
}

/** What the source's storage had lost is not lost in the copy. */
function withoutMarks({ artifacts, ...snapshot }: Snapshot): Snapshot {
  return { ...snapshot, artifacts: artifacts.map((artifact) => ({ ...artifact, lost_at: null })) };
}

/** @throws OtaError `conflict`, see `checkCopyPreconditions` */
export async function requireUsableTarget(plan: CopyPlan, target: Database, place: string): Promise<void> {
  checkCopyPreconditions(plan.snapshot, await transact(target.queries, readTarget), place);
}

/**
 * Copies a store to another database and bucket: first each file, read back and hashed, then all rows in one
 * transaction. Until then the target shows nothing of the copy. A run after an interrupted one sends only what is
 * missing.
 * @returns `same` when everything was already there
 * @throws OtaError `network` when the database or the bucket became unavailable: run it again; `verification_failed`
 *   when files differ from their record; `conflict`, see `checkCopyPreconditions`; `store_unavailable` when the bucket
 *   belongs to another database
 */
export async function copyStore(plan: CopyPlan, options: CopyOptions): Promise<'copied' | 'same'> {
  const { target, storage, place, signal, onWait } = options;
  const ownership = await Ownership.open({ database: target, storage, location: place });
  await bindStorage(target.queries, place);
  try {
    if (ownership.problem) onWait(ownership.problem);
    await ownership.prove(async (milliseconds) => {
      await sleep(milliseconds, undefined, { signal }).catch(() => signal.throwIfAborted());
    });
    ownership.start();
    return await copyFilesThenRows(plan, { ...options, ownership });
  } catch (error) {
    throw toRetryable(error);
  } finally {
    await ownership.stop();
  }
}

async function copyFilesThenRows(
  plan: CopyPlan,
  options: CopyOptions & { readonly ownership: Ownership },
): Promise<'copied' | 'same'> {
  const { source, target, storage, place, by: actor, signal, concurrency, ownership, ...progress } = options;
  const found = await transact(target.queries, async (transaction) => {
    const state = await readTarget(transaction);
    checkCopyPreconditions(plan.snapshot, state, place);
    await recordCopyStarted(transaction, target.clock());
    await recordOrphans(transaction, plan.files.map(toOrphan), target.clock());
    return state;
  });
  const importing = { dataDir: source.dataDir, storage, verified: verifiedKeys(found), signal, concurrency };
  await importFiles(plan.files, plan.snapshot, { ...importing, ...progress });
  signal.throwIfAborted();
  const { snapshot } = await planCopy(source); // tokens may have been revoked since
  requireSameFiles(snapshot, plan);
  await requireStillThere(plan.files, importing);
  await ownership.confirm();
  return transact(target.queries, async (transaction) => {
    await forgetOrphans(transaction, plan.files.map(toOrphan));
    if (checkCopyPreconditions(snapshot, await readTarget(transaction), place) === 'same') {
      await recordCopyEnded(transaction);
      return 'same';
    }
    await importRows(transaction, snapshot, source);
    const by = { actor, now: target.clock() };
    await recordCopyDone(transaction, snapshotDigest(snapshot, { withPending: false }), by);
    return 'copied';
  });
}

function toOrphan({ storage_key: name }: CompleteArtifact) {
  return { name, kind: 'file' } as const;
}

async function importRows(transaction: Queries, snapshot: Snapshot, source: CopySource): Promise<void> {
  await replaceRows(transaction, snapshot);
  await importAudit(transaction, source.queries, snapshot);
  const all = { withPending: true };
  if (snapshotDigest(await readSnapshot(transaction), all) === snapshotDigest(snapshot, all)) return;
  throw new OtaError('verification_failed', 'the database does not return the rows that were written to it', {
    hint: 'Nothing was changed. Use another database, without triggers or rules of its own.',
  });
}

/** Only a server adds files, and none runs: so this finds a change by other means. */
function requireSameFiles(snapshot: Snapshot, { files }: CopyPlan): void {
  const imported = new Set(files.map(({ storage_key, sha256 }) => `${storage_key} ${sha256}`));
  const isImported = ({ storage_key, sha256 }: CompleteArtifact) => imported.has(`${storage_key} ${sha256}`);
  if (completeArtifacts(snapshot).every(isImported)) return;
  throw new OtaError('network', 'the store changed while it was being copied', {
    hint: 'Make sure that nothing writes to it, and run the same command again.',
  });
}

/** Database and bucket were usable at the start, so that they may be again. */
function toRetryable(error: unknown): unknown {
  const failure = databaseFailure(error) ?? error;
  if (!(failure instanceof OtaError)) return failure;
  if (failure.code !== 'store_unavailable' && failure.code !== 'outcome_unknown') return failure;
  return new OtaError('network', failure.message, {
    cause: failure.cause,
    hint: 'Run the same command again once it is available: it continues where this run stopped.',
  });
}
