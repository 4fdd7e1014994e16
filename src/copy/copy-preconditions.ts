import { type CopyState, copyState } from '../database/queries/copy-state.ts';
import {
  completeRows,
  descendsFrom,
  digestOf,
  readRows,
  type StoreRows,
} from '../database/queries/snapshot.ts';
import { storageBinding } from '../database/queries/storage-binding.ts';
import type { Queries } from '../database/schema.ts';
import { OtaError } from '../errors.ts';

/** A database that a store is to be copied into, as it was found. */
export interface CopyTarget {
  readonly rows: StoreRows;
  readonly copy: CopyState | undefined;
  /** Where it says that its artifacts are. */
  readonly place: string | undefined;
}

/** Reads what there is to judge a database by, which takes a transaction. */
export async function readTarget(transaction: Queries): Promise<CopyTarget> {
  return {
    rows: await readRows(transaction),
    copy: await copyState(transaction),
    place: await storageBinding(transaction),
  };
}

/**
 * Whether a store may be copied into a database: there is nothing yet, or a copy of this very store that nobody changed
 * since.
 * @param place where the artifacts are to be
 * @returns `same` when everything is there
 * @throws OtaError `conflict`
 */
export function checkCopyPreconditions(
  source: StoreRows,
  target: CopyTarget,
  place: string,
): 'same' | 'differs' {
  const { rows, copy } = target;
  if (target.place !== undefined && target.place !== place) {
    throw new OtaError('conflict', `the artifacts of the database are in ${target.place}, not in ${place}`, {
      hint: `Give --to-storage ${target.place}, if that is where this copy was begun; else use another database.`,
    });
  }
  if (rows.apps.length === 0) return source.apps.length === 0 && copy?.state === 'done' ? 'same' : 'differs';
  if (copy?.state !== 'done') {
    throw new OtaError('conflict', 'the database has apps already, and they are not a copy of this store', {
      hint: 'Use an empty database, and a prefix of its own in the bucket.',
    });
  }
  if (!isUnchanged(source, target, copy.digest)) {
    throw new OtaError('conflict', 'the database was changed since it was copied into', {
      hint: 'Go on with it, as copying again would undo that; or copy into an empty database and another prefix.',
    });
  }
  if (digestOf(source, { promises: true }) === digestOf(rows, { promises: true })) return 'same';
  if (descendsFrom(source, rows)) return 'differs';
  throw new OtaError(
    'conflict',
    'the database holds the copy of another store, or of a later state of this one',
    {
      hint: 'Poll whether --from-data-dir and --to-database are the ones you mean; else use an empty database.',
    },
  );
}

function isUnchanged(source: StoreRows, { rows }: CopyTarget, digest: string): boolean {
  const promised = new Set(source.artifacts.map(({ id }) => id));
  const hasPromised = rows.artifacts.some(({ status, id }) => status === 'pending' && !promised.has(id));
  return !hasPromised && digestOf(rows, { promises: false }) === digest;
}

/** The storage keys of files that a finished copy, or the server since, found to be right. */
export function verifiedKeys({ rows, copy }: CopyTarget): ReadonlySet<string> {
  return new Set(copy?.state === 'done' ? completeRows(rows).map(({ storage_key }) => storage_key) : []);
}
