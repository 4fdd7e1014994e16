import { type CopyState, copyState } from '../database/queries/copy-state.ts';
import { readSnapshot, type Snapshot } from '../database/queries/snapshot.ts';
import { storageBinding } from '../database/queries/storage-binding.ts';
import type { Queries } from '../database/schema.ts';
import { OtaError } from '../errors.ts';
import { completeArtifacts, descendsFrom, snapshotDigest } from './snapshot.ts';

/** A database to copy a store into, as it was found. */
export interface CopyTarget {
  readonly snapshot: Snapshot;
  readonly copy: CopyState | undefined;
  /** Where its artifacts are; undefined when it was never served and never copied into. */
  readonly place: string | undefined;
}

/** Takes a transaction. */
export async function readTarget(transaction: Queries): Promise<CopyTarget> {
  return {
    snapshot: await readSnapshot(transaction),
    copy: await copyState(transaction),
    place: await storageBinding(transaction),
  };
}

/**
 * Whether a store may be copied into a database: only into an empty one, or into an earlier copy of the same store that
 * has not changed since.
 * @param place where the artifacts are to be
 * @returns `same` when the database has everything already
 * @throws OtaError `conflict`
 */
export function checkCopyPreconditions(
  source: Snapshot,
  target: CopyTarget,
  place: string,
): 'same' | 'differs' {
  const { snapshot, copy } = target;
  if (target.place !== undefined && target.place !== place) {
    throw new OtaError('conflict', `the artifacts of the database are in ${target.place}, not in ${place}`, {
      hint: `Pass --to-storage ${target.place} to continue a copy to there; otherwise use another database.`,
    });
  }
  if (snapshot.apps.length === 0) {
    return source.apps.length === 0 && copy?.state === 'done' ? 'same' : 'differs';
  }
  if (copy?.state !== 'done') {
    throw new OtaError('conflict', 'the database already has apps, and they are not a copy of this store', {
      hint: 'Use an empty database, and a prefix of its own in the bucket.',
    });
  }
  if (!isUnchanged(source, target, copy.digest)) {
    throw new OtaError('conflict', 'the database has changed since the last copy', {
      hint: 'Keep using it, as another copy would undo the changes; or copy to an empty database and another prefix.',
    });
  }
  if (digestOfAll(source) === digestOfAll(snapshot)) return 'same';
  if (descendsFrom(source, snapshot)) return 'differs';
  throw new OtaError(
    'conflict',
    'the database holds the copy of another store, or of a later state of this one',
    { hint: 'Check --from-data-dir and --to-database, or use an empty database.' },
  );
}

function isUnchanged(source: Snapshot, { snapshot }: CopyTarget, digest: string): boolean {
  const copied = new Set(source.artifacts.map(({ id }) => id));
  const hasNewUpload = snapshot.artifacts.some(({ status, id }) => status === 'pending' && !copied.has(id));
  return !hasNewUpload && snapshotDigest(snapshot, { withPending: false }) === digest;
}

function digestOfAll(snapshot: Snapshot): string {
  return snapshotDigest(snapshot, { withPending: true });
}

/** The storage keys of files that were verified by a finished copy, or since then by the server. */
export function verifiedKeys({ snapshot, copy }: CopyTarget): ReadonlySet<string> {
  const verified = copy?.state === 'done' ? completeArtifacts(snapshot) : [];
  return new Set(verified.map(({ storage_key }) => storage_key));
}
